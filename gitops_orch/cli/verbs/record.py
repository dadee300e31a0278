"""Defines the verbs that show the past: `history`, `explain`, `logs`."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, TypeAlias

import typer

from gitops_orch.cli import exit_codes
from gitops_orch.cli.options import Output
from gitops_orch.cli.render.record_text import render_explanation, render_history
from gitops_orch.cli.render.words import plain
from gitops_orch.cli.shell import Shell
from gitops_orch.cli.verbs.completion import complete_app_or_service, complete_container, complete_known_app
from gitops_orch.errors import GitopsOrchError
from gitops_orch.model.documents.document import Document
from gitops_orch.settings import parse_duration_s

LIMIT_DEFAULT = 20
TAIL_DEFAULT = 100
TAIL_MAX = 10_000
KnownApp: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="[APP]", help="app or namespace/app.", autocompletion=complete_known_app),
]
Limit: TypeAlias = Annotated[
    int, typer.Option("--limit", min=1, max=10_000, help="How many runs and releases.")
]
Tail: TypeAlias = Annotated[int, typer.Option("--tail", min=1, max=TAIL_MAX, help="How many lines of each.")]


def history(shell: Shell, app: KnownApp = None, limit: Limit = LIMIT_DEFAULT) -> int:
    """Show runs and releases, newest first."""
    from gitops_orch.daemon.application import open_history
    from gitops_orch.daemon.reports.documents import history_document

    with open_history(shell.settings) as store:
        shell.show(history_document(store, app, limit=limit), render_history)
    return exit_codes.OK


def explain(
    shell: Shell,
    container: Annotated[
        str, typer.Argument(metavar="CONTAINER", help="A name or an id.", autocompletion=complete_container)
    ],
) -> int:
    """Say why a container exists, and what happened to it."""
    from gitops_orch.daemon.application import open_application
    from gitops_orch.daemon.reports.documents import explanation_document

    with (
        shell.busy("looking for it on all hosts"),
        open_application(shell.settings, shell.repository_url) as application,
    ):
        document = explanation_document(application, container)
    shell.show(document, render_explanation)
    return exit_codes.OK


def logs(
    shell: Shell,
    target: Annotated[str, typer.Argument(metavar="APP[/SERVICE]", autocompletion=complete_app_or_service)],
    tail: Tail = TAIL_DEFAULT,
    since: Annotated[
        str, typer.Option("--since", metavar="T", help="10m ago, or 2026-12-01T00:00:00Z.")
    ] = "",
    timestamps: Annotated[bool, typer.Option("--timestamps", help="Each line after its time.")] = False,  # noqa: FBT002  typer's way of a flag
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until Ctrl-C.")] = False,  # noqa: FBT002  typer's way of a flag
) -> int:
    """Print what an app's containers print, from all hosts."""
    from gitops_orch.daemon.application import open_application
    from gitops_orch.daemon.reports.documents import logs_document
    from gitops_orch.daemon.reports.log_follow import Wanted, follow_logs

    start = parse_since(since, now=datetime.now(UTC)) if since else None
    wanted = Wanted(tail=tail, since=start, timestamps=timestamps)
    if follow:
        if shell.output is Output.JSON:
            raise GitopsOrchError("-f prints lines, not JSON", hint="leave out -f or -o json")
        with open_application(shell.settings, shell.repository_url) as application:
            follow_logs(application, target, wanted, partial(_print_line, shell))
        return exit_codes.OK
    with (
        shell.busy("asking all hosts"),
        open_application(shell.settings, shell.repository_url) as application,
    ):
        document = logs_document(application, target, wanted)
    if shell.output is Output.JSON:
        shell.print_json(document)
    else:
        _print_logs(shell, document)
    return exit_codes.ERROR if document["unknown_hosts"] else exit_codes.OK


def parse_since(text: str, *, now: datetime) -> datetime:
    """Parse a time, or a duration before now; GitopsOrchError if it is neither."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = now - timedelta(seconds=parse_duration_s(text))
        except (ValueError, OverflowError) as error:
            raise GitopsOrchError(
                f'--since: "{text}" is neither a time nor a duration',
                hint="write it as 2026-12-01T00:00:00Z or as 2h30m",
            ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _print_line(shell: Shell, host: str, name: str, line: str) -> None:
    shell.out.print(f"{plain(host)}/{plain(name)} | {plain(line)}")


def _print_logs(shell: Shell, document: Document) -> None:
    for row in document["containers"] if isinstance(document["containers"], list) else ():
        if isinstance(row, dict):
            for line in str(row["log"]).splitlines():
                _print_line(shell, str(row["host"]), str(row["name"]), line)
    for name in document["unknown_hosts"] if isinstance(document["unknown_hosts"], list) else ():
        shell.note(f"host {plain(name)} did not answer: its lines are missing", style="magenta")

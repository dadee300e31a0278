"""The verbs that tell what was: `history`, `explain`, `logs`."""

from typing import Annotated, TypeAlias

import typer

from gitops_orch.cli import exit_codes
from gitops_orch.cli.look import OptionalApp
from gitops_orch.cli.render import plain
from gitops_orch.cli.render_record import render_explanation, render_history
from gitops_orch.cli.shell import Output, Shell
from gitops_orch.model.serial import Document

LIMIT_DEFAULT = 20
TAIL_DEFAULT = 100
TAIL_MAX = 10_000
Limit: TypeAlias = Annotated[
    int, typer.Option("--limit", min=1, max=10_000, help="How many runs and releases.")
]
Tail: TypeAlias = Annotated[int, typer.Option("--tail", min=1, max=TAIL_MAX, help="How many lines of each.")]


def history(shell: Shell, app: OptionalApp = None, limit: Limit = LIMIT_DEFAULT) -> int:
    """Show runs and releases, newest first: commit, author, trigger, plan, result, durations, digests."""
    from gitops_orch.daemon.house import open_history
    from gitops_orch.daemon.record import history_document

    with open_history(shell.settings) as store:
        shell.show(history_document(store, app, limit=limit), render_history)
    return exit_codes.OK


def explain(
    shell: Shell, container: Annotated[str, typer.Argument(metavar="CONTAINER", help="A name or an id.")]
) -> int:
    """Say why a container exists: commit, author, plan, reasons, health timeline."""
    from gitops_orch.daemon.house import open_house
    from gitops_orch.daemon.record import explanation_document

    with shell.busy("looking for it on all hosts"), open_house(shell.settings, shell.repository_url) as house:
        document = explanation_document(house, container)
    shell.show(document, render_explanation)
    return exit_codes.OK


def logs(
    shell: Shell,
    target: Annotated[str, typer.Argument(metavar="APP[/SERVICE]")],
    tail: Tail = TAIL_DEFAULT,
) -> int:
    """Print the last lines of an app's containers, from all hosts."""
    from gitops_orch.daemon.house import open_house
    from gitops_orch.daemon.record import logs_document

    with shell.busy("asking all hosts"), open_house(shell.settings, shell.repository_url) as house:
        document = logs_document(house, target, tail=tail)
    if shell.output is Output.JSON:
        shell.print_json(document)
    else:
        _print_logs(shell, document)
    return exit_codes.ERROR if document["unknown_hosts"] else exit_codes.OK


def _print_logs(shell: Shell, document: Document) -> None:
    for row in document["containers"] if isinstance(document["containers"], list) else ():
        if isinstance(row, dict):
            for line in str(row["log"]).splitlines():
                shell.out.print(f"{plain(row['host'])}/{plain(row['name'])} | {plain(line)}")
    for name in document["unknown_hosts"] if isinstance(document["unknown_hosts"], list) else ():
        shell.note(f"host {plain(name)} did not answer: its lines are missing", style="magenta")

"""Defines the verbs that change something; the holder of the lease executes them: this process or a running service."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

import typer

from gitops_orch.cli.options import Output
from gitops_orch.cli.render.plan_text import render_run
from gitops_orch.cli.render.record_text import render_reply
from gitops_orch.cli.shell import Shell
from gitops_orch.cli.verbs.accepting import require_held
from gitops_orch.cli.verbs.completion import complete_app, complete_host, complete_known_app
from gitops_orch.cli.verbs.look import SomeApps, take_status
from gitops_orch.daemon.requests.verbs import Reply, Verb
from gitops_orch.errors import GitopsOrchError
from gitops_orch.settings import parse_duration_s

AppName: TypeAlias = Annotated[
    str, typer.Argument(metavar="APP", help="app or namespace/app.", autocompletion=complete_app)
]
KnownApp: TypeAlias = Annotated[
    str, typer.Argument(metavar="APP", help="app or namespace/app.", autocompletion=complete_known_app)
]


def sync(
    shell: Shell,
    apps: SomeApps = None,
    pull: Annotated[  # noqa: FBT002  typer's way of a flag
        bool, typer.Option("--pull", help="Check the tags of all images in their registries.")
    ] = False,
) -> int:
    """Reconcile once, to the end; exit 4: a release failed."""
    from gitops_orch.cli.verbs.progress import showing_progress
    from gitops_orch.daemon.requests.dispatch import perform

    with showing_progress(shell) as progress:
        arguments = {"apps": " ".join(apps)} if apps else {}
        arguments |= {"pull": "yes"} if pull else {}
        reply = perform(shell.settings, shell.repository_url, Verb.SYNC, arguments, progress)
    if "error" in reply.document and "actions" not in reply.document:
        return _show_reply(shell, reply)
    shell.show(reply.document, render_run)
    return reply.exit_code


def rollback(
    shell: Shell,
    app: KnownApp,
    to: Annotated[
        str | None, typer.Option("--to", metavar="COMMIT", help="Instead of the last stable one.")
    ] = None,
    no_push: Annotated[bool, typer.Option("--no-push", help="Pin it here; leave Git alone.")] = False,  # noqa: FBT002  typer's way of a flag
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the commit; push nothing.")] = False,  # noqa: FBT002  typer's way of a flag
) -> int:
    """Put an app's files back in Git, in a new commit."""
    if dry_run and no_push:
        raise GitopsOrchError("--no-push makes no commit to show", hint="leave out --no-push or --dry-run")
    if to is not None and not to.strip():
        raise GitopsOrchError("--to names no commit", hint="write a commit id, or leave --to out")
    return _ask(
        shell,
        Verb.ROLLBACK,
        app=app,
        to=to or "",
        push="no" if no_push else "yes",
        dry_run="yes" if dry_run else "",
    )


def retry(shell: Shell, app: AppName) -> int:
    """Lift the quarantine of an app's failed release."""
    return _ask(shell, Verb.RETRY, app=app)


def unpin(shell: Shell, app: AppName) -> int:
    """Lift the pin of an app."""
    return _ask(shell, Verb.UNPIN, app=app)


def accept(
    shell: Shell, commit: Annotated[str, typer.Argument(metavar="COMMIT", help="The commit that is held.")]
) -> int:
    """Accept a commit that is held, once."""
    require_held(take_status(shell), commit)
    return _ask(shell, Verb.ACCEPT, commit=commit)


def hold(
    shell: Shell,
    app: AppName,
    reason: Annotated[str, typer.Option("--reason", metavar="R", help="Why; shown wherever the app is.")],
    until: Annotated[
        str, typer.Option("--until", metavar="T", help="2026-12-01T00:00:00Z, or 2h from now; else for good.")
    ] = "",
) -> int:
    """Stop acting on an app."""
    end = parse_until(until, now=datetime.now(UTC)) if until else None
    return _ask(shell, Verb.HOLD, app=app, reason=reason, until=end.isoformat() if end else "")


def resume(shell: Shell, app: AppName) -> int:
    """Act on an app again."""
    return _ask(shell, Verb.RESUME, app=app)


def drain(
    shell: Shell, host: Annotated[str, typer.Argument(metavar="HOST", autocompletion=complete_host)]
) -> int:
    """Print the line to commit so that apps leave a host."""
    from gitops_orch.daemon.application import open_application
    from gitops_orch.daemon.requests.operations import drain_advice

    with open_application(shell.settings, shell.repository_url) as application:
        document = drain_advice(application, host)
    return _show_reply(shell, Reply(exit_code=0, document=document))


def run(shell: Shell) -> int:
    """Be the service: follow Git and reconcile, until SIGTERM."""
    from gitops_orch.daemon.service import run_service

    run_service(shell.settings, shell.repository_url, shell.serve_http, shell.read_settings)
    return 0


def parse_until(text: str, *, now: datetime) -> datetime:
    """Parse a time, or a duration from now; GitopsOrchError unless the result is in the future."""
    try:
        moment = _moment(text, now=now)
    except OverflowError as error:
        raise GitopsOrchError(
            f"--until {text} is after the year 9999", hint="name a nearer time, or leave --until out"
        ) from error
    if moment <= now:
        raise GitopsOrchError(f"--until {text} has passed already", hint="name a time in the future")
    return moment


def _moment(text: str, *, now: datetime) -> datetime:
    """Return the time in UTC; OverflowError if it is beyond the calendar."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return now + timedelta(seconds=_duration_s(text))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _duration_s(text: str) -> float:
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise GitopsOrchError(
            f'--until: "{text}" is neither a time nor a duration',
            hint="write it as 2026-12-01T00:00:00Z or as 2h30m",
        ) from error


def _ask(shell: Shell, verb: Verb, **arguments: str) -> int:
    from gitops_orch.daemon.requests.dispatch import perform

    return _show_reply(shell, perform(shell.settings, shell.repository_url, verb, arguments))


def _show_reply(shell: Shell, reply: Reply) -> int:
    if "error" in reply.document:
        raise GitopsOrchError(str(reply.document["error"]), hint=str(reply.document.get("hint", "")))
    if shell.output is Output.JSON:
        shell.print_json(reply.document)
    else:
        shell.out.print(render_reply(reply.document))
    return reply.exit_code

"""Defines `notify`, which tests whether notices reach people."""

from typing import Annotated, Literal

import typer

from gitops_orch.cli import exit_codes
from gitops_orch.cli.options import Output
from gitops_orch.cli.shell import Shell
from gitops_orch.errors import GitopsOrchError


def notify(
    shell: Shell,
    what: Annotated[Literal["test"], typer.Argument(metavar="test", help="Send a test message to each URL.")],
) -> int:
    """Send a test message; exit 0 if every service took it."""
    from gitops_orch.notify import Notice, NoticeKind, make_receivers

    if shell.settings.notify.urls_file is None:
        raise GitopsOrchError(
            "no notification service is named",
            hint="set notify.urls_file to a file of Apprise URLs, one a line; until then the log has all messages",
        )
    receivers = make_receivers(shell.settings.notify.urls_file)
    instance = f"instance: {shell.settings.instance}"
    notice = Notice(
        subject=what, message="gitops-orch can reach you here", kind=NoticeKind.SUCCESS, details=(instance,)
    )
    with shell.busy("sending a test message"):
        taken = {number: each.deliver(notice) for number, each in enumerate(receivers, 1)}
    if shell.output is Output.JSON:
        shell.print_json({"services": [{"line": line, "delivered": ok} for line, ok in taken.items()]})
    else:
        for line, ok in taken.items():
            fix = "" if ok else ": not delivered; check the URL, and that the service answers from here"
            shell.out.print(f"URL {line}{fix or ': delivered'}")
    return exit_codes.OK if all(taken.values()) else exit_codes.ERROR

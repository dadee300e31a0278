"""The verbs that only look: `plan`, `status`, `diff`, `hosts`.  None of them makes a mutating call."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, TypeAlias

import typer

from gitops_orch.cli import exit_codes
from gitops_orch.cli.render_plan import render_diff, render_plan
from gitops_orch.cli.render_status import render_hosts, render_status
from gitops_orch.cli.shell import Shell
from gitops_orch.model.app import AppKey
from gitops_orch.model.serial import (
    Document,
    diff_document,
    host_row,
    picture_plan_document,
    status_document,
)
from gitops_orch.model.status import Picture

OptionalApp: TypeAlias = Annotated[str | None, typer.Argument(metavar="[APP]", help="app or namespace/app.")]


def plan(shell: Shell) -> int:
    """Show what a sync would do and why; exit 0 nothing, 2 changes, 1 error, 3 something is unknown."""
    picture = take_picture(shell)
    shell.show(picture_plan_document(picture), render_plan)
    return exit_codes.plan_code(picture)


def status(shell: Shell, app: OptionalApp = None) -> int:
    """Show apps by hosts; exit 0 all well, 2 not, 3 unknown."""
    from gitops_orch.daemon.names import find_app

    picture = take_picture(shell)
    if app:
        key = find_app(app, {each.key for each in picture.apps})
        picture = _of_app(picture, key)
        document = status_document(picture) | {"app": str(key)}
        shell.show(document, partial(render_status, now=datetime.now(UTC)))
        return exit_codes.status_code(picture)
    shell.show(status_document(picture), partial(render_status, now=datetime.now(UTC)))
    return exit_codes.status_code(picture)


def diff(shell: Shell, app: OptionalApp = None) -> int:
    """Show field by field what Git wants beside what runs; exit codes as plan."""
    from gitops_orch.daemon.names import find_app

    picture = take_picture(shell, withheld=True)
    key = find_app(app, _known(picture)) if app else None
    shell.show(diff_document(picture, key), render_diff)
    return exit_codes.plan_code(picture, key)


def hosts(shell: Shell) -> int:
    """Show the fleet; exit 1 where a host does not answer."""
    picture = take_picture(shell)
    document: Document = {"hosts": [host_row(host) for host in picture.hosts]}
    shell.show(document, partial(render_hosts, now=datetime.now(UTC)))
    return exit_codes.hosts_code(picture)


def take_picture(shell: Shell, *, withheld: bool = False) -> Picture:
    """Fetch, compile, observe and plan."""
    from gitops_orch.daemon.house import open_house

    with (
        shell.busy("looking at Git and all hosts"),
        open_house(shell.settings, shell.repository_url) as house,
    ):
        return house.reconciler.picture(withheld=withheld)


def _of_app(picture: Picture, key: AppKey) -> Picture:
    """Return the part of a picture that is about one app: its row, its hosts, and its own mistakes are in its reason."""
    apps = tuple(each for each in picture.apps if each.key == key)
    hosts = tuple(host for host in picture.hosts if any(host.name in each.hosts for each in apps))
    return replace(picture, apps=apps, hosts=hosts, problems=())


def _known(picture: Picture) -> set[AppKey]:
    planned = {action.app for action in picture.plan.actions if action.app}
    return planned | {app.key for app in picture.apps}

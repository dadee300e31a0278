"""The verbs that only look: `plan`, `status`, `diff`, `hosts`.  None of them makes a mutating call."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, TypeAlias

import typer

from gitops_orch.cli.completion import complete_app
from gitops_orch.cli.picture_code import hosts_code, plan_code, status_code
from gitops_orch.cli.render_plan import render_diff, render_plan
from gitops_orch.cli.render_status import render_hosts, render_status
from gitops_orch.cli.shell import Shell
from gitops_orch.model.app import AppKey
from gitops_orch.model.document import Document
from gitops_orch.model.serial import diff_document, host_row, picture_plan_document, status_document
from gitops_orch.model.status import Picture
from gitops_orch.planner.scope import kept_to

OptionalApp: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="[APP]", help="app or namespace/app.", autocompletion=complete_app),
]
SomeApps: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="APP", help="Only these, and what they depend on.", autocompletion=complete_app),
]


def plan(shell: Shell, apps: SomeApps = None) -> int:
    """Show what a sync would do and why; exit 2: changes."""
    picture = take_picture(shell, apps=apps or ())
    shell.show(picture_plan_document(picture), render_plan)
    return plan_code(picture)


def status(shell: Shell, app: OptionalApp = None) -> int:
    """Show how apps and hosts are; exit 2: not well, 3: unknown."""
    from gitops_orch.daemon.names import find_app

    picture = take_picture(shell)
    if app:
        key = find_app(app, {each.key for each in picture.apps})
        picture = _of_app(picture, key)
        document = status_document(picture) | {"app": str(key)}
        shell.show(document, partial(render_status, now=datetime.now(UTC)))
        return status_code(picture)
    shell.show(status_document(picture), partial(render_status, now=datetime.now(UTC)))
    return status_code(picture)


def diff(shell: Shell, app: OptionalApp = None) -> int:
    """Show field by field how what runs differs from Git."""
    from gitops_orch.daemon.names import find_app

    picture = take_picture(shell, withheld=True)
    key = find_app(app, _known(picture)) if app else None
    shell.show(diff_document(picture, key), render_diff)
    return plan_code(picture, key)


def hosts(shell: Shell) -> int:
    """Show the hosts; exit 1: one does not answer."""
    picture = take_picture(shell)
    document: Document = {"hosts": [host_row(host) for host in picture.hosts]}
    shell.show(document, partial(render_hosts, now=datetime.now(UTC)))
    return hosts_code(picture)


def take_picture(shell: Shell, *, withheld: bool = False, apps: Sequence[str] = ()) -> Picture:
    """Fetch, compile, observe and plan."""
    from gitops_orch.daemon.house import open_house
    from gitops_orch.daemon.operations import named_apps

    with (
        shell.busy("looking at Git and all hosts"),
        open_house(shell.settings, shell.repository_url) as house,
    ):
        return house.reconciler.picture(withheld=withheld, apps=named_apps(house, apps))


def _of_app(picture: Picture, key: AppKey) -> Picture:
    """Return the part of a picture that is about one app: its row, its hosts, and its own mistakes are in its reason."""
    apps = tuple(each for each in picture.apps if each.key == key)
    hosts = tuple(host for host in picture.hosts if any(host.name in each.hosts for each in apps))
    return replace(picture, apps=apps, hosts=hosts, problems=(), plan=kept_to(picture.plan, {key}))


def _known(picture: Picture) -> set[AppKey]:
    planned = {action.app for action in picture.plan.actions if action.app}
    return planned | {app.key for app in picture.apps}

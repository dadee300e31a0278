"""Defines the verbs that only read: `plan`, `status`, `diff`, `hosts`. None of them changes a host."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, TypeAlias

import typer

from gitops_orch.cli.render.plan_text import render_diff, render_plan
from gitops_orch.cli.render.status_text import render_hosts, render_status
from gitops_orch.cli.shell import Shell
from gitops_orch.cli.verbs.completion import complete_app
from gitops_orch.cli.verbs.picture_exit_code import hosts_code, plan_code, status_code
from gitops_orch.model.app import AppKey
from gitops_orch.model.documents.document import Document
from gitops_orch.model.documents.serial import diff_document, host_row, status_document, status_plan_document
from gitops_orch.model.status import Status
from gitops_orch.planner.app_selection import limited_to

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
    status = take_status(shell, apps=apps or ())
    shell.show(status_plan_document(status), render_plan)
    return plan_code(status)


def status(shell: Shell, app: OptionalApp = None) -> int:
    """Show how apps and hosts are; exit 2: unhealthy, 3: unknown."""
    from gitops_orch.daemon.app_names import find_app

    status = take_status(shell)
    if app:
        key = find_app(app, {each.key for each in status.apps})
        status = _of_app(status, key)
        document = status_document(status) | {"app": str(key)}
        shell.show(document, partial(render_status, now=datetime.now(UTC)))
        return status_code(status)
    shell.show(status_document(status), partial(render_status, now=datetime.now(UTC)))
    return status_code(status)


def diff(shell: Shell, app: OptionalApp = None) -> int:
    """Show field by field how what runs differs from Git."""
    from gitops_orch.daemon.app_names import find_app

    status = take_status(shell, withheld=True)
    key = find_app(app, _known(status)) if app else None
    shell.show(diff_document(status, key), render_diff)
    return plan_code(status, key)


def hosts(shell: Shell) -> int:
    """Show the hosts; exit 1: one does not answer."""
    status = take_status(shell)
    document: Document = {"hosts": [host_row(host) for host in status.hosts]}
    shell.show(document, partial(render_hosts, now=datetime.now(UTC)))
    return hosts_code(status)


def take_status(shell: Shell, *, withheld: bool = False, apps: Sequence[str] = ()) -> Status:
    """Fetch, compile, observe and plan; return the status."""
    from gitops_orch.daemon.application import open_application

    with (
        shell.busy("looking at Git and all hosts"),
        open_application(shell.settings, shell.repository_url) as application,
    ):
        if not apps:
            return application.reconciler.read_status(withheld=withheld)
        from gitops_orch.daemon.requests.operations import named_apps

        return application.reconciler.read_status(withheld=withheld, apps=named_apps(application, apps))


def _of_app(status: Status, key: AppKey) -> Status:
    """Return the part of a status about one app: its row and its hosts; its reason has the mistakes of its file."""
    apps = tuple(each for each in status.apps if each.key == key)
    hosts = tuple(host for host in status.hosts if any(host.name in each.hosts for each in apps))
    return replace(status, apps=apps, hosts=hosts, problems=(), plan=limited_to(status.plan, {key}))


def _known(status: Status) -> set[AppKey]:
    planned = {action.app for action in status.plan.actions if action.app}
    return planned | {app.key for app in status.apps}

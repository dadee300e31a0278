"""Decides the exit codes of the verbs that show a status. If several codes apply, the first one is used."""

from gitops_orch.cli.exit_codes import CHANGES, ERROR, OK, UNHEALTHY, UNKNOWN
from gitops_orch.model.app import AppKey
from gitops_orch.model.problem import Severity
from gitops_orch.model.status import AppHealth, AppStatus, Status, Sync

_HEALTHY = (AppHealth.HEALTHY, AppHealth.SUSPENDED)


def plan_code(status: Status, app: AppKey | None = None) -> int:
    """Return the exit code of `plan`, or of `diff` for one app."""
    plan = status.plan
    rules = (
        (ERROR, bool(status.error or plan.refusals) or _has_errors(status)),
        (UNKNOWN, bool(plan.unknown_hosts or plan.unknown_apps or plan.files_unknown)),
        (CHANGES, any(app is None or action.app == app for action in (*plan.actions, *status.withheld))),
    )
    return _first(rules)


def status_code(status: Status) -> int:
    """Return the exit code of `status`; without a commit, everything is unknown."""
    rules = (
        (UNKNOWN, bool(status.error) or any(map(_is_unknown, status.apps)) or hosts_code(status) != OK),
        (UNHEALTHY, _has_errors(status) or not all(map(_is_healthy, status.apps))),
    )
    return _first(rules)


def hosts_code(status: Status) -> int:
    """Return the exit code of `hosts`; an unknown host is an error."""
    return ERROR if any(host.state == "unknown" for host in status.hosts) else OK


def _first(rules: tuple[tuple[int, bool], ...]) -> int:
    return next((code for code, applies in rules if applies), OK)


def _has_errors(status: Status) -> bool:
    mistakes = any(problem.severity is Severity.ERROR for problem in status.problems)
    return mistakes or any(hold.error for hold in status.plan.holds)


def _is_unknown(app: AppStatus) -> bool:
    return app.sync is Sync.UNKNOWN or app.health is AppHealth.UNKNOWN or not app.fresh


def _is_healthy(app: AppStatus) -> bool:
    return app.foreign or (app.sync is Sync.IN_SYNC and app.health in _HEALTHY)

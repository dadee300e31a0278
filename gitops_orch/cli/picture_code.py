"""Which exit code a picture of the fleet means.  Where several hold, the first that applies wins."""

from gitops_orch.cli.exit_codes import CHANGES, ERROR, NOT_WELL, OK, UNKNOWN
from gitops_orch.model.app import AppKey
from gitops_orch.model.problem import Severity
from gitops_orch.model.status import AppHealth, AppStatus, Picture, Sync

_WELL = (AppHealth.HEALTHY, AppHealth.SUSPENDED)


def plan_code(picture: Picture, app: AppKey | None = None) -> int:
    """Return the code of `plan`, or of `diff` for one app."""
    plan = picture.plan
    rules = (
        (ERROR, bool(picture.error or plan.refusals) or _has_errors(picture)),
        (UNKNOWN, bool(plan.unknown_hosts or plan.unknown_apps or plan.files_unknown)),
        (CHANGES, any(app is None or action.app == app for action in (*plan.actions, *picture.withheld))),
    )
    return _first(rules)


def status_code(picture: Picture) -> int:
    """Return the code of `status`: without a commit, everything is unknown."""
    rules = (
        (UNKNOWN, bool(picture.error) or any(map(_is_unknown, picture.apps)) or hosts_code(picture) != OK),
        (NOT_WELL, _has_errors(picture) or not all(map(_is_well, picture.apps))),
    )
    return _first(rules)


def hosts_code(picture: Picture) -> int:
    """Return the code of `hosts`: an unknown host is an error."""
    return ERROR if any(host.state == "unknown" for host in picture.hosts) else OK


def _first(rules: tuple[tuple[int, bool], ...]) -> int:
    return next((code for code, applies in rules if applies), OK)


def _has_errors(picture: Picture) -> bool:
    mistakes = any(problem.severity is Severity.ERROR for problem in picture.problems)
    return mistakes or any(hold.error for hold in picture.plan.holds)


def _is_unknown(app: AppStatus) -> bool:
    return app.sync is Sync.UNKNOWN or app.health is AppHealth.UNKNOWN or not app.fresh


def _is_well(app: AppStatus) -> bool:
    return app.foreign or (app.sync is Sync.IN_SYNC and app.health in _WELL)

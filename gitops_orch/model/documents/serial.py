"""The public JSON shapes of plans, statuses and runs: `-o json` prints them, history keeps them, the API serves them.

The keys in the contract of the command line are always present. Other keys (`error`, `problems`, `reason` ...) are
present only where they have a value.
"""

from collections.abc import Mapping
from datetime import datetime

from gitops_orch.model.app import AppKey
from gitops_orch.model.documents.document import Document, Value, problem_rows
from gitops_orch.model.plan.action import Action, Change
from gitops_orch.model.plan.plan import Plan, PlanHold, Refusal
from gitops_orch.model.status import (
    ActionResult,
    AppStatus,
    HostStatus,
    RevertReport,
    RunReport,
    ServiceStatus,
    Status,
)


def plan_row(plan: Plan) -> Document:
    """Return the shape of `plan -o json`."""
    return {
        "commit": plan.commit,
        "digest": plan.digest,
        "actions": [action_row(action) for action in plan.actions],
        "holds": _holds(plan.holds),
        "refusals": _refusals(plan.refusals),
        "unknown_hosts": list(plan.unknown_hosts),
    }


def status_plan_document(status: Status) -> Document:
    """Return the plan of a status, with the problems of its commit."""
    return plan_row(status.plan) | _trouble(status)


def status_document(status: Status) -> Document:
    """Return the shape of `status -o json`."""
    document: Document = {
        "commit": status.commit,
        "fetched_at": _time(status.fetched_at),
        "apps": [app_row(app) for app in status.apps],
        "hosts": [host_row(host) for host in status.hosts],
    }
    return document | _trouble(status)


def run_document(report: RunReport) -> Document:
    """Return the shape of `sync -o json`."""
    document: Document = {
        "commit": report.final_status.commit,
        "status": report.status,
        "plan_digest": report.first_plan.digest,
        "duration_ms": report.duration_ms,
        "observe_ms": report.final_status.observe_ms,
        "plan_ms": report.final_status.plan_ms,
        "actions": [result_row(result) for result in report.results],
        "apps": [app_row(app) for app in report.final_status.apps],
    }
    plan = report.final_status.plan
    more: Document = {
        "holds": _holds(plan.holds),
        "refusals": _refusals(plan.refusals or report.first_plan.refusals),
        "unknown_hosts": list(plan.unknown_hosts),
        "reverts": [_revert(news) for news in report.reverts],
        "reasons": list(report.reasons),
    }
    return document | _present(more) | _trouble(report.final_status)


def _revert(news: RevertReport) -> Value:
    return {
        "namespace": news.app.namespace,
        "app": news.app.name,
        "pushed": news.pushed,
        "commit": news.commit,
        "message": news.message,
    }


def diff_document(status: Status, app: AppKey | None) -> Document:
    """Return every field that a sync would change, of one app or of all.

    A container that is created or removed counts as one field.
    """
    planned = {action.app for action in status.plan.actions}
    withheld = (action for action in status.withheld if action.app not in planned)
    rows: list[Value] = [
        _diff_row(action, change)
        for action in (*status.plan.actions, *withheld)
        if app is None or action.app == app
        for change in action.changes or _presence(action)
    ]
    holds = tuple(hold for hold in status.plan.holds if app is None or hold.app in {None, app})
    document: Document = {"commit": status.commit, "changes": rows}
    return document | _present({"holds": _holds(holds)}) | _trouble(status)


def action_row(action: Action) -> Document:
    """Return one action as `plan -o json` lists it."""
    return {
        "id": action.id,
        "kind": action.kind.value,
        "host": action.host,
        "namespace": action.app.namespace if action.app else None,
        "app": action.app.name if action.app else None,
        "service": action.service,
        "slot": action.slot,
        "name": action.name or action.target,
        "reason": action.reason,
        "changes": [change_row(change) for change in action.changes],
        "after": [*action.after, *action.follows],
    }


def change_row(change: Change) -> Document:
    """Return one field that differs."""
    return {"path": change.path, "from": change.before, "to": change.after}


def result_row(result: ActionResult) -> Document:
    """Return one action and how it ended."""
    document = action_row(result.action)
    document |= {"result": result.outcome.value, "duration_ms": result.duration_ms}
    return document | _present({"error": result.error, "note": result.note, "log": result.log})


def app_row(app: AppStatus) -> Document:
    """Return one app's row."""
    document: Document = {
        "namespace": app.key.namespace,
        "app": app.key.name,
        "sync": app.sync.value,
        "health": app.health.value,
        "fresh": app.fresh,
        "commit": app.commit,
        "release": app.release,
        "release_state": app.release_state.value,
        "hosts": list(app.hosts),
        "services": [_service(service) for service in app.services],
    }
    return document | _present({"reason": app.reason})


def host_row(host: HostStatus) -> Document:
    """Return one host's row."""
    document: Document = {
        "name": host.name,
        "state": host.state,
        "observed_at": _time(host.observed_at),
        "engine_version": host.engine_version,
    }
    return document | _present({"reason": host.reason})


def _service(service: ServiceStatus) -> Value:
    document: Document = {
        "name": service.name,
        "desired": service.desired_count,
        "running": service.running_count,
        "healthy": service.healthy_count,
        "image": service.image,
        "hosts": list(service.hosts),
    }
    return document | _present({"failed_run": service.failed_run})


def _presence(action: Action) -> tuple[Change, ...]:
    """Return a created or removed object as one change, with its kind as path."""
    verb, _, what = action.kind.value.partition("_")
    name, path = action.name or action.target, what or "container"
    if verb == "create":
        return (Change(path=path, before=None, after=name),)
    return (Change(path=path, before=name, after=None),) if verb == "remove" else ()


def _diff_row(action: Action, change: Change) -> Value:
    row = action_row(action)
    kept: Document = {
        key: row[key] for key in ("kind", "host", "namespace", "app", "service", "slot", "name")
    }
    return kept | change_row(change)


def _holds(holds: tuple[PlanHold, ...]) -> list[Value]:
    return [
        _present(
            {
                "subject": hold.subject,
                "reason": hold.reason,
                "app": str(hold.app) if hold.app else None,
                "kept": hold.kept,
            }
        )
        for hold in holds
    ]


def _refusals(refusals: tuple[Refusal, ...]) -> list[Value]:
    return [{"rule": refusal.rule, "message": refusal.message} for refusal in refusals]


def _trouble(status: Status) -> Document:
    return _present(
        {
            "error": status.error,
            "notes": list(status.notes),
            "problems": problem_rows(status.problems),
        }
    )


def _present(document: Mapping[str, Value]) -> Document:
    return {key: value for key, value in document.items() if value}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

"""Builds the documents of `history`, `explain` and `logs` from history, Git and the Engines."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from gitops_orch.controller.revert.git_revert import RevertStatus
from gitops_orch.daemon.app_names import AppSelector, find_app, find_service, near_containers
from gitops_orch.daemon.application import Application
from gitops_orch.daemon.reports.app_reasons import reasons_of
from gitops_orch.daemon.reports.log_follow import Wanted
from gitops_orch.errors import EngineError, GitopsOrchError, SourceError
from gitops_orch.history.history import History
from gitops_orch.history.records import RevertRecord, RunRecord, TimelineEvent
from gitops_orch.model.app import AppKey
from gitops_orch.model.container import FAILED_SUFFIX, RETAINED_SUFFIX
from gitops_orch.model.documents.document import Document, Value, plain_value
from gitops_orch.model.observed import AnyContainer, Observation, ObservedHost, OwnedContainer, Ownership
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.model.status import Outcome
from gitops_orch.model.trouble import Trouble
from gitops_orch.planner.status_reasons import trouble_reason

RUNS_SEARCHED_MAX = 1000
SAME_MOMENT = timedelta(seconds=5)
# By the Engine's event, the actions that cause it.
_CAUSES = {
    "start": ("start done", "restart done", "run_job done"),
    "destroy": ("remove done",),
    "unpause": ("unpause done",),
}
ID_LENGTH_MIN = 6  # of an abbreviated container id


def history_document(history: History, app: str | None, *, limit: int) -> Document:
    """Return runs and releases, newest first, of all apps or of one."""
    releases = history.releases(None)
    key = find_app(app, {release.app for release in releases}) if app else None
    wanted = history.release_log(key, limit)
    reverts = history.reverts()
    known_rows = _with_troubles(wanted, history.troubles())
    return {
        "runs": [_run_row(run, key) for run in history.runs(key, limit)],
        "releases": [
            _release_row(release, history, reverts.get((release.app, release.digest)))
            for release in known_rows
        ],
    }


def _with_troubles(releases: Iterable[Release], troubles: Mapping[AppKey, Trouble]) -> Iterator[Release]:
    """Yield releases, newest first. A release in progress gets the reason why it is not finished, as in `status`."""
    left = dict(troubles)
    for release in releases:
        trouble = left.pop(release.app, None)  # only for the newest row of its app
        waits = release.state is ReleaseState.PROGRESSING and not release.reason
        if trouble is not None and waits and trouble.digest == release.digest:
            yield replace(release, reason=trouble_reason(trouble))
        else:
            yield release


def explanation_document(application: Application, name: str) -> Document:
    """Return why a container exists; raises an error if it does not exist or is not ours."""
    host, container = _find_container(application.observe(), name)
    if not isinstance(container, OwnedContainer):
        raise GitopsOrchError(
            f"{container.name} on {host} was not made by this instance ({application.settings.instance})",
            hint="it is never touched",
        )
    owner = container.owner
    document: Document = {
        "container": container.name,
        "id": container.id,
        "host": host,
        "namespace": owner.app.namespace,
        "app": owner.app.name,
        "service": owner.service,
        "slot": owner.slot,
        "image": container.image,
        "image_id": container.image_id,
        "state": container.state.value,
        "health": container.health.value,
        "created_at": _time(container.created_at),
        "release": owner.release,
        "spec_hash": owner.spec_hash,
    }
    document |= _commit_facts(application, owner)
    document["reasons"] = list(_reasons(application.history, owner.app, host, container.name))
    document["timeline"] = list(timeline_rows(application.history, container.name))
    return document


def logs_document(application: Application, target: str, wanted: Wanted) -> Document:
    """Return the last log lines of every container of an app or a service, and the hosts that did not answer."""
    meant = find_service(target, application.repository.desired().apps)
    observed = application.observe()
    unknown = [name for name, host in observed.items() if not isinstance(host, ObservedHost)]
    rows: list[Value] = []
    for host, container in _containers(observed):
        if isinstance(container, OwnedContainer) and _is_selected(container.owner, meant):
            try:
                log = application.engine(host).logs(
                    container.id, tail=wanted.tail, since=wanted.since, timestamps=wanted.timestamps
                )
            except EngineError as error:
                log = f"(no log: {error})"
            rows.append(
                {"host": host, "name": container.name, "service": container.owner.service, "log": log}
            )
    return {
        "namespace": meant.app.namespace,
        "app": meant.app.name,
        "containers": rows,
        "unknown_hosts": [*unknown],
    }


def _find_container(observed: dict[str, Observation], name: str) -> tuple[str, AnyContainer]:
    found = [(host, container) for host, container in _containers(observed) if _is_called(container, name)]
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(f"{host}/{container.name}" for host, container in found)
        raise GitopsOrchError(f"{name} is the name of {places}", hint="name it by its id")
    unknown = [host for host, seen in observed.items() if not isinstance(seen, ObservedHost)]
    ours = (container.name for _, container in _containers(observed) if isinstance(container, OwnedContainer))
    near = near_containers(name, ours)
    hints = [f"did you mean {' or '.join(near)}?"] if near else []
    hints += [f"{', '.join(unknown)} did not answer"] if unknown else []
    raise GitopsOrchError(
        f"there is no container {name} on any host that answered", hint="; ".join(hints) or "see docker ps -a"
    )


def _is_called(container: AnyContainer, name: str) -> bool:
    return container.name == name or (len(name) >= ID_LENGTH_MIN and container.id.startswith(name))


def _containers(observed: dict[str, Observation]) -> Iterator[tuple[str, AnyContainer]]:
    for name, host in sorted(observed.items()):
        if isinstance(host, ObservedHost):
            yield from ((name, container) for container in host.containers)


def _is_selected(owner: Ownership, meant: AppSelector) -> bool:
    return owner.app == meant.app and meant.service in (None, owner.service)


def _commit_facts(application: Application, owner: Ownership) -> Document:
    try:
        info = application.repository.source.commit_info(owner.commit)
    except SourceError:
        return {"commit": owner.commit, "author": None, "subject": None, "committed_at": None}
    return {
        "commit": owner.commit,
        "author": info.author,
        "subject": info.subject,
        "committed_at": _time(info.at),
    }


def _reasons(history: History, app: AppKey, host: str, name: str) -> Iterator[Value]:
    """Yield every planned action on the container that history knows, oldest first."""
    for run in reversed(history.runs(app, RUNS_SEARCHED_MAX)):
        results = {row.get("id"): row.get("result") for row in _rows(run.results_json.get("actions"))}
        for action in _rows(run.plan_json.get("actions")):
            if action.get("host") == host and action.get("name") in _names(name):
                yield {
                    "run": run.id,
                    "started_at": _time(run.started_at),
                    "trigger": run.trigger,
                    "plan": run.plan_digest,
                    "kind": str(action.get("kind")),
                    "reason": str(action.get("reason")),
                    "result": str(results.get(action.get("id"), Outcome.SKIPPED.value)),
                }


def timeline_rows(history: History, name: str) -> Iterator[Document]:
    """Yield what happened to a container, oldest first, each event once.

    The Engine also reports what the controller does: its event is left out if the controller's action is in the
    timeline.
    """
    known_rows = {event for each in _names(name) for event in history.timeline(each)}
    events = sorted(known_rows, key=lambda event: (event.at, event.event))
    for event in events:
        if not any(_is_of(event, action) for action in events):
            yield {"at": _time(event.at), "event": event.event, "detail": event.detail}


def _is_of(event: TimelineEvent, action: TimelineEvent) -> bool:
    """Tell whether an action of the controller caused an Engine's event."""
    return (
        action.event in _CAUSES.get(event.event, ())
        and action.host == event.host
        and abs(action.at - event.at) <= SAME_MOMENT
    )


def _names(name: str) -> tuple[str, ...]:
    """Return the names under which a container may be recorded: a retained or failed container gets another name."""
    first = name.removesuffix(FAILED_SUFFIX).removesuffix(RETAINED_SUFFIX)
    return tuple(dict.fromkeys((first, first + RETAINED_SUFFIX, first + FAILED_SUFFIX, name)))


def _run_row(run: RunRecord, app: AppKey | None) -> Value:
    return {
        "id": run.id,
        "commit": run.commit,
        "author": run.author,
        "subject": str(run.results_json.get("subject") or ""),
        "trigger": run.trigger,
        "started_at": _time(run.started_at),
        "duration_ms": run.duration_ms,
        "status": run.status,
        "exit_code": run.exit_code,
        "reasons": reasons_of(run, app),
        "plan_digest": run.plan_digest,
        "apps": [str(app) for app in run.apps],
        "plan": plain_value(run.plan_json),
        "results": plain_value(run.results_json),
    }


def _release_row(release: Release, history: History, revert: RevertRecord | None) -> Value:
    row: Document = {
        "namespace": release.app.namespace,
        "app": release.app.name,
        "digest": release.digest,
        "commit": release.commit,
        "state": release.state.value,
        "reason": release.reason,
        "at": _time(release.at),
        "images": list(_images(release, history)),
    }
    return row if revert is None else row | {"revert": _revert_row(revert)}


def _revert_row(revert: RevertRecord) -> Value:
    return {
        "state": revert.state,
        "commit": revert.commit or None,
        "message": revert.message,
        "tries": revert.tries,
        "at": _time(revert.at),
        "next_try_at": _time(revert.until) if revert.state == RevertStatus.FAILED.value else None,
    }


def _images(release: Release, history: History) -> Iterator[Value]:
    """Yield the images that each service of a release ran, by host, each once."""
    records = history.images(release.app, release=release.digest)
    seen = {(record.service, record.host, record.image_id): record for record in records}
    for (service, host, image_id), record in sorted(seen.items()):
        yield {
            "service": service,
            "host": host,
            "reference": record.reference,
            "image_id": image_id,
            "digests": list(record.digests),
        }


def _rows(value: object) -> Iterable[Document]:
    listed = plain_value(value)
    return [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

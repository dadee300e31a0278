"""Implements each acting verb, with the application and the lease. Every operation can be repeated safely."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from gitops_orch.controller.desired.lost_holds import may_have_lost_commands
from gitops_orch.controller.execute.run_control import Progress, silent
from gitops_orch.controller.registry.tag_digests import TagCheck
from gitops_orch.daemon.app_names import find_app
from gitops_orch.daemon.application import Application
from gitops_orch.daemon.interrupts import interruptible
from gitops_orch.daemon.live_apps import find_live_app
from gitops_orch.daemon.requests.rollback import draft_revert, pin_release, push_revert
from gitops_orch.daemon.requests.verbs import Reply, Verb
from gitops_orch.errors import GitopsOrchError
from gitops_orch.model.app import AppKey, Hold
from gitops_orch.model.documents.document import Document
from gitops_orch.model.documents.serial import run_document
from gitops_orch.model.host import Availability

LOSS_ENDED = "the holds and pins that are set now count as complete"

Operation: TypeAlias = Callable[[Application, Mapping[str, str], Progress | None], Reply]


def drain_advice(application: Application, name: str) -> Document:
    """Return which line to commit so that a host is drained. Nothing is changed, because Git decides this."""
    hosts = {host.name: host for host in application.repository.desired(application.repository.fetch()).hosts}
    host = hosts.get(name)
    if host is None:
        raise GitopsOrchError(
            f"there is no host {name}", hint=f"there are {', '.join(sorted(hosts)) or 'none'}"
        )
    if host.position is None:
        raise GitopsOrchError(
            f"host {name} is declared in no file, because the repository declares no host",
            hint="commit a Host document for it first",
        )
    if host.availability is Availability.DRAIN:
        return {"message": f"host {name} is set to drain already", "host": name, "place": str(host.position)}
    message = (
        f"set `availability: drain` in the spec of host {name} ({host.position}), commit and push; "
        "apps that can move then leave it, and those that cannot are shown as held"
    )
    return {"message": message, "host": name, "place": str(host.position)}


def _sync(application: Application, arguments: Mapping[str, str], progress: Progress | None) -> Reply:
    apps = named_apps(application, arguments.get("apps", "").split())
    with interruptible(progress or silent) as interrupt:
        report = application.reconciler.run(
            trigger="sync",
            control=interrupt.control,
            apps=apps,
            tags=TagCheck(now=True, everything=arguments.get("pull") == "yes"),
        )
    return Reply(exit_code=interrupt.code(report.exit_code), document=run_document(report))


def named_apps(application: Application, names: Iterable[str]) -> frozenset[AppKey]:
    """Return the apps with these names, among all that Git has or had; empty if there are no names."""
    names = list(names)
    known = _known(application, application.repository.fetch()) if names else set()
    return frozenset(find_app(name, known) for name in names)


def _rollback(application: Application, arguments: Mapping[str, str], _progress: Progress | None) -> Reply:
    app = find_app(arguments["app"], _known(application))
    if arguments.get("dry_run"):
        return _done(draft_revert(application, app, to=arguments.get("to", "")))
    if arguments.get("push") == "no":
        return _done(pin_release(application, app, to=arguments.get("to", "")))
    return _done(push_revert(application, app, to=arguments.get("to", "")))


def _retry(application: Application, arguments: Mapping[str, str], _progress: Progress | None) -> Reply:
    app = find_live_app(arguments["app"], application.repository.desired(), application.history)
    failed = application.history.failed_digests(app)
    release = next((each for each in application.repository.desired().apps if each.key == app), None)
    forgiven = application.reconciler.reset(app, release)
    if not (failed or forgiven):
        raise GitopsOrchError(f"{app} has no failed release", hint="see gitops-orch status")
    application.history.clear_failed(app)
    if not failed:
        return _done(_reply(f"{app}: it is healed again", app))
    if release is None or release.digest not in failed:
        message_text = (
            f"{app}: no longer quarantined; Git asks for another release now, so commit the failed one again"
        )
        return _done(_reply(message_text, app))
    return _done(_reply(f"{app}: the next sync tries its release again", app))


def _unpin(application: Application, arguments: Mapping[str, str], _progress: Progress | None) -> Reply:
    app = find_live_app(
        arguments["app"], application.repository.desired(), application.history, application.history.pins()
    )
    if app not in application.history.pins():
        if _end_loss(application):
            return _done(_reply(LOSS_ENDED, app))
        raise GitopsOrchError(f"{app} is not pinned", hint="see gitops-orch status")
    application.history.unpin(app)
    _end_loss(application)
    return _done(_reply(f"{app}: no longer pinned; it follows Git again", app))


def _accept(application: Application, arguments: Mapping[str, str], _progress: Progress | None) -> Reply:
    commit = application.repository.full_commit(arguments["commit"])
    application.history.accept(commit)
    message = (
        f"commit {commit} is accepted once; a commit that arrives before the next sync needs its own `accept`"
    )
    return _done({"message": message, "commit": commit})


def _hold(application: Application, arguments: Mapping[str, str], _progress: Progress | None) -> Reply:
    app = find_live_app(arguments["app"], application.repository.desired(), application.history)
    until = datetime.fromisoformat(arguments["until"]) if arguments.get("until") else None
    hold = Hold(reason=arguments["reason"], until=until)
    application.history.hold(app, hold)
    way_out = "" if until else "; `resume` ends it"
    return _done(_reply(f"{app}: {hold}{way_out}", app))


def _resume(application: Application, arguments: Mapping[str, str], _progress: Progress | None) -> Reply:
    app = find_live_app(
        arguments["app"], application.repository.desired(), application.history, application.history.holds()
    )
    if app not in application.history.holds():
        if _end_loss(application):
            return _done(_reply(LOSS_ENDED, app))
        raise GitopsOrchError(
            f"{app} is not held by command", hint="a hold in its Compose file is lifted by a commit"
        )
    application.history.resume(app)
    _end_loss(application)
    return _done(_reply(f"{app}: acted on again", app))


def _end_loss(application: Application) -> bool:
    """End the notice that holds and pins may have been lost; tell whether there was one."""
    due = may_have_lost_commands(application.history, ())
    if due:
        application.history.acknowledge_loss()
    return due


OPERATIONS: Mapping[Verb, Operation] = {
    Verb.SYNC: _sync,
    Verb.ROLLBACK: _rollback,
    Verb.RETRY: _retry,
    Verb.UNPIN: _unpin,
    Verb.ACCEPT: _accept,
    Verb.HOLD: _hold,
    Verb.RESUME: _resume,
}


def _known(application: Application, commit: str | None = None) -> set[AppKey]:
    desired = application.repository.desired(commit)
    remembered = {release.app for release in application.history.releases(None)}
    return {app.key for app in desired.apps} | set(desired.invalid_apps) | remembered


def _done(document: Document) -> Reply:
    return Reply(exit_code=0, document=document)


def _reply(message: str, app: AppKey) -> Document:
    return {"message": message, "namespace": app.namespace, "app": app.name}

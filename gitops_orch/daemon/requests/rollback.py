"""`rollback`: commits the app's files of an older commit on top of the branch, and pushes; or only pins the app."""

import re

from gitops_orch.controller.revert.git_revert import SHORT, Reverter, RevertRequest, RevertStatus
from gitops_orch.daemon.application import Application
from gitops_orch.errors import GitopsOrchError
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.documents.document import Document
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.model.sensitive.secret_words import without_secrets

BY_COMMAND = "rolled back by command"
_COMPOSE_FILE = re.compile(r"/(?:docker-)?compose(?:[.-][^/]*)?\.ya?ml$")


def push_revert(application: Application, app: AppKey, *, to: str) -> Document:
    """Commit and push the app's own files of an older commit. Other apps keep their newer commits.

    A repetition does nothing.
    """
    head = application.repository.fetch()
    target = _target(application, app, head, to=to)
    if target is None:
        return _reply(
            app, f"nothing to revert: {app} is at an earlier release in Git already", commit=head, to=head
        )
    done = Reverter(application.repository).revert(RevertRequest(app=app, commit=target, reason=BY_COMMAND))
    if done.result is RevertStatus.NOTHING:
        return _reply(
            app, f"nothing to revert: {app} is as of {target[:SHORT]} already", commit=head, to=target
        )
    if done.result is not RevertStatus.PUSHED:
        hint = (
            done.hint if done.result is RevertStatus.REFUSED else f"{done.hint}; or roll back with --no-push"
        )
        raise GitopsOrchError(done.message, hint=hint)
    message = f"{done.message}, pushed; the next sync deploys it"
    return _reply(app, message, commit=done.commit, to=target, pushed=True)


def draft_revert(application: Application, app: AppKey, *, to: str) -> Document:
    """Return the commit that `push_revert` would push, with its message and its diff; nothing is pushed."""
    head = application.repository.fetch()
    target = _target(application, app, head, to=to)
    if target is None:
        return _reply(
            app, f"nothing to revert: {app} is at an earlier release in Git already", commit=head, to=head
        )
    done = Reverter(application.repository).draft(
        head, RevertRequest(app=app, commit=target, reason=BY_COMMAND)
    )
    if done.result is RevertStatus.NOTHING:
        return _reply(
            app, f"nothing to revert: {app} is as of {target[:SHORT]} already", commit=head, to=target
        )
    if done.result is not RevertStatus.DRAFTED:
        raise GitopsOrchError(done.message, hint=done.hint)
    message = f"{done.message}; nothing is pushed"
    shown = _without_contents(application.repository.source.show(done.commit))
    return _reply(app, message, commit=done.commit, to=target) | {"diff": shown}


def pin_release(application: Application, app: AppKey, *, to: str) -> Document:
    """Pin the app to its last stable commit, or to the named one. Git does not change."""
    head = application.repository.fetch()
    target = _target(application, app, head, to=to)
    if target is None:
        raise GitopsOrchError(
            f"{app} is at an earlier release in Git already", hint="name a commit with --to COMMIT"
        )
    old = application.repository.read_app(app, target)
    if old is None:
        raise GitopsOrchError(
            f"{app} cannot be read at {target[:SHORT]}", hint="name another commit with --to"
        )
    application.history.pin(app, target, old.digest, f"{BY_COMMAND}, without a push")
    message = f"{app}: pinned to {target[:SHORT]}; the next sync deploys it, `unpin` follows Git again"
    return _reply(app, message, commit=target, to=target)


def _without_contents(diff: str) -> str:
    """Return a diff with the changes of Compose files, and only the names of other files: these may contain secrets."""
    message, *files = re.split(r"(?m)^(?=diff --git )", diff)
    shown = [
        each
        if _COMPOSE_FILE.search(each.partition("\n")[0])
        else f"{each.partition(chr(10))[0]}\n(its content is not shown)\n"
        for each in files
    ]
    return message + "\n".join(without_secrets(line) for line in "".join(shown).splitlines())


def _target(application: Application, app: AppKey, head: str, *, to: str) -> str | None:
    """Return the commit to roll back to; None if head is already rolled back to an earlier release."""
    if to:
        return application.repository.source.resolve(to)
    releases = application.history.releases(app)
    current = application.repository.read_app(app, head)
    if _rolled_back_to(releases, current):
        return None
    stable = (release for release in releases if release.state is ReleaseState.STABLE)
    found = next((release for release in stable if _differs(application, release, current)), None)
    if found is None:
        raise GitopsOrchError(
            f"{app} has no earlier stable release to go back to", hint="name a commit with --to COMMIT"
        )
    return found.commit


def _rolled_back_to(releases: tuple[Release, ...], current: App | None) -> bool:
    """Tell whether head has a release that was stable, and another release was tried after it."""
    states = {release.digest: release.state for release in releases}
    return (
        current is not None
        and states.get(current.digest) is ReleaseState.STABLE
        and releases[0].digest != current.digest
    )


def _differs(application: Application, release: Release, head: App | None) -> bool:
    """Tell whether a release differs from head's.

    Its digest is computed again, because an older version may have stored it.
    """
    if head is None:
        return True
    then = application.repository.read_app(release.app, release.commit)
    return then is not None and then.digest != head.digest


def _reply(app: AppKey, message: str, *, commit: str, to: str, pushed: bool = False) -> Document:
    return {
        "message": message,
        "namespace": app.namespace,
        "app": app.name,
        "commit": commit,
        "to": to,
        "pushed": pushed,
    }

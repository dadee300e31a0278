"""`rollback`: the app's files as of an older commit, in a new commit on top of the branch; or a pin, without a push."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath

from gitops_orch.daemon.house import House
from gitops_orch.errors import GitopsOrchError
from gitops_orch.manifest.discover import is_document
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.release import Release, ReleaseState
from gitops_orch.model.serial import Document

SHORT = 10


def push_revert(house: House, app: AppKey, *, to: str) -> Document:
    """Commit and push the app's files as they were; other apps' newer commits stay."""
    head = house.fetch()
    target = _target(house, app, to=to)
    new, old = house.app_at(head, app), house.app_at(target, app)
    if new is None and old is None:
        raise GitopsOrchError(
            f"{app} is in neither {head[:SHORT]} nor {target[:SHORT]}", hint="name another commit"
        )
    if old is None:
        raise GitopsOrchError(
            f"{app} is not in {target[:SHORT]}, or cannot be read there: going back to it would take the app out of Git",
            hint="name another commit with --to, or remove its files in a commit of your own",
        )
    paths = _paths(house, app, ((head, new), (target, old)))
    _refuse_unchanged(house, app, paths, (head, target))
    commit = house.source.revert_paths(
        paths=paths,
        to_commit=target,
        head=head,
        message=_message(app, target=target, bad=_commit_of(house, new) or head),
    )
    return {
        "message": f"{app}: files are as of {target[:SHORT]} again in {commit[:SHORT]}, pushed; the next sync deploys it"
        + _remainder(house.app_at(commit, app), old),
        "namespace": app.namespace,
        "app": app.name,
        "commit": commit,
        "to": target,
        "pushed": True,
    }


def _refuse_unchanged(house: House, app: AppKey, paths: tuple[str, ...], commits: tuple[str, str]) -> None:
    now, then = (house.source.tree(commit).files for commit in commits)
    if all(now.get(path) == then.get(path) for path in paths):
        raise GitopsOrchError(
            f"{app}: its own files are as they were at {commits[1][:SHORT]}; what differs, it shares with other apps",
            hint="--no-push pins it to what it resolved to then, and leaves the others alone",
        )


def _remainder(now: App | None, then: App | None) -> str:
    if now is None or then is None or now.digest == then.digest:
        return ""
    return "; what it shares with other apps still differs, and --no-push would pin that, too"


def pin_release(house: House, app: AppKey, *, to: str) -> Document:
    """Pin the app to its last stable, or the named, commit in the controller; Git stays as it is."""
    target = _target(house, app, to=to)
    old = house.app_at(target, app)
    if old is None:
        raise GitopsOrchError(
            f"{app} cannot be read at {target[:SHORT]}", hint="name another commit with --to"
        )
    house.history.pin(app, target, old.digest, "rolled back by command, without a push")
    return {
        "message": f"{app}: pinned to {target[:SHORT]}; the next sync deploys it, `unpin` follows Git again",
        "namespace": app.namespace,
        "app": app.name,
        "commit": target,
        "to": target,
        "pushed": False,
    }


def _target(house: House, app: AppKey, *, to: str) -> str:
    if to:
        return house.source.resolve(to)
    head = house.app_at(house.fetch(), app)
    release = next((one for one in _stable(house.history.releases(app)) if _differs(house, one, head)), None)
    if release is None:
        raise GitopsOrchError(
            f"{app} has no earlier stable release to go back to", hint="name a commit with --to COMMIT"
        )
    return release.commit


def _stable(releases: Iterable[Release]) -> Iterator[Release]:
    """Yield the releases that did well, newest first."""
    return (release for release in releases if release.state is ReleaseState.STABLE)


def _differs(house: House, release: Release, head: App | None) -> bool:
    """Tell whether a release is another than head's; computed anew, because its digest may be an older version's."""
    if head is None:
        return True
    then = house.app_at(release.commit, release.app)
    return then is not None and then.digest != head.digest


def _commit_of(house: House, app: App | None) -> str | None:
    if app is None:
        return None
    matching = (release for release in house.history.releases(app.key) if release.digest == app.digest)
    return next((release.commit for release in matching), None)


def _paths(house: House, app: AppKey, places: Iterable[tuple[str, App | None]]) -> tuple[str, ...]:
    """Return the files that are the app's own in either commit: those in its directory that no other app is nearer to."""
    paths: set[str] = set()
    for commit, version in places:
        files = house.source.tree(commit).files
        others = {PurePosixPath(a.path).parent for a in house.desired(commit).apps if a.key != app}
        if version is not None:
            home = PurePosixPath(version.path).parent
            paths |= {path for path in files if _owner(PurePosixPath(path), home, others) == home}
    return tuple(sorted(path for path in paths if not is_document(path)))


def _owner(
    path: PurePosixPath, home: PurePosixPath, others: AbstractSet[PurePosixPath]
) -> PurePosixPath | None:
    return next((parent for parent in path.parents if parent == home or parent in others), None)


def _message(app: AppKey, *, target: str, bad: str) -> str:
    return (
        f"Roll {app} back to {target[:SHORT]}\n\n"
        f"Its files are as of that commit; everything else stays as it is.\n\n"
        f"Reverts: {bad}\nRollback-App: {app}\n"
    )

"""Describes each relative bind mount of an app: an exact copy of Git, files that follow Git, or a data directory."""

from collections.abc import Iterable, Iterator

from gitops_orch.model.app import App, FileMount, FilesPolicy

_POLICIES = {
    FilesPolicy.MERGE: "follows Git; add `:ro` if nothing in the container writes to it",
    FilesPolicy.GIT: "follows Git, over changes on the host (`files: git`)",
    FilesPolicy.HOST: "is created from Git and then the host's (`files: host`)",
}


def bind_lines(apps: Iterable[App]) -> Iterator[str]:
    """Yield a line for each writable relative bind mount: its target, and how its files are treated."""
    mounts = ((app, service, files) for app in apps for service in app.services for files in service.files)
    for app, service, files in mounts:
        if files.writable_path is not None:
            place = f"./{files.writable_path} at {files.target}"
            yield f"{app.path}: {service.name}: {place} {_meaning(app, files)}"


def _meaning(app: App, files: FileMount) -> str:
    if not files.follows_git:
        return "is a data directory: nothing of it is in Git, and it is never touched"
    return _POLICIES[app.files]

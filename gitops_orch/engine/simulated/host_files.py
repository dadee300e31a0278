"""Simulates files in writable binds: their contents as digests, and the record of the files that we wrote."""

from collections.abc import Callable, Iterator
from functools import partial

from gitops_orch.engine.files.host_records import joined_records, record_path
from gitops_orch.engine.payload.mounts import data_path
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.model.app import AppKey, FileMount
from gitops_orch.model.host_files import NO_FILE, FileChange, FilesQuery, FilesWork, HostFiles

Step = Callable[[], None]


def read_files(world: SimulatedHost, data_root: str, query: FilesQuery) -> HostFiles:
    """Return the host's files in a bind."""
    root = data_path(data_root, query.app, query.path).rstrip("/")
    key = record_path(query.app, query.path, directory=query.directory)
    records = [
        {name: frozenset(digests) for name, digests in record.items()}
        for record in world.file_records.get(key, ())
    ]
    written = joined_records(records)
    names = {*query.names, *written} if query.directory else {""}
    copies = {name: _copy(world, root, name) for name in sorted(names)}
    below = {name: _below(world, root, name) for name, digest in copies.items() if digest == NO_FILE}
    return HostFiles(
        app=query.app,
        path=query.path,
        present=root in world.directories,
        copies={name: digest for name, digest in copies.items() if digest is not None},
        written=written,
        below={name: inside for name, inside in below.items() if inside},
    )


def _copy(world: SimulatedHost, root: str, name: str) -> str | None:
    """Return a file's digest; NO_FILE if it is a directory, or if a path above it is a file."""
    parts = name.split("/")
    above = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
    if any(f"{root}/{each}" in world.files for each in above) or _below(world, root, name):
        return NO_FILE
    return world.files.get(f"{root}/{name}".rstrip("/"))


def _below(world: SimulatedHost, root: str, name: str) -> frozenset[str]:
    """Return the names of all files in a directory below a bind's root; empty for a bind of a single file."""
    inside = f"{root}/{name}/"
    return frozenset(
        path.removeprefix(f"{root}/") for path in world.files if name and path.startswith(inside)
    )


def change_steps(
    world: SimulatedHost, data_root: str, app: AppKey, files: FileMount, work: FilesWork, left: list[str]
) -> Iterator[Step]:
    """Yield the steps of a change in the order of a real host; execute each step before requesting the next one.

    The names of files that are left alone are added to `left`.
    """
    assert files.writable_path is not None  # noqa: S101 - the planner changes no others
    root = data_path(data_root, app, files.writable_path).rstrip("/")
    records = world.file_records.setdefault(
        record_path(app, files.writable_path, directory=files.directory), []
    )
    paths = {change.name: f"{root}/{change.name}".rstrip("/") for change in work.changes}
    copies = {change.name: _copy(world, root, change.name) for change in work.changes}
    wanted = [c for c in work.changes if copies[c.name] != c.digest or c.expected == c.digest]
    removed = {c.name for c in wanted if c.digest is None and copies[c.name] == c.expected}
    due = [c for c in wanted if c.name in removed or _is_due(world, root, c, copies[c.name], removed)]
    due.sort(key=lambda change: change.digest is not None)  # removals first: they make room
    left += [change.name for change in wanted if change not in due]
    record = {name: list(digests) for name, digests in work.record.items() if name not in left}
    record |= {c.name: [c.expected] for c in wanted if c.name in left and c.expected is not None}
    yield partial(records.append, record)
    for change in due:
        yield partial(_change, world, root, paths[change.name], change.digest)
    yield partial(_keep_newest, world, root, records)


def _is_due(world: SimulatedHost, root: str, change: FileChange, copy: str | None, removed: set[str]) -> bool:
    if copy == change.expected:
        return True
    parts = change.name.split("/")
    above = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
    below = _below(world, root, change.name)
    frees_space = bool(above & removed) or (bool(below) and below <= removed)
    return change.expected is None and copy == NO_FILE and frees_space


def _change(world: SimulatedHost, root: str, path: str, digest: str | None) -> None:
    if digest is None:
        world.files.pop(path, None)
    else:
        world.directories.add(root)
        world.files[path] = digest


def _keep_newest(world: SimulatedHost, root: str, records: list[dict[str, list[str]]]) -> None:
    world.directories.add(root)
    del records[:-1]

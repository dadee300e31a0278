"""Lists the fields in which a service differs from its container, if the container's own file is unknown.

A container does not show which values its image declared and which the file did: of such fields, only the members that
Git declares now are compared.
"""

from collections.abc import Iterator, Mapping
from itertools import zip_longest

from gitops_orch.model.app import App, Service
from gitops_orch.model.names import is_anonymous
from gitops_orch.model.observed import ObservedContainer, ObservedMount
from gitops_orch.model.plan.action import Change
from gitops_orch.model.rules.data_mounts import normal_target
from gitops_orch.planner.diff.field_changes import change_of
from gitops_orch.planner.inputs.world import ContainerSpec

_MOUNTED = frozenset({"bind", "volume", "tmpfs"})


def inspected_changes(spec: ContainerSpec, container: ObservedContainer) -> Iterator[Change]:
    """Yield the fields of an inspection that differ, except the limits, the command and the environment."""
    actual = dict(container.details.visible) if container.details is not None else {}
    for path, members in spec.visible if actual else ():
        yield from _member_changes(path, actual.get(path, ()), members)
    if container.details is not None and container.details.restart_policy != spec.restart_policy:
        yield change_of("restart", container.details.restart_policy, spec.restart_policy)


def network_changes(container: ObservedContainer, networks: tuple[str, ...]) -> Iterator[Change]:
    """Yield the networks that a container is in and should not be in, and those that it is missing."""
    if networks and container.networks:
        yield from _member_changes("networks", container.networks, networks)


def mount_changes(container: ObservedContainer, app: App, service: Service) -> Iterator[Change]:
    """Yield the mounts that differ by target, by whether they are writable, and by source if the file names one."""
    files = {normal_target(files.target) for files in service.files}
    actual = {normal_target(each.target): each for each in container.mounts if _is_declared(each)}
    wanted = _wanted(app, service)
    for target in sorted({*actual, *wanted} - files):
        there, asked = actual.get(target), wanted.get(target)
        before = None if there is None else _text(there.source, target, writable=there.writable)
        after = None
        if asked is not None:
            source, writable = asked
            known = source or (there.source if there is not None else "")
            after = _text(known, target, writable=writable)
        if before != after:
            yield change_of("volumes", before, after)


def _member_changes(path: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Change]:
    removed = [each for each in before if each not in after]
    added = [each for each in after if each not in before]
    for there, wanted in zip_longest(removed, added):
        yield change_of(path, there, wanted)


def _is_declared(mount: ObservedMount) -> bool:
    return mount.kind in _MOUNTED and not is_anonymous(mount.source)


def _wanted(app: App, service: Service) -> dict[str, tuple[str, bool]]:
    """Return, by target, the source on the host ("" if the file leaves it open), and whether the mount is writable."""
    names = {volume.key: volume.name for volume in app.volumes}
    found: dict[str, tuple[str, bool]] = {}
    volumes = service.compose.get("volumes")
    for volume in volumes if isinstance(volumes, list | tuple) else ():
        if not isinstance(volume, Mapping) or (volume.get("type") == "volume" and not volume.get("source")):
            continue
        source = str(volume.get("source") or "")
        known = names.get(source, source) if volume.get("type") == "volume" else source
        is_open = volume.get("type") == "bind" and not source.startswith("/")
        writable = not volume.get("read_only")
        found[normal_target(str(volume.get("target")))] = ("" if is_open else known, writable)
    return found


def _text(source: str, target: str, *, writable: bool) -> str:
    text = f"{source}:{target}" if source else target
    return text if writable else f"{text}:ro"

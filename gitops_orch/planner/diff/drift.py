"""Compares a container with its desired state: a table of rules for fields, each with its remedy and its reason.

The configuration of a container is immutable, so the spec-hash label covers most of it. What can change without the
label is compared field by field, and only where Git declares it. These are not compared on purpose:

- the image's own defaults (environment, command, user, labels): Git does not declare them;
- the id behind a tag that moved on the host: Git declares the tag, and the container runs what was released;
- health: the gate and the status evaluate it; it is not a difference of configuration.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from gitops_orch.model.app import App, Service
from gitops_orch.model.display.variable_secrets import secrets_of, secrets_of_app
from gitops_orch.model.heal import STATE
from gitops_orch.model.observed import Details, ObservedContainer, OwnedContainer, Ownership, State
from gitops_orch.model.plan.action import Change
from gitops_orch.model.rules.addresses import asks_for_mac_address
from gitops_orch.model.rules.image_names import normalise
from gitops_orch.planner.diff.bind_files import NO_FILE_CHANGES, Rewritten
from gitops_orch.planner.diff.compose_words import compose_text
from gitops_orch.planner.diff.field_changes import change_of, redacted_changes, service_changes
from gitops_orch.planner.diff.moved_tags import SHOWN, MovedTag
from gitops_orch.planner.diff.visible_changes import inspected_changes, mount_changes, network_changes
from gitops_orch.planner.inputs.container_exit import has_completed, is_done
from gitops_orch.planner.inputs.world import ContainerSpec, DeclaredService, FormerKey

FILELESS_VERSIONS = frozenset({"", "1"})  # of hashes that do not cover files in writable binds


class Remedy(IntEnum):
    """The action that repairs a difference, most drastic first."""

    REPLACE = 0
    RENAME = 1
    UPDATE = 2
    CONNECT = 3
    DISCONNECT = 4
    UNPAUSE = 5
    START = 6
    RESTART = 7


@dataclass(frozen=True, slots=True)
class ContainerDiff:
    """A difference: its remedy, reason, fields, and what the remedy needs (a network's name, fields to update)."""

    remedy: Remedy
    reason: str
    changes: tuple[Change, ...] = ()
    argument: str = ""
    update: tuple[tuple[str, object], ...] = ()
    drift: bool = True  # False: only Git changed


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredContainer:
    """The desired state of a slot's container on its host."""

    service: Service
    spec: ContainerSpec
    networks: tuple[str, ...]  # names on the Engine; empty with a network_mode
    moved: MovedTag | None = None  # the image that the tag names in the registry, if that is checked
    image_id: str = ""  # of the release's image; "" if it is not on the host
    app: App | None = None  # None: changes of the declaration are not looked up
    declared_services: Mapping[FormerKey, DeclaredService] = field(default_factory=dict)  # of World
    rewritten: Rewritten = NO_FILE_CHANGES


NANO = 1_000_000_000
Rule = Callable[[DesiredContainer, OwnedContainer], Iterator[ContainerDiff]]


def compare(wanted: DesiredContainer, container: ObservedContainer, name: str) -> tuple[ContainerDiff, ...]:
    """Return the differences. A REPLACE is the only one: the old container's other differences go with it."""
    found = _diffs(wanted, container, name)
    secrets = _secrets(wanted, container) if any(diff.changes for diff in found) else frozenset()
    return tuple(replace(each, changes=redacted_changes(each.changes, secrets)) for each in found)


def _secrets(wanted: DesiredContainer, container: ObservedContainer) -> frozenset[str]:
    details = container.details
    entries = (*wanted.spec.environment, *(details.environment if details is not None else ()))
    variables = [(name, value) for name, _, value in (entry.partition("=") for entry in entries)]
    found = secrets_of(variables, (wanted.service.name, wanted.service.image))
    return found if wanted.app is None else found | secrets_of_app(wanted.app)


def _diffs(wanted: DesiredContainer, container: ObservedContainer, name: str) -> tuple[ContainerDiff, ...]:
    if not isinstance(container, OwnedContainer):
        return (ContainerDiff(Remedy.REPLACE, "it was not made by us", drift=False),)
    for rule in _REPLACING:
        for diff in rule(wanted, container):
            return (diff,)
    found = [diff for rule in _IN_PLACE for diff in rule(wanted, container)]
    if container.name != name:
        found.append(
            ContainerDiff(
                Remedy.RENAME, f"it was renamed from {name}", (_change("name", container.name, name),), name
            )
        )
    return tuple(sorted(found, key=lambda diff: diff.remedy))


def _spec(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    owner = container.owner
    if _has_other_spec(wanted, owner):
        changes = (
            _declared_changes(wanted, owner)
            or (*_visible_changes(wanted, container), *_further_changes(wanted, container))
            or (_change("spec-hash", owner.spec_hash[:12], wanted.spec.hash[:12]),)
        )
        yield ContainerDiff(Remedy.REPLACE, "its configuration in Git changed", changes, drift=False)


def _declared_changes(wanted: DesiredContainer, owner: Ownership) -> tuple[Change, ...]:
    """Return the changes from the container's own file to the current one; empty if the former is unknown."""
    before = wanted.declared_services.get((owner.app, owner.service, owner.spec_hash))
    if before is None or wanted.app is None:
        return ()
    return service_changes(before, DeclaredService(app=wanted.app, service=wanted.service))


def _has_other_spec(wanted: DesiredContainer, owner: Ownership) -> bool:
    """Return whether the spec differs, by hashes of the same version; False if the container's hash version is unknown.

    Inspection must suffice then. So a new version of this product, with a new hash function, replaces no container.
    """
    spec = wanted.spec
    if not spec.version or owner.hash_version == spec.version:
        return owner.spec_hash != spec.hash
    return owner.hash_version in spec.older and owner.spec_hash != spec.older[owner.hash_version]


def _visible_changes(wanted: DesiredContainer, container: ObservedContainer) -> Iterator[Change]:
    """Yield the changes of the configuration that the old container itself shows; only the hash covers the rest."""
    if _is_another(container.image, wanted.service.image):
        yield _change("image", container.image, wanted.service.image)
    details = container.details
    if details is None:
        return
    before = dict(entry.split("=", 1) for entry in details.environment if "=" in entry)
    for entry in wanted.spec.environment:
        name, _, value = entry.partition("=")
        if before.get(name) != value:
            yield change_of(f"environment.{name}", before.get(name), value)
    if wanted.spec.command is not None and details.command != wanted.spec.command:
        yield _command_change("command", details.command, wanted.spec.command)
    if wanted.spec.entrypoint is not None and details.entrypoint != wanted.spec.entrypoint:
        yield _command_change("entrypoint", details.entrypoint, wanted.spec.entrypoint)
    for path, actual, declared, _field in _limits(wanted.spec, details):
        if actual != declared:
            yield _change(path, _limit(path, actual), _limit(path, declared))


def _further_changes(wanted: DesiredContainer, container: ObservedContainer) -> Iterator[Change]:
    """Yield other inspected changes, only to show them: a daemon may write these values in another form."""
    yield from inspected_changes(wanted.spec, container)
    yield from network_changes(container, wanted.networks)
    if wanted.app is not None:
        yield from mount_changes(container, wanted.app, wanted.service)


def _image(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    planned = container.owner.image_digest
    if planned and container.image_id != planned:
        change = _change("image", container.image_id[:19], planned[:19])
        yield ContainerDiff(Remedy.REPLACE, "it runs another image than the one it was made with", (change,))
    elif planned or container.image_id == wanted.image_id:
        return  # the image is right, though a former release may be known only by its digest
    elif _is_another(container.image, wanted.service.image):
        change = _change("image", container.image, wanted.service.image)
        yield ContainerDiff(Remedy.REPLACE, "it runs another image than Git declares", (change,))


def _tag(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    moved = wanted.moved
    if moved is not None and container.image_id != moved.image_id:
        before = moved.digests.get(container.image_id, container.image_id)
        reason = f"{moved.reason}: {before[:SHOWN]} -> {moved.wanted[:SHOWN]}"
        changes = (_change("image", before, moved.wanted),)
        yield ContainerDiff(Remedy.REPLACE, reason, changes, drift=False)


def _unknown_version(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    """Yield a REPLACE if the hash version is unknown and the container itself shows a change in Git."""
    spec = wanted.spec
    if not spec.version or container.owner.hash_version in {spec.version, *spec.older}:
        return
    changes = tuple(_visible_changes(wanted, container))
    if changes:
        changes = (*changes, *_further_changes(wanted, container))
        yield ContainerDiff(Remedy.REPLACE, "its configuration in Git changed", changes, drift=False)


def _is_another(actual: str, wanted: str) -> bool:
    """Return whether two references differ. An Engine shows an id if the tag has moved: an id proves nothing."""
    return not actual.startswith("sha256:") and normalise(actual) != normalise(wanted)


def _state(_: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    if container.state in {State.DEAD, State.REMOVING}:
        yield ContainerDiff(Remedy.REPLACE, f"it is {container.state.value} and can never run again")


def _files(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    """Yield a REPLACE if files change under a container without a change of its hash: it may have read them already."""
    names = wanted.rewritten.taken
    if container.owner.hash_version in FILELESS_VERSIONS:
        names += wanted.rewritten.changed
    if names:
        reason = f"{', '.join(names)} is to be as Git has it"
        changes = tuple(_change(f"files.{name}", "as on the host", "as in Git") for name in names)
        yield ContainerDiff(Remedy.REPLACE, reason, changes, drift=False)


def _created_by_hand(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    """Yield a REPLACE if the container itself is not as Git declares it, because labels can be copied."""
    details = container.details
    if details is None:
        return
    missing = [
        entry.partition("=")[0] for entry in wanted.spec.environment if entry not in details.environment
    ]
    if missing:
        changes = tuple(_change(f"environment.{name}", "not as in Git", "as in Git") for name in missing)
        yield ContainerDiff(Remedy.REPLACE, "its environment differs from Git", changes)
    if wanted.spec.command is not None and details.command != wanted.spec.command:
        change = _command_change("command", details.command, wanted.spec.command)
        yield ContainerDiff(Remedy.REPLACE, "its command differs from Git", (change,))
    if wanted.spec.entrypoint is not None and details.entrypoint != wanted.spec.entrypoint:
        change = _command_change("entrypoint", details.entrypoint, wanted.spec.entrypoint)
        yield ContainerDiff(Remedy.REPLACE, "its entrypoint differs from Git", (change,))


def _foreign_limits(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    """Yield a REPLACE for an undeclared limit: an update to 0 keeps the limit (measured on Engine 20.10)."""
    if container.details is None:
        return
    declared_others = dict(wanted.spec.other_limits)
    others = [(name, value, name in declared_others) for name, value in container.details.other_limits]
    limits = [
        (path, actual, bool(declared))
        for path, actual, declared, _ in _limits(wanted.spec, container.details)
    ]
    for path, actual, is_declared in (*limits, *others):
        if actual and not is_declared:
            change = _change(path, _limit(path, actual), None)
            yield ContainerDiff(
                Remedy.REPLACE, f"{path} was set from outside and cannot be cleared in place", (change,)
            )


def _declared_limits(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    if container.details is None:
        return
    off = [row for row in _limits(wanted.spec, container.details) if row[2] and row[1] != row[2]]
    if off:
        update: list[tuple[str, object]] = [(field, declared) for _, _, declared, field in off]
        if any(field == "Memory" for field, _ in update):
            # the Engine's own default for a new container
            update.append(("MemorySwap", wanted.spec.memory_bytes * 2))
        changes = tuple(
            _change(path, _limit(path, actual), _limit(path, declared)) for path, actual, declared, _ in off
        )
        yield ContainerDiff(
            Remedy.UPDATE,
            f"{', '.join(row[0] for row in off)} was changed from outside",
            changes,
            "",
            tuple(update),
        )


def _other_limits(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    """Yield an UPDATE for other limits; not for one that its Engine dropped as unsupported: it would change nothing."""
    actual = dict(container.details.other_limits) if container.details is not None else {}
    off = [
        (name, value) for name, value in wanted.spec.other_limits if name in actual and actual[name] != value
    ]
    if off:
        names = ", ".join(name for name, _ in off)
        changes = tuple(_change(name, str(actual[name]), str(value)) for name, value in off)
        yield ContainerDiff(Remedy.UPDATE, f"{names} was changed from outside", changes, "", tuple(off))


def _restart_policy(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    details = container.details
    if details is not None and details.restart_policy != wanted.spec.restart_policy:
        change = _change("restart", details.restart_policy, wanted.spec.restart_policy)
        update = (("RestartPolicy", restart_policy_fields(wanted.spec.restart_policy)),)
        yield ContainerDiff(Remedy.UPDATE, "its restart policy differs from Git", (change,), "", update)


def _networks(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    if not wanted.networks or (wanted.service.job and container.state is State.EXITED):
        return
    for name in wanted.networks:
        if name not in container.networks:
            # Engine 26.1 chooses another MAC address when it attaches: only a new container gets a fixed one.
            remedy = Remedy.REPLACE if asks_for_mac_address(wanted.service) else Remedy.CONNECT
            change = _change("networks", None, name)
            yield ContainerDiff(remedy, f"it was disconnected from {name}", (change,), name)
    for name in container.networks:
        if name not in wanted.networks:
            yield ContainerDiff(
                Remedy.DISCONNECT,
                f"it was connected from outside to {name}",
                (_change("networks", name, None),),
                name,
            )


def _running(wanted: DesiredContainer, container: OwnedContainer) -> Iterator[ContainerDiff]:
    if container.state is State.PAUSED:
        yield ContainerDiff(Remedy.UNPAUSE, "it is paused", (_change(STATE, "paused", "running"),))
    elif is_done(container) or (wanted.service.job and has_completed(container)):
        return
    elif container.state in {State.EXITED, State.CREATED}:
        yield ContainerDiff(
            Remedy.START,
            f"it is {_ending(container)}",
            (_change(STATE, container.state.value, "running"),),
            drift=container.state is State.EXITED,  # not of a created one: an interrupted run left it
        )


def _ending(container: ObservedContainer) -> str:
    details = container.details
    if container.state is State.CREATED:
        return "created and was never started"
    if details is None:
        return "stopped"
    return f"stopped (exit code {details.exit_code}{', out of memory' if details.oom_killed else ''})"


def _limits(spec: ContainerSpec, details: Details) -> tuple[tuple[str, int, int, str], ...]:
    """Return rows of (path, actual, declared, field of the Engine's ContainerUpdate)."""
    return (
        ("deploy.resources.limits.memory", details.memory_bytes, spec.memory_bytes, "Memory"),
        ("deploy.resources.limits.cpus", details.nano_cpus, spec.nano_cpus, "NanoCpus"),
        ("deploy.resources.limits.pids", max(0, details.pids_limit), max(0, spec.pids_limit), "PidsLimit"),
    )


def restart_policy_fields(policy: str) -> dict[str, object]:
    """Return the Engine's RestartPolicy for Compose's form (`on-failure:3`)."""
    name, _, count = policy.partition(":")
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def _change(path: str, before: str | None, after: str | None) -> Change:
    return Change(path=path, before=before, after=after)


def _command_change(path: str, before: tuple[str, ...] | None, after: tuple[str, ...] | None) -> Change:
    return change_of(path, compose_text(path, before), compose_text(path, after))


def _limit(path: str, value: int | str) -> str | None:
    """Return a limit as Compose writes it; None if it is not set."""
    if not value:
        return None
    if path.endswith(".cpus"):
        return f"{int(value) / NANO:g}"
    return compose_text(path, value)


_REPLACING: tuple[Rule, ...] = (
    _state,
    _spec,
    _tag,
    _unknown_version,
    _image,
    _files,
    _created_by_hand,
    _foreign_limits,
)
_IN_PLACE: tuple[Rule, ...] = (_declared_limits, _other_limits, _restart_policy, _networks, _running)

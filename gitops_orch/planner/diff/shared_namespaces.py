"""Decides whether a service that uses a namespace or the volumes of another service still has them.

Note [A child belongs to a container, not to a service]
An Engine binds a child to one container of its parent service: to its network, IPC or PID namespace, or to its volumes.
If that container is replaced, the child is created again. If it only restarted, it has new namespaces under its old id,
while the child is still in the former ones, which have no interface any more: the child is restarted. So parents are
classified first, and a child is compared with its parents' current containers. After a run that was interrupted or
yielded, the child that was created for the new parent is the right one, although it does not run yet and the former
child does.
"""

from collections import defaultdict
from collections.abc import Iterable

from gitops_orch.model.app import Service
from gitops_orch.model.heal import NAMESPACE
from gitops_orch.model.observed import ObservedContainer, State
from gitops_orch.model.plan.action import Change
from gitops_orch.model.rules.namespaces import NAMESPACE_KEYS, OF_CONTAINER, OF_SERVICE
from gitops_orch.planner.diff.drift import ContainerDiff, Remedy

REPLACED = "shares a namespace with {}, which is replaced"
_JOINING = frozenset({*NAMESPACE_KEYS, "volumes_from"})


def namespace_parents(service: Service) -> frozenset[str]:
    """Return the services whose namespaces or volumes this one uses: it cannot outlive their containers."""
    if service.compose.keys().isdisjoint(_JOINING):
        return frozenset()
    parents = set()
    for key in NAMESPACE_KEYS:
        value = service.compose.get(key)
        if isinstance(value, str) and value.startswith(OF_SERVICE):
            parents.add(value.removeprefix(OF_SERVICE))
    sources = service.compose.get("volumes_from")
    if isinstance(sources, (list, tuple)):
        parents.update(
            str(source).split(":")[0] for source in sources if not str(source).startswith(OF_CONTAINER)
        )
    return frozenset(parents)


def joined_names(service: Service) -> frozenset[str]:
    """Return the names of the containers, ours or foreign, whose namespaces a service uses (`container:NAME`)."""
    if service.compose.keys().isdisjoint(NAMESPACE_KEYS):
        return frozenset()
    values = (str(service.compose.get(key) or "") for key in NAMESPACE_KEYS)
    return frozenset(value.removeprefix(OF_CONTAINER) for value in values if value.startswith(OF_CONTAINER))


def shares_namespace(service: Service, parent: str) -> bool:
    """Return whether a service uses a namespace of a parent, and not only its volumes.

    A parent is a service, or `container:NAME`.
    """
    wanted = parent if parent.startswith(OF_CONTAINER) else f"{OF_SERVICE}{parent}"
    return any(service.compose.get(key) == wanted for key in NAMESPACE_KEYS)


def is_lost_namespace(diff: ContainerDiff) -> bool:
    """Return whether a diff says that a container is in the former namespace of a parent that restarted."""
    return diff.remedy is Remedy.RESTART and any(change.path == NAMESPACE for change in diff.changes)


def parents_first(services: Iterable[Service]) -> list[Service]:
    """Return services so that each is after its parents; a cycle, which validation refuses, in the given order."""
    by_name = {service.name: service for service in services}
    ordered: dict[str, Service] = {}

    def visit(service: Service, children: frozenset[str]) -> None:
        for parent in sorted(namespace_parents(service) - children):
            if parent in by_name and parent not in ordered:
                visit(by_name[parent], children | {service.name})
        ordered.setdefault(service.name, service)

    for service in by_name.values():
        visit(service, frozenset({service.name}))
    return list(ordered.values())


class Parents:
    """The containers that stay or will be created, for the services that were classified so far."""

    def __init__(self) -> None:
        self._staying: dict[tuple[str, str], list[ObservedContainer]] = defaultdict(list)
        self._names: dict[str, str] = {}  # the names that containers were created with, by id
        self._new: set[tuple[str, str]] = set()

    def note(self, service: str, host: str, current: ObservedContainer, name: str) -> None:
        """Note the container that a slot keeps, and the name that it was created with."""
        self._staying[service, host].append(current)
        self._names[current.id] = name

    def note_new(self, service: str, host: str) -> None:
        """Note that a container is created for a slot."""
        self._new.add((service, host))

    def check(self, service: Service, host: str, child: ObservedContainer) -> ContainerDiff | None:
        """Return the diff between a child and its parents on its host; None if there is none."""
        parents = sorted(
            namespace_parents(service) | {f"{OF_CONTAINER}{name}" for name in joined_names(service)}
        )
        replaced = [parent for parent in parents if self._is_replaced(service, parent, host, child)]
        if replaced:
            return self._replaced(replaced, host)
        restarted = [each for parent in parents for each in self._restarted(service, parent, host, child)]
        if service.job or not restarted:
            return None
        names = ", ".join(restarted)
        change = Change(path=NAMESPACE, before=f"as it was before {names} started", after=f"that of {names}")
        return ContainerDiff(
            Remedy.RESTART,
            f"{names} was started after it, and it has lost the namespace that it shares",
            (change,),
        )

    def _replaced(self, parents: list[str], host: str) -> ContainerDiff:
        """Return the diff for replaced parents.

        If this plan creates the parent, the child's replacement counts as no heal.
        """
        names = ", ".join(parent.removeprefix(OF_CONTAINER) for parent in parents)
        follows = any((parent, host) in self._new for parent in parents)
        change = Change(
            path=NAMESPACE, before=f"that of the former {names}", after=f"that of the new {names}"
        )
        changes = (change,) if follows else ()
        return ContainerDiff(Remedy.REPLACE, REPLACED.format(names), changes, argument=NAMESPACE, drift=False)

    def _is_replaced(self, service: Service, parent: str, host: str, child: ObservedContainer) -> bool:
        staying, details = self._staying.get((parent, host), []), child.details
        bound: tuple[str, ...] = ()
        if details is not None:
            bound = details.joined if shares_namespace(service, parent) else details.volumes_from
        if any(each.id in bound or self._names[each.id] in bound for each in staying):
            return False
        return (parent, host) in self._new or bool(bound and staying)

    def _restarted(self, service: Service, parent: str, host: str, child: ObservedContainer) -> list[str]:
        """Return the names of the parents in whose former namespaces a child still runs."""
        since = child.details.started_at if child.details is not None else None
        if since is None or child.state is not State.RUNNING or not shares_namespace(service, parent):
            return []
        return [
            each.name
            for each in self._staying.get((parent, host), [])
            if child.details is not None and each.id in child.details.joined
            if each.state is State.RUNNING and each.details is not None
            if each.details.started_at is not None and each.details.started_at > since
        ]

"""Services that live in a namespace, or with the volumes, of another service: is theirs still there?

Note [A child belongs to a container, not to a service]
An Engine binds a child to one container of its parent service: to that one's network, IPC or PID namespace, or to its
volumes.  Where that container is replaced, the child is created again.  Where it only restarted, it has new namespaces
under its old id, and the child still lives in the former ones, which have no interface any more: it is restarted.  So
parents are studied first, and a child is compared with what its parents are: after a run that broke off or yielded, the
child that was created for the new parent is the right one, though it does not run yet and the former one does.
"""

from collections import defaultdict
from collections.abc import Iterable

from gitops_orch.model.app import Service
from gitops_orch.model.observed import ObservedContainer, State
from gitops_orch.model.plan import Change
from gitops_orch.planner.diff.drift import ContainerDiff, Remedy

NAMESPACE = "namespace"  # the path of a namespace that was lost
REPLACED = "shares a namespace with {}, which is made anew"
NAMESPACE_KEYS = ("network_mode", "ipc", "pid")
JOIN = "container:"  # before the name of a container, where a service is named otherwise
_JOINING = frozenset({*NAMESPACE_KEYS, "volumes_from"})


def namespace_parents(service: Service) -> frozenset[str]:
    """Return the services whose namespaces or volumes this one lives in: it cannot outlive their containers."""
    if service.compose.keys().isdisjoint(_JOINING):
        return frozenset()
    parents = set()
    for key in NAMESPACE_KEYS:
        value = service.compose.get(key)
        if isinstance(value, str) and value.startswith("service:"):
            parents.add(value.removeprefix("service:"))
    sources = service.compose.get("volumes_from")
    if isinstance(sources, (list, tuple)):
        parents.update(
            str(source).split(":")[0] for source in sources if not str(source).startswith("container:")
        )
    return frozenset(parents)


def joined_names(service: Service) -> frozenset[str]:
    """Return the names of the containers in whose namespaces a service lives (`container:NAME`), whoever made them."""
    if service.compose.keys().isdisjoint(NAMESPACE_KEYS):
        return frozenset()
    values = (str(service.compose.get(key) or "") for key in NAMESPACE_KEYS)
    return frozenset(value.removeprefix(JOIN) for value in values if value.startswith(JOIN))


def shares_namespace(service: Service, parent: str) -> bool:
    """Tell whether a service lives in a namespace of another one, and not only with its volumes.

    A parent is a service, or `container:NAME`.
    """
    wanted = parent if parent.startswith(JOIN) else f"service:{parent}"
    return any(service.compose.get(key) == wanted for key in NAMESPACE_KEYS)


def is_lost_namespace(diff: ContainerDiff) -> bool:
    """Tell whether a finding is that a container lives in the former namespace of a parent that was started again."""
    return diff.remedy is Remedy.RESTART and any(change.path == NAMESPACE for change in diff.changes)


def parents_first(services: Iterable[Service]) -> list[Service]:
    """Return services so that each comes after its parents; a circle, which validation refuses, as given."""
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
    """The containers that stay, or are still to be made, of the services that were studied so far."""

    def __init__(self) -> None:
        self._staying: dict[tuple[str, str], list[ObservedContainer]] = defaultdict(list)
        self._names: dict[str, str] = {}  # that they were made with, by id
        self._new: set[tuple[str, str]] = set()

    def note(self, service: str, host: str, current: ObservedContainer, name: str) -> None:
        """Note the container that a slot keeps, and the name that it was made with."""
        self._staying[service, host].append(current)
        self._names[current.id] = name

    def note_new(self, service: str, host: str) -> None:
        """Note that a container is made for a slot."""
        self._new.add((service, host))

    def check(self, service: Service, host: str, child: ObservedContainer) -> ContainerDiff | None:
        """Return what is wrong between a child and its parents on its host; None where all is right."""
        parents = sorted(namespace_parents(service) | {f"{JOIN}{name}" for name in joined_names(service)})
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
        """What follows a parent that is made by the same plan heals nothing by itself, and is not counted as if it did."""
        names = ", ".join(parent.removeprefix(JOIN) for parent in parents)
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
        """The names of the parents in whose former namespaces a child lives on."""
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

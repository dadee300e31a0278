"""A plan under construction: actions get their ids, and find out what they must wait for.

Note [What frees a name, a port or an address]
An action that takes a name, a fixed port or a fixed address on a host waits for the action that frees it there, whichever
app that belongs to.  All are told apart by the host, so the order of apps in the plan does not matter.  A container that
stops for a successor in another app stops once that one is there to be started: so nobody waits for a pull.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

from gitops_orch.model.app import AppKey, FileMount, Network, Volume
from gitops_orch.model.host_files import FilesQuery, FilesWork
from gitops_orch.model.observed import HeldAddress, HeldPort, ObservedContainer
from gitops_orch.model.plan import (
    Action,
    Change,
    ContainerIntent,
    FailureBudget,
    Gate,
    Joining,
    Kind,
    PlanHold,
)
from gitops_orch.model.rules.ports import ports_of, same_port
from gitops_orch.planner.action_cycles import without_cycles

_PortKey = tuple[str, int, str]  # host, number, protocol
_NameKey = tuple[str, str]
_AddressKey = tuple[str, str, str]  # host, network, address
_PREPARING = frozenset({Kind.PULL, Kind.CREATE_NETWORK, Kind.CREATE_VOLUME, Kind.PUT_FILES, Kind.CREATE})


class StepFields(TypedDict, total=False):
    """What an action on a slot may have besides what the slot gives it; the words are those of `Action`."""

    changes: tuple[Change, ...]
    after: tuple[str, ...]
    follows: tuple[str, ...]
    budget: FailureBudget | None
    container: ContainerIntent
    network: Network
    gate: Gate
    new_name: str
    update: Mapping[str, object]
    joining: Joining
    grace_s: float
    signal: str
    ports: tuple[HeldPort, ...]
    optional: bool


class ActionFields(StepFields, total=False):
    """What any action may have besides its kind, host, target and reason."""

    name: str
    app: AppKey | None
    service: str | None
    slot: int | None
    release: str
    image: str
    platform: str
    local_suffices: bool
    volume: Volume
    files: FileMount
    work: FilesWork | None


class HoldKind(TypedDict, total=False):
    """What kind of hold it is; the words are those of `PlanHold`."""

    error: bool
    stopped: bool
    heals: bool
    kept: bool


class PlanBuilder:
    """Collects actions and holds; `finish` gives them back in an order in which they can be carried out."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.holds: list[PlanHold] = []
        self.unknown: list[AppKey] = []
        self.unread: set[tuple[str, FilesQuery]] = set()  # binds that nobody has looked at yet
        self.planned: set[AppKey] = set()  # apps that are acted on, if there is anything to do
        self.networks_wanted: dict[
            AppKey, Mapping[str, Collection[str]]
        ] = {}  # by host; of apps that may lose others
        self.refreshes: set[str] = (
            set()
        )  # pulls of images that are there: left out where nothing waits for them
        self._gates: dict[AppKey, list[str]] = defaultdict(list)
        self._ids: dict[str, int] = {}  # how many actions do the same
        self._names_freed: dict[_NameKey, str] = {}
        self._ports_freed: dict[_PortKey, list[tuple[HeldPort, str]]] = defaultdict(list)
        self._addresses_freed: dict[_AddressKey, list[str]] = defaultdict(list)
        self._names_taken: list[tuple[_NameKey, str]] = []
        self.ports_taken: list[tuple[str, HeldPort, str]] = []  # host, port, and the action that needs it
        self.addresses_taken: list[tuple[str, HeldAddress, str]] = []  # host, address, and who needs it
        self._waits: list[tuple[str, str]] = []
        self._patient: list[tuple[str, tuple[str, ...]]] = []  # stops, and what each may wait for
        self._places: dict[AppKey | None, list[int]] = defaultdict(list)  # in `actions`, by app
        self._indexed_count = 0
        self._networks_created: dict[_NameKey, int] = {}  # the place in `actions`, by host and name

    def add(self, kind: Kind, host: str, target: str, reason: str, **fields: Unpack[ActionFields]) -> str:
        """Add an action and return its id, made from what it does, so that the same plan has the same ids."""
        identity = self.identify(kind, host, fields.get("new_name") or target)
        if kind is Kind.CREATE_NETWORK:
            self._networks_created[host, target] = len(self.actions)
        self.actions.append(Action(id=identity, kind=kind, host=host, target=target, reason=reason, **fields))
        return identity

    def creation_of_network(self, host: str, name: str) -> Action | None:
        """Return the action that creates a network of that name on a host, where one was added."""
        place = self._networks_created.get((host, name))
        return None if place is None else self.actions[place]

    def identify(self, kind: Kind, host: str, target: str) -> str:
        """Return the id of an action that is added next."""
        base = f"{kind}/{host}/{target}"
        count = self._ids[base] = self._ids.get(base, 0) + 1
        return base if count == 1 else f"{base}#{count}"

    def hold(self, subject: str, reason: str, app: AppKey | None = None, **kind: Unpack[HoldKind]) -> None:
        """Note that something is left alone, and why; an error is one that nobody wished for (see `PlanHold`)."""
        self.holds.append(PlanHold(subject=subject, reason=reason, app=app, **kind))

    def add_gate(self, app: AppKey, action: str) -> None:
        """Note a step that shows that an app does well."""
        self._gates[app].append(action)

    def gates(self, app: AppKey) -> list[str]:
        """Return the steps that show that an app does well; empty where nothing is done to it."""
        return self._gates.get(app, [])

    def waits(self, action: str, other: str) -> None:
        """Note that an action comes after another one that was added later."""
        self._waits.append((action, other))

    def waits_unless_needed(self, stop: str, others: Iterable[str]) -> None:
        """Note that a stop comes after others, unless a start of this plan needs the port or the address that it frees."""
        self._patient.append((stop, tuple(others)))

    def settle_stops(self) -> None:
        """Let stops wait for what they come after, now that all starts of the plan are known.

        The commands before a stop are woven in later, and wait for the same.
        """
        needed = {freer for _, freer in self._with_name_waits()} if self._patient else set()
        waits: dict[str, list[str]] = defaultdict(list)
        for stop, others in self._patient:
            if stop not in needed:
                waits[stop] += others
        self._patient.clear()
        if waits:
            self.actions = [
                _with_after(action, waits[action.id]) if action.id in waits else action
                for action in self.actions
            ]

    def actions_of(self, app: AppKey) -> list[Action]:
        """Return the actions that were added for an app so far; for use before others are woven in."""
        for place in range(self._indexed_count, len(self.actions)):
            self._places[self.actions[place].app].append(place)
        self._indexed_count = len(self.actions)
        return [self.actions[place] for place in self._places.get(app, ())]

    def releases_name(self, host: str, name: str, action: str) -> None:
        """Note that a name on a host is free after an action; the first that frees it counts."""
        self._names_freed.setdefault((host, name), action)

    def has_action(self, kind: Kind, host: str, target: str) -> bool:
        """Tell whether such an action was added."""
        return f"{kind}/{host}/{target}" in self._ids

    def gives_up_name(self, host: str, name: str) -> bool:
        """Tell whether an action that was added frees a name on a host."""
        return (host, name) in self._names_freed

    def needs_name(self, host: str, name: str, action: str) -> None:
        """Note that an action needs a name on a host."""
        self._names_taken.append(((host, name), action))

    def releases_ports(self, host: str, container: ObservedContainer, action: str) -> None:
        """Note that a container's ports are free after an action."""
        for port in ports_of(container):
            self._ports_freed[(host, *port[1:])].append((port, action))

    def needs_ports(self, host: str, ports: Iterable[HeldPort], action: str) -> None:
        """Note that an action needs fixed ports of a host."""
        self.ports_taken += [(host, port, action) for port in ports]

    def releases_addresses(self, host: str, addresses: Iterable[HeldAddress], action: str) -> None:
        """Note that addresses in networks of a host are free after an action."""
        for address in addresses:
            self._addresses_freed[(host, *address)].append(action)

    def needs_addresses(self, host: str, addresses: Iterable[HeldAddress], action: str) -> None:
        """Note that an action needs fixed addresses in networks of a host."""
        self.addresses_taken += [(host, address, action) for address in addresses]

    def check_ports(self, stop: str, ports: tuple[HeldPort, ...], image: str, release: str) -> None:
        """Have the Engine asked for ports before a container is stopped for one of a release that needs them.

        The stop was added a moment ago, and is searched from the end.
        """
        place = next(place for place in reversed(range(len(self.actions))) if self.actions[place].id == stop)
        self.actions[place] = replace(self.actions[place], ports=ports, image=image, release=release)

    def finish(self) -> tuple[Action, ...]:
        """Return all actions, each after all that it waits for; those in a circular wait are held and left out."""
        extra: dict[str, set[str]] = defaultdict(set)
        for action, other in self._waits:
            extra[action].add(other)
        names = [
            (action, freed)
            for name, action in self._names_taken
            if (freed := self._names_freed.get(name)) is not None and freed != action
        ]
        for action, freed in names:
            extra[action].add(freed)
        self._add_name_waits(extra)
        actions = [
            _with_after(action, extra[action.id]) if action.id in extra else action for action in self.actions
        ]
        ordered, stuck = without_cycles(self._without_idle_refreshes(actions), names)
        for app in sorted({action.app for action in stuck if action.app is not None}):
            self.hold(
                str(app),
                "its steps wait for one another in a circle, which is a mistake of gitops-orch; make this change in two commits",
                app,
                error=True,
            )
        return _without_apps(ordered, {action.app for action in stuck}) if stuck else ordered

    def _without_idle_refreshes(self, actions: Sequence[Action]) -> list[Action]:
        """Return the actions without pulls that would be repeated at each run, as long as a canary waits."""
        awaited = {each for action in actions for each in (*action.after, *action.follows)}
        return [action for action in actions if action.id not in self.refreshes or action.id in awaited]

    def _add_name_waits(self, extra: dict[str, set[str]]) -> None:
        """Let who takes a port or an address wait for who frees it; and that one until the other can be started."""
        by_id = {action.id: action for action in self.actions}
        for taker, freer in self._with_name_waits():
            extra[taker].add(freer)
            if by_id[taker].app != by_id[freer].app:
                before = (by_id.get(each) for each in by_id[taker].after)
                extra[freer].update(each.id for each in before if each and each.kind in _PREPARING)

    def _with_name_waits(self) -> Iterator[tuple[str, str]]:
        """Yield pairs of actions: one that takes a port or an address, and one that frees it."""
        for host, port, action in self.ports_taken:
            for held, freed in self._ports_freed.get((host, *port[1:]), ()):
                if freed != action and same_port(port, held):
                    yield action, freed
        for host, address, action in self.addresses_taken:
            yield from (
                (action, freed)
                for freed in self._addresses_freed.get((host, *address), ())
                if freed != action
            )


def _with_after(action: Action, extra: Iterable[str]) -> Action:
    more = tuple(sorted(set(extra).difference(action.after, action.follows)))
    return replace(action, after=(*action.after, *more)) if more else action


def _without_apps(actions: Iterable[Action], apps: set[AppKey | None]) -> tuple[Action, ...]:
    kept = [action for action in actions if action.app not in apps]
    known = {action.id for action in kept}
    return tuple(
        replace(
            action,
            after=tuple(each for each in action.after if each in known),
            follows=tuple(each for each in action.follows if each in known),
        )
        for action in kept
    )

"""Decides which external networks and volumes are missing, and which of them another app of this plan creates.

Note [What another app creates is waited for]
An app may be planned before the app that creates its external network. Whether that other app is acted on at all (it
may be held) is known only at the end. So a plan first assumes that every app in Git creates what it declares. If that
turns out to be wrong, the planner plans again without the assumption. Each repetition leaves fewer of them.
"""

from collections.abc import Iterator, Mapping

from gitops_orch.model.app import App, AppKey, Service
from gitops_orch.model.plan.action import Action
from gitops_orch.model.plan.kinds import ConnectNetwork, Create, Kind
from gitops_orch.planner.diff.slots import AppSlots
from gitops_orch.planner.inputs.index import HostIndex, Index
from gitops_orch.planner.inputs.world import World
from gitops_orch.planner.plan_builder import PlanBuilder

_Object = tuple[Kind, str, str]  # kind of the create action, host, name


class Externals:
    """Knows which app declares a network or a volume, and which creations this plan assumes."""

    def __init__(self, world: World) -> None:
        self._owners: dict[tuple[Kind, str], AppKey] = {}
        for each in world.releases.targets:
            app = each.app
            own = [(Kind.CREATE_NETWORK, network.name) for network in app.networks if not network.external]
            own += [(Kind.CREATE_VOLUME, volume.name) for volume in app.volumes if not volume.external]
            self._owners |= dict.fromkeys(own, app.key)
        self._relied_on: set[_Object] = set()
        self._denied: set[_Object] = set()

    def missing(self, app: App, slots: AppSlots, index: Index) -> str:
        """Return which external network or volume is not on its host and not created by this plan; "" if none."""
        for slot in slots.slots:
            host = index.hosts[slot.host]
            for kind, name in _absent(app, slot.service, host):
                wanted = (kind, slot.host, name)
                owner = self._owners.get((kind, name))
                if owner is None or owner == app.key or wanted in self._denied:
                    return _reason(kind, slot.host, name, owner)
                self._relied_on.add(wanted)
        return ""

    def is_met(self, draft: PlanBuilder) -> bool:
        """Return whether a plan creates all that it assumes; the next plan does not repeat a wrong assumption."""
        created = {(action.kind, action.host, action.target) for action in draft.actions}
        unmet = self._relied_on - created
        self._denied |= unmet
        self._relied_on.clear()
        return not unmet


def await_creation(draft: PlanBuilder) -> None:
    """Let actions that use a network or a volume wait until the app that creates or replaces it has done so."""
    created: Mapping[_Object, str] = {
        (action.kind, action.host, action.target): action.id
        for action in draft.actions
        if action.kind in {Kind.CREATE_NETWORK, Kind.CREATE_VOLUME}
    }
    for action in draft.actions if created else ():
        for kind, name in _used(action):
            creation = created.get((kind, action.host, name))
            if creation is not None:
                draft.waits(action.id, creation)


def _used(action: Action) -> Iterator[tuple[Kind, str]]:
    """Yield the networks and volumes that must exist before an action."""
    if isinstance(action.payload, ConnectNetwork):
        yield Kind.CREATE_NETWORK, action.payload.network
    elif isinstance(action.payload, Create):
        app, service = action.payload.container.app, action.payload.container.service
        networks = (each for each in app.networks if each.key in service.networks)
        volumes = (each for each in app.volumes if each.key in service.volumes)
        yield from ((Kind.CREATE_NETWORK, each.name) for each in networks)
        yield from ((Kind.CREATE_VOLUME, each.name) for each in volumes)


def _absent(app: App, service: Service, host: HostIndex) -> Iterator[tuple[Kind, str]]:
    there = {Kind.CREATE_NETWORK: host.networks, Kind.CREATE_VOLUME: host.volumes}
    return ((kind, name) for kind, name in _needed(app, service) if name not in there[kind])


def _needed(app: App, service: Service) -> Iterator[tuple[Kind, str]]:
    for network in app.networks:
        if network.external and network.key in service.networks:
            yield Kind.CREATE_NETWORK, network.name
    for volume in app.volumes:
        if volume.external and volume.key in service.volumes:
            yield Kind.CREATE_VOLUME, volume.name


def _reason(kind: Kind, host: str, name: str, owner: AppKey | None) -> str:
    word = "network" if kind is Kind.CREATE_NETWORK else "volume"
    absent = f"the external {word} {name} is not on {host}"
    if owner is None:
        return f"{absent}; create it there: `docker {word} create {name}`"
    return f"{absent}: app {owner} declares it, and does not create it there now; see `gitops-orch status`"

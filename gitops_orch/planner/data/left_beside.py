"""Decides whether a container of an adopted project that the file does not name has the data of a new service.

A container that the file does not name is left alone, and continues to run. If the service was renamed on the way into
Git, this container is then a second writer of its data, or the service starts without the data.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gitops_orch.model.app import App
from gitops_orch.model.names import is_anonymous
from gitops_orch.model.observed import LIVE_STATES, ForeignContainer, ObservedContainer
from gitops_orch.model.rules.data_mounts import holds_data, normal_target
from gitops_orch.planner.diff.kept_mounts import MountResolver, open_places
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.inputs.adopted_containers import ONEOFF_LABEL, SERVICE_LABEL, adopted_containers
from gitops_orch.planner.inputs.data_locations import written, written_by
from gitops_orch.planner.inputs.index import Index
from gitops_orch.planner.inputs.world import Role, TargetRelease, World
from gitops_orch.planner.releases.dependencies import has_run


def left_beside(chosen: TargetRelease, slots: AppSlots, world: World, index: Index) -> str:
    """Return which container that an app leaves alone has data of a service that would start; "" if none has."""
    app = chosen.app
    if not app.adopt or chosen.role is not Role.HEAD or app.key in world.releases.stable_heads:
        return ""
    left = tuple(_left_alone(app, index))
    comparison = _DataComparison(app, world, index)
    starting = [slot for slot in slots.slots if slot.is_new] if left else []
    return next(
        (reason for slot in starting for each in left if (reason := comparison.reason(slot, each))), ""
    )


def _left_alone(app: App, index: Index) -> Iterator[ForeignContainer]:
    """Yield the project's containers of services that the file does not name."""
    named = {service.name for service in app.services}
    taken = {each.found.id for each in adopted_containers(app, index)}
    for host in index.hosts:
        for container in index.projects.get((host, app.key.project), ()):
            service = container.labels.get(SERVICE_LABEL, "")
            of_run = container.labels.get(ONEOFF_LABEL, "False") == "True"
            if container.id not in taken and service not in named and not of_run:
                yield container


@dataclass(frozen=True, slots=True)
class _DataComparison:
    """Compares what a new service would write with the data of a container that is left alone."""

    app: App
    world: World
    index: Index

    def reason(self, slot: Slot, left: ForeignContainer) -> str:
        """Return why a slot cannot start beside a container that is left alone; "" if it can."""
        before = self._predecessors(slot)
        both = self._both_write(slot, left) - set().union(*map(written_by, before))
        if both:
            shared = f"writes to {_shown(min(both))}, and so would {slot.service.name}"
            return (
                self._words(slot, left, shared) + "else give it a place of its own, or remove the other one"
            )
        if self.world.operator.accepted or before:
            return ""
        elsewhere = next(self._elsewhere(slot, left), "")
        accept = f"to start without that data, run `gitops-orch accept {self.world.desired.commit[:12]}`"
        return self._words(slot, left, elsewhere) + accept if elsewhere else ""

    def _predecessors(self, slot: Slot) -> list[ObservedContainer]:
        """Return the containers that ran the slot's service until now: what they share is already shared."""
        name, key = slot.service.name, self.app.key
        taken = (each.found for each in adopted_containers(self.app, self.index) if each.service == name)
        ours = (each for each in self.index.apps.get(key, ()) if each.owner.service == name and has_run(each))
        return [*taken, *ours]

    def _both_write(self, slot: Slot, left: ForeignContainer) -> set[str]:
        if left.host != slot.host or left.state not in LIVE_STATES:
            return set()
        root = next((host.data_root for host in self.world.desired.hosts if host.name == slot.host), "")
        kept = MountResolver(self.app, self.index).of(slot).sources
        return written(self.app, slot.service, root, kept) & written_by(left)

    def _elsewhere(self, slot: Slot, left: ForeignContainer) -> Iterator[str]:
        """Yield the data for which a slot would use another place, which its file does not name in full."""
        places = open_places(self.app, slot.service)
        for mount in left.mounts:
            place = places.get(normal_target(mount.target))
            moved = place != mount.source or left.host != slot.host
            if place is not None and moved and mount.writable and holds_data(mount.kind, mount.source):
                there = "an anonymous volume" if is_anonymous(mount.source) else _shown(mount.source)
                yield (
                    f"has {there} at {mount.target}, and {slot.service.name} would start on {slot.host} with {place} "
                    "there, without that data"
                )

    def _words(self, slot: Slot, left: ForeignContainer, what: str) -> str:
        container = left
        service = container.labels.get(SERVICE_LABEL, "")
        return (
            f"{container.name} on {left.host}, which the Compose project {self.app.key.project} has for its service "
            f"{service}, {what}; {self.app.path} does not name that service. If {slot.service.name} is to take its place, "
            f"call it `{service}`, or write `container_name: {container.name}`; "
        )


def _shown(source: str) -> str:
    return source if source.startswith("/") else f"volume {source}"

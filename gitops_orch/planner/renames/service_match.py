"""Decides whether a new service is one that left Git under another name.

No commit declares that. It is likely if both have data at the same path in the container, and the same image. A path
that only one kind of software uses (`/var/lib/mysql`) is as good as the image. A different service that is added when
another one is removed is new, even if both keep their data in `/data`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitops_orch.model.app import App, Service
from gitops_orch.model.names import is_anonymous
from gitops_orch.model.rules.image_names import repository_of
from gitops_orch.model.rules.ports import fixed_ports, ports_of
from gitops_orch.planner.inputs.declared_mounts import Declared, declared_mounts
from gitops_orch.planner.inputs.former_slots import RemovedSlot

_DISTINCTIVE_DEPTH = 3  # number of parts of a path that only one kind of software uses


@dataclass(frozen=True, slots=True)
class NewService:
    """A service that has no container yet, and what it mounts, by target."""

    app: App
    service: Service
    mounts: Mapping[str, Declared]
    repository: str

    @classmethod
    def of(cls, app: App, service: Service) -> "NewService":
        """Return a service of an app."""
        return cls(app, service, declared_mounts(app, service), repository_of(service.image))

    @property
    def targets(self) -> frozenset[str]:
        """Return the targets at which the service would have data."""
        return frozenset(target for target, each in self.mounts.items() if each.data)


def is_distinctive(target: str) -> bool:
    """Return whether a path in a container alone identifies the software that keeps its data there."""
    return target.count("/") >= _DISTINCTIVE_DEPTH


def is_same_service(new: NewService, old: Sequence[RemovedSlot]) -> bool:
    """Return whether a new service likely is the old one, with these slots, under another name."""
    first = old[0]
    same_app, same_name = first.app == new.app.key, first.service == new.service.name
    same_image = any(each.repository in {"", new.repository} for each in old)
    if any(each.data is None for each in old):  # unknown data is never "no data"
        return same_image or same_name
    targets = {target for each in old for target in each.data or ()}
    common = targets & new.targets
    if same_image:
        return bool(common or new.service.stateful or any(each.inherited for each in old))
    if same_app:
        return any(map(is_distinctive, common))
    return same_name and bool(common) and (any(map(is_distinctive, common)) or _same_port(new, old))


def _same_port(new: NewService, old: Sequence[RemovedSlot]) -> bool:
    wanted = {(number, protocol) for _, number, protocol in fixed_ports(new.service)}
    return any(
        (number, protocol) in wanted
        for each in old
        if each.container is not None
        for _, number, protocol in ports_of(each.container)
    )


def shares_volume(new: NewService, old: Sequence[RemovedSlot]) -> bool:
    """Return whether a new service mounts a volume or a directory of ours in which an old one has data."""
    sources = {source for each in old for source in (each.data or {}).values() if not is_anonymous(source)}
    return any(
        mount.data and mount.is_at(new.app.key, source)
        for mount in new.mounts.values()
        for source in sources
        if old[0].app == new.app.key
        or not source.startswith("/")  # several apps may mount the same path of a file server
    )

"""Small predicates on containers: whether one is healthy, holds data, or may be lost."""

from gitops_orch.engine import labels
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.names import is_pre_start
from gitops_orch.model.observed import Health, ObservedContainer, State, owner_of


def shares_data(world: SimulatedHost, container: SimulatedContainer) -> bool:
    return any(holds_data(world, name) for name in container.volumes)


def is_intermittent(container: SimulatedContainer) -> bool:
    """Whether it is a `pre_start` container or a scheduled run: the removal of these is no loss."""
    return is_pre_start(container.owner.service) or is_run_slot(container.owner.slot)


def is_retained(container: SimulatedContainer) -> bool:
    """Whether it is a failed or a retained container: the removal of these is no loss."""
    return not container.up and container.name.endswith(("-failed", "-kept"))


def is_healthy(container: SimulatedContainer | ObservedContainer) -> bool:
    return container.state is State.RUNNING and container.health in {Health.NONE, Health.HEALTHY}


def slot_of(container: SimulatedContainer | ObservedContainer):
    owner = container.owner if isinstance(container, SimulatedContainer) else owner_of(container)
    return None if owner is None else (owner.app, owner.service, owner.slot)


def holds_data(world: SimulatedHost, name: str) -> bool:
    volume = world.volumes.get(name)
    return volume is not None and labels.FILES not in volume.labels

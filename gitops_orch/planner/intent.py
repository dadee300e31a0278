"""From a slot to all that its new container is made from."""

from collections.abc import Mapping

from gitops_orch.model.names import is_anonymous
from gitops_orch.model.plan import ContainerIntent
from gitops_orch.planner.slots import Slot
from gitops_orch.planner.succession import is_going
from gitops_orch.planner.world import Chosen, World


def make_intent(
    chosen: Chosen, slot: Slot, world: World, *, peers: Mapping[str, str], kept: Mapping[str, str]
) -> ContainerIntent:
    """Return what a slot's container is made from; `kept` are the sources of its mounts that the file leaves open."""
    heirs = [
        old
        for old in slot.olds
        if old.host == slot.host and not is_going(old) and any(map(is_anonymous, old.container.volumes))
    ]
    return ContainerIntent(
        app=chosen.app,
        service=slot.service,
        slot=slot.assignment.slot,
        name=slot.name,
        commit=chosen.commit,
        spec_hash=world.spec(chosen.app, slot.service.name).hash,
        salt=world.salt,
        image=slot.image,
        image_digest=slot.image_id,
        inherit_volumes_from=heirs[0].container.id if heirs else None,
        kept_mounts=kept,
        peers=peers,
    )

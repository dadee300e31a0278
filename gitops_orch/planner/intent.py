"""From a slot to all that its new container is made from."""

import hashlib
from collections.abc import Mapping

from gitops_orch.model.names import HASH_LENGTH, is_anonymous
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
        image_digest="" if slot.pulled_again else slot.image_id,
        generation=_generation(slot),
        inherit_volumes_from=heirs[0].container.id if heirs else None,
        kept_mounts=kept,
        peers=peers,
    )


def _generation(slot: Slot) -> str:
    """Return what tells a container by its labels from all that are in its slot already; "" where none is.

    A container is made again as it was where it is damaged, or where its tag moved.  While the former one is there, set
    aside or not, nothing but this tells whether a container under another name is its successor, renamed, or its copy.
    """
    there = (*slot.olds, *slot.kept, *slot.parked, *slot.dropped)
    ids = sorted(found.container.id for found in there if found.host == slot.host)
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:HASH_LENGTH] if ids else ""

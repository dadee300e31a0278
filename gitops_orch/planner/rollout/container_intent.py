"""Collects everything that the new container of a slot is created from."""

import hashlib
from collections.abc import Mapping

from gitops_orch.model.app import App
from gitops_orch.model.names import HASH_LENGTH, is_anonymous
from gitops_orch.model.plan.values import ContainerIntent
from gitops_orch.planner.diff.slots import Slot
from gitops_orch.planner.inputs.slot_container import SlotContainer
from gitops_orch.planner.inputs.world import Findings, TargetRelease, World
from gitops_orch.planner.rollout.replace import is_removing


def make_intent(
    chosen: TargetRelease, slot: Slot, world: World, *, peers: Mapping[str, str], kept: Mapping[str, str]
) -> ContainerIntent:
    """Return what a slot's container is created from; `kept` has the sources of mounts that the file leaves open."""
    former = inherited_from(chosen.app, slot, world.findings)
    return ContainerIntent(
        app=chosen.app,
        service=slot.service,
        slot=slot.assignment.slot,
        name=slot.name,
        commit=chosen.commit,
        spec_hash=world.specs.of(chosen.app, slot.service.name).hash,
        salt=world.specs.salt,
        image=slot.image,
        image_digest="" if slot.pulled_again else slot.image_id,
        generation=_generation(slot),
        inherit_volumes_from=former.id if former is not None else None,
        kept_mounts=kept,
        peers=peers,
    )


def _generation(slot: Slot) -> str:
    """Return a value that distinguishes the new container's labels from those of others in its slot; "" if none.

    A damaged container, or one whose tag moved, is replaced by one with the same spec. While the former one exists,
    retained or not, only this value shows whether a container under another name is its renamed successor or its copy.
    """
    there = (*slot.outdated, *slot.retained, *slot.failed, *slot.discarded)
    ids = sorted(found.id for found in there if found.host == slot.host)
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:HASH_LENGTH] if ids else ""


def inherited_from(app: App, slot: Slot, findings: Findings) -> SlotContainer | None:
    """Return the container whose anonymous volumes a slot's new container mounts; it is of the same app and host.

    Its service may have had another name.
    """
    old_containers = [old for old in slot.outdated if old.host == slot.host and not is_removing(old)]
    old_containers += [
        each.container
        for each in findings.former_slots.get((app.key, slot.service.name), ())
        if each.is_same_service
        and each.app == app.key
        and each.host == slot.host
        and each.container is not None
    ]
    return next((each for each in old_containers if any(map(is_anonymous, each.volumes))), None)

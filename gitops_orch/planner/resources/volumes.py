"""Reports volumes whose definition changed in Git. One is replaced only if Git agrees to lose its data.

Note [Agreement]
`x-gitops.replace_volumes` names a volume and the words that a plan asked for. The words contain a digest of the volume
(its host, and when it was created), of its old definition, and of the new one. So they agree to this one loss only: not
to a later change, not on another host, and not to the loss of the volume that replaces it, even if a revert restores
the same words.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gitops_orch.model.app import App, AppKey, Volume
from gitops_orch.model.observed import AnyContainer, ObservedVolume, by_ownership, is_of_app
from gitops_orch.model.plan.kinds import RemoveVolume
from gitops_orch.model.rules.labels import DEFINITION_LABEL
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.inputs.index import HostIndex, Index
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_steps import retire
from gitops_orch.planner.resources.networks import differs

_DIGEST_LENGTH = 12
_CHANGED = "its definition in Git changed"


@dataclass(frozen=True, slots=True)
class VolumeReplacement:
    """A volume that is removed with its data, as Git agrees, and all containers that mount it on its host."""

    host: str
    volume: Volume
    users: tuple[AnyContainer, ...]


def agreement(host: str, volume: Volume, there: ObservedVolume) -> str:
    """Return the words that agree to the loss of this volume's data for this change of its definition."""
    parts = (host, volume.name, there.creation, there.labels.get(DEFINITION_LABEL, ""), volume.definition)
    return f"removes-data-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:_DIGEST_LENGTH]}"


def agreed_replacements(app: App, hosts: Iterable[str], index: Index) -> tuple[VolumeReplacement, ...]:
    """Return the volumes of an app to replace, if only the app's own containers use them."""
    agreed = [
        VolumeReplacement(host, volume, tuple(_users(volume, index.hosts[host])))
        for host in sorted(hosts)
        for volume, there in _changed(app, index.hosts[host])
        if agreement(host, volume, there) in app.replace_volumes.get(volume.key, ())
    ]
    return tuple(each for each in agreed if not _foreign_users(app, each.users))


def note_changed_volumes(app: App, host: HostIndex, draft: PlanBuilder) -> None:
    """Note volumes whose definition changed: why each stays, and what to write in Git."""
    name = host.host.name
    for volume, there in _changed(app, host):
        words = agreement(name, volume, there)
        foreign = _foreign_users(app, _users(volume, host))
        if words not in app.replace_volumes.get(volume.key, ()):
            reason = (
                f"{_CHANGED}, and a volume is never replaced on {name} without a word in Git; give it another `name:` "
                "to start an empty one, put the definition back, or, to remove it with all its data, write "
                f"x-gitops.replace_volumes: {{{volume.key}: [{words}]}}"
            )
            draft.hold(volume.name, reason, app.key)
        elif foreign:
            reason = f"{_CHANGED}, but {', '.join(foreign)} on {name} uses it too and is not this app's"
            draft.hold(volume.name, reason, app.key, error=True)


def without_replaced(index: Index, app: AppKey, replacements: Iterable[VolumeReplacement]) -> Index:
    """Return the observed state as it will be: without these volumes and without the containers that mount them."""
    hosts = dict(index.hosts)
    removed: set[str] = set()
    for each in replacements:
        host = hosts[each.host]
        removed |= {found.id for found in each.users}
        staying = tuple(container for container in host.containers if container.id not in removed)
        owned, foreign = by_ownership(staying)
        hosts[each.host] = replace(
            host,
            host=replace(host.host, owned=owned, foreign=foreign),
            containers=staying,
            names={container.name: container for container in staying},
            volumes={name: volume for name, volume in host.volumes.items() if name != each.volume.name},
        )
    own = tuple(found for found in index.apps.get(app, ()) if found.id not in removed)
    return replace(index, hosts=hosts, apps={**index.apps, app: own})


def explained(slots: AppSlots, replacements: Iterable[VolumeReplacement]) -> AppSlots:
    """Return the slots; the reason of a new container names the volume that is replaced together with it."""
    why = {(each.host, each.volume.key): f"volume {each.volume.name} is recreated" for each in replacements}
    return replace(slots, slots=tuple(_explained(slot, why) for slot in slots.slots))


def _explained(slot: Slot, why: dict[tuple[str, str], str]) -> Slot:
    reasons = [why[slot.host, key] for key in slot.service.volumes if (slot.host, key) in why]
    return replace(slot, reason=reasons[0], changes=()) if reasons and slot.is_new else slot


def clear_the_way(
    app: App, replacements: Iterable[VolumeReplacement], draft: PlanBuilder, pulls: Sequence[str]
) -> None:
    """Add the steps that remove the containers on the volumes, then the volumes; new ones are created after that."""
    retired: dict[str, tuple[str, ...]] = {}
    for each in replacements:
        name = each.volume.name
        reason = f"volume {name} is replaced, and ALL ITS DATA REMOVED, as x-gitops.replace_volumes agrees: {_CHANGED}"
        for user in each.users:
            if user.id not in retired:
                retired[user.id] = retire(draft, user, reason, pulls).last
        removed = draft.add(
            RemoveVolume(),
            each.host,
            name,
            reason,
            name=name,
            app=app.key,
            after=(*pulls, *(step for user in each.users for step in retired[user.id])),
        )
        draft.ledger.releases_name(each.host, volume_name(name), removed)


def volume_name(name: str) -> str:
    """Return the key of a volume among all names that a draft knows; no container can have this name."""
    return f"volume {name}"


def _changed(app: App, host: HostIndex) -> list[tuple[Volume, ObservedVolume]]:
    there = [(volume, host.volumes.get(volume.name)) for volume in app.volumes if not volume.external]
    return [
        (wanted, found)
        for wanted, found in there
        if found is not None and found.owner == app.key and differs(wanted, found)
    ]


def _users(volume: Volume, host: HostIndex) -> list[AnyContainer]:
    return [container for container in host.containers if volume.name in container.volumes]


def _foreign_users(app: App, users: Iterable[AnyContainer]) -> list[str]:
    return sorted(found.name for found in users if not is_of_app(found, app.key))

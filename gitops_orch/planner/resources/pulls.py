"""Decides which images are pulled on which hosts, and for which platform, before any container is created."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from gitops_orch.model.app import App, Service
from gitops_orch.model.plan.kinds import Pull
from gitops_orch.model.rules.image_names import normalise
from gitops_orch.model.rules.pull_policy import PullMode, PullPolicy, parse_pull_policy
from gitops_orch.planner.diff.slots import AppSlots, Slot
from gitops_orch.planner.inputs.index import HostIndex, Index
from gitops_orch.planner.plan_builder import PlanBuilder


class PullReason(Enum):
    """Why a registry is asked for an image; the value is shown to users."""

    ABSENT = "it is not on the host"
    ASKED_FOR = "pull_policy asks for it"
    MOVED_TAG = "its tag names other bytes there"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    service: str
    image: str
    why: str
    platform: str = ""
    local_suffices: bool = False
    is_there: bool = False  # on the host, according to the list of images


def pull_images(app: App, slots: AppSlots, index: Index, draft: PlanBuilder) -> tuple[str, ...]:
    """Add the pulls of all images that new containers need and their hosts lack; return their ids."""
    wanted: dict[tuple[str, str], _Wanted] = {}
    for slot in slots.slots:
        for each in _wanted_images(slot, index) if slot.is_new else ():
            key = (slot.host, each.image)
            if key not in wanted or (wanted[key].local_suffices and not each.local_suffices):
                wanted[key] = each
    return tuple(_add(draft, app, host, each) for (host, _), each in wanted.items())


def _add(draft: PlanBuilder, app: App, host: str, wanted: _Wanted) -> str:
    pull = draft.add(
        Pull(image=wanted.image, platform=wanted.platform, local_suffices=wanted.local_suffices),
        host,
        wanted.image,
        f"{wanted.service} needs it, and {wanted.why}",
        name=wanted.image,
        app=app.key,
        release=app.digest,
        service=wanted.service,
    )
    if wanted.is_there:
        draft.refreshes.add(pull)
    return pull


def platform_of(service: Service) -> str:
    """Return the platform that a service declares; "" if its Engine chooses."""
    return str(service.compose.get("platform") or "")


def _wanted_images(slot: Slot, index: Index) -> Iterator[_Wanted]:
    """Yield the images that are pulled for a slot: its own, and those that it mounts."""
    own = _own_image(slot, index.hosts[slot.host])
    if own is not None:
        yield own
    volumes: Any = slot.service.compose.get("volumes") or ()
    for volume in volumes:
        source = str(volume.get("source") or "")
        if (
            volume.get("type") == "image"
            and source
            and normalise(source) not in index.hosts[slot.host].image_ids
        ):
            yield _Wanted(service=slot.service.name, image=source, why=PullReason.ABSENT.value)


def _own_image(slot: Slot, host: HostIndex) -> _Wanted | None:
    """Return the image to pull for a slot's container; None if no pull is needed.

    The list of images has no platforms: if a service declares one, the Engine checks the image that it has, and pulls
    only if that is for another platform.
    """
    policy = parse_pull_policy(str(slot.service.compose.get("pull_policy") or ""))
    if policy is None or policy.kind is PullMode.NEVER:
        return None
    platform, name = platform_of(slot.service), slot.service.name
    why = _why_pulled(slot, host, policy)
    if why is not None:
        is_there = why is PullReason.ASKED_FOR
        return _Wanted(service=name, image=slot.image, why=why.value, platform=platform, is_there=is_there)
    if platform and slot.image == slot.service.image:
        return _Wanted(
            service=name,
            image=slot.image,
            why=f"it must be one for {platform}",
            platform=platform,
            local_suffices=True,
            is_there=True,
        )
    return None


def _why_pulled(slot: Slot, host: HostIndex, policy: PullPolicy) -> PullReason | None:
    """Return why a registry is asked; None if it is not. The image of a former release has no tag to ask for."""
    if not slot.image_id:
        return PullReason.ABSENT
    if policy.asks_again and slot.image == slot.service.image:
        return PullReason.ASKED_FOR
    same = host.image_ids.get(normalise(slot.image)) == slot.image_id
    return None if same else PullReason.MOVED_TAG

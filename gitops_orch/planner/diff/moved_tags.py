"""Decides whether a service runs the image that its tag names in the registry, and which image it should run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gitops_orch.model.app import Service
from gitops_orch.model.rules.image_names import normalise
from gitops_orch.model.rules.image_reference import split_reference
from gitops_orch.model.rules.pull_policy import parse_pull_policy
from gitops_orch.planner.inputs.index import HostIndex
from gitops_orch.planner.inputs.world import TargetRelease
from gitops_orch.planner.plan_builder import PlanBuilder

SHOWN = 19  # characters of a digest: sha256: and twelve more


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedTag:
    """The image that a service should run; a container with another image is replaced."""

    image_id: str  # on this host; "" if it must be pulled
    wanted: str  # digest
    reason: str
    digests: Mapping[str, str] = field(default_factory=dict)  # by id, of the images that are compared


def with_digest(image: str, digest: str) -> str:
    """Return a reference to an image by its digest, as Engines list it."""
    return normalise(f"{split_reference(image).familiar_name}@{digest}")


def is_pulled_again(chosen: TargetRelease, service: Service, image: str) -> bool:
    """Return whether a container's tag is pulled right before the create, so that it may name another image by then.

    Otherwise the container would claim the image that the host has now, and would be replaced at once as if it was
    tampered with.
    """
    policy = parse_pull_policy(str(service.compose.get("pull_policy") or ""))
    tag = chosen.tags.get(service.name)
    is_pinned = service.name in chosen.images and (tag is None or bool(tag.failed))
    by_tag = image == service.image and not split_reference(image).digest
    return policy is not None and policy.asks_again and by_tag and not is_pinned


def moved_tag(
    chosen: TargetRelease, service: Service, host: HostIndex, image_id: str, running: Iterable[str]
) -> MovedTag | None:
    """Return which image a service should run; None if its tag is not checked.

    `image_id` is the target release's image; `running` are the images of the containers that exist.
    """
    tag = chosen.tags.get(service.name)
    if tag is None:
        return None
    name = split_reference(service.image).familiar_name
    compared = {image_id, *running}
    digests = {
        image.id: digest.partition("@")[2]
        for image in host.host.images
        if image.id in compared
        for digest in image.digests
        if split_reference(digest).familiar_name == name
    }
    if not tag.failed:
        reason = f"tag {service.image} was pushed again"
        return MovedTag(image_id=image_id, wanted=tag.digest, reason=reason, digests=digests)
    reason = f"tag {service.image} names {tag.digest[:SHOWN]}, which failed"
    return MovedTag(image_id=image_id, wanted=digests.get(image_id, image_id), reason=reason, digests=digests)


def note_failed_tags(chosen: TargetRelease, draft: PlanBuilder) -> None:
    """Note each tag whose image failed, and what runs instead."""
    for name, tag in sorted(chosen.tags.items()):
        if tag.failed:
            image = chosen.app.service(name).image
            draft.hold(
                f"image {image}",
                f"names {tag.digest[:SHOWN]}, which failed ({tag.failed}), so service {name} keeps what it ran before; "
                f"push an image that works, or say `gitops-orch retry {chosen.app.key}`",
                chosen.app.key,
            )

"""Returns the image that a service runs: not the declared one while an update waits or after it failed."""

import re
from collections import Counter
from collections.abc import Iterable

from gitops_orch.model.app import Service
from gitops_orch.model.observed import OwnedContainer, State
from gitops_orch.model.rules.image_names import normalise
from gitops_orch.planner.inputs.world import TargetRelease, World

_UP = frozenset({State.RUNNING, State.PAUSED, State.RESTARTING})
_IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}")
_ID_CHARS = 19  # `sha256:` and 12 digits, as `docker ps` shows an image without a name


def running_image(
    service: Service, chosen: TargetRelease, world: World, containers: Iterable[OwnedContainer]
) -> str:
    """Return the image of the containers that are up, as Compose files write it; the declared image if none is up.

    Several images are separated by commas, the one of the most containers first.
    """
    votes = Counter(
        _reference(service, chosen, world, each) for each in containers if each.state in _UP and each.image
    )
    return ", ".join(sorted(votes, key=lambda image: (-votes[image], image))) or service.image


def _reference(service: Service, chosen: TargetRelease, world: World, container: OwnedContainer) -> str:
    """Return the image reference of a container; Docker lists an id if the tag names another image now."""
    spec = world.specs.by_service.get((chosen.app.key, chosen.app.digest, service.name))
    is_wanted = spec is not None and spec.hash == container.owner.spec_hash
    if is_wanted or normalise(container.image) == normalise(service.image):
        return service.image
    return container.image[:_ID_CHARS] if _IMAGE_ID.fullmatch(container.image) else container.image

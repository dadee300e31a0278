"""Decides which containers we created. Labels alone are no proof: an image can bring them, and a tool can copy them.

Note [What proves that we created a container]
A container is ours if all of these conditions hold. Only then may it be changed:

1. Its labels have the form of our labels (`labels.parse_ownership`).
2. The labels were set when the container was created. A container also has the labels of its image, so a label that the
   image has with the same value proves nothing. An image has our labels if its Dockerfile sets them, or if a person
   committed one of our containers. A container that we create from such an image has another commit, hash or image id.
3. It is not a copy beside its original. A tool that duplicates a container also copies its labels. Name and age
   distinguish two containers with the same labels: a copy has a name that we never give and is younger.

If only one container has our labels, but under another name, it was renamed and stays ours: a second container beside
it would write the same data.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from gitops_orch.engine import labels
from gitops_orch.model.names import container_name
from gitops_orch.model.observed import AnyContainer, ObservedContainer, OwnedContainer, Ownership, as_copy

# What we append to the name of a container that is replaced, retained or failed.
_OUR_SUFFIXES = re.compile(r"(-old-[0-9a-f]{7}|-[0-9a-f]{7}|-kept|-failed)*")
# Each of our containers is created with these labels.
_IDENTITY = (
    labels.INSTANCE,
    labels.NAMESPACE,
    labels.APP,
    labels.SERVICE,
    labels.SLOT,
    labels.COMMIT,
    labels.RELEASE,
    labels.SPEC_HASH,
    labels.HASH_VERSION,
    labels.SALT,
    labels.IMAGE_DIGEST,
    labels.NAME,
)


def carries_ours(some_labels: Mapping[str, str]) -> bool:
    """Return whether any label has the prefix of our labels."""
    return any(key.startswith(labels.PREFIX) for key in some_labels)


def own_labels(container: Mapping[str, str], image: Mapping[str, str]) -> dict[str, str]:
    """Return a container's labels without our labels that come from its image, given the image's labels.

    If the image is a commit of one of our containers, the container's inherited Compose labels are removed, too: the
    container does not belong to our app's Compose project.
    """
    inherited = {key for key, value in container.items() if image.get(key) == value}
    ours = {key for key in inherited if key.startswith(labels.PREFIX)}
    if not ours:
        return dict(container)
    if ours.issuperset(key for key in _IDENTITY if key in container):
        ours |= {key for key in inherited if key.startswith(labels.COMPOSE_PREFIX)}
    else:
        ours.difference_update(_IDENTITY)  # we set all of these; some may equal the image's by chance
    return {key: value for key, value in container.items() if key not in ours}


def without_copies(containers: Iterable[AnyContainer]) -> tuple[AnyContainer, ...]:
    """Return the containers of a host; a copy of one of ours is foreign, and `copy_of` names its original."""
    there = tuple(containers)
    same: dict[Ownership, list[OwnedContainer]] = defaultdict(list)
    for each in there:
        if isinstance(each, OwnedContainer):
            same[each.owner].append(each)
    copies = {
        copy.id: original.name
        for owner, claimants in same.items()
        if len(claimants) > 1
        for copy, original in _copies(owner, claimants)
    }
    if not copies:
        return there
    return tuple(as_copy(each, copies[each.id]) if each.id in copies else each for each in there)


def _copies(owner: Ownership, claimants: list[OwnedContainer]) -> list[tuple[OwnedContainer, OwnedContainer]]:
    named = {each.id for each in claimants if _is_named_by_us(owner, each.name)}
    original = min(claimants, key=lambda each: (_age(each), each.id not in named))
    return [(each, original) for each in claimants if each is not original and each.id not in named]


def _age(container: ObservedContainer) -> float:
    return container.created_at.timestamp() if container.created_at is not None else 0.0


def _is_named_by_us(owner: Ownership, name: str) -> bool:
    """Return whether we gave a container its name; without a name label, only the usual form of our names counts."""
    created = owner.name or container_name(
        owner.app.project, owner.service, owner.slot, owner.spec_hash, owner.image_digest
    )
    return name.startswith(created) and _OUR_SUFFIXES.fullmatch(name[len(created) :]) is not None

"""Which containers did we create: labels say so, and labels can be inherited from an image or copied by a person.

Note [What proves that we created a container]
A container is ours if all of these hold; only then is anything done to it:

1. Its labels have the form of ours (`labels.parse_ownership`).
2. They were set when it was created.  A container also has the labels of its image, so those that the image has with the
   same value prove nothing.  An image has labels of ours if its file sets them, or if somebody committed a container of
   ours.  A container that we create from such an image differs from it in the commit, the hash or the image id.
3. It is no copy beside its original.  A tool that duplicates a container copies its labels too.  Two containers of the
   same labels are told apart by name and age: a copy has a name that we never give, and is younger than its original.

A container alone that carries our labels under another name was renamed, and stays ours: nothing may be created beside
it that writes the same data.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from gitops_orch.engine import labels
from gitops_orch.model.names import container_name
from gitops_orch.model.observed import ObservedContainer, Ownership

# What we append to a name when a container makes way for its successor, or is set aside.
_OUR_SUFFIXES = re.compile(r"(-old-[0-9a-f]{7}|-[0-9a-f]{7}|-kept|-failed)*")
# The labels that every container of ours is created with.
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
    """Tell whether labels are there that begin as ours do."""
    return any(key.startswith(labels.PREFIX) for key in some_labels)


def own_labels(container: Mapping[str, str], image: Mapping[str, str]) -> dict[str, str]:
    """Return a container's labels without those of ours that it has from its image, given the image's labels.

    A container of a committed container of ours is no part of our app's Compose project either.
    """
    inherited = {key for key, value in container.items() if image.get(key) == value}
    ours = {key for key in inherited if key.startswith(labels.PREFIX)}
    if not ours:
        return dict(container)
    if ours.issuperset(key for key in _IDENTITY if key in container):
        ours |= {key for key in inherited if key.startswith(labels.COMPOSE_PREFIX)}
    else:
        ours.difference_update(_IDENTITY)  # we set all of these; some equal the image's by chance
    return {key: value for key, value in container.items() if key not in ours}


def without_copies(containers: Iterable[ObservedContainer]) -> tuple[ObservedContainer, ...]:
    """Return the containers of a host; those that were copied from one of ours have no owner, and name their original."""
    there = tuple(containers)
    same: dict[Ownership, list[ObservedContainer]] = defaultdict(list)
    for each in there:
        if each.owner is not None:
            same[each.owner].append(each)
    copies = {
        copy.id: original.name
        for owner, claimants in same.items()
        if len(claimants) > 1
        for copy, original in _copies(owner, claimants)
    }
    if not copies:
        return there
    return tuple(
        replace(each, owner=None, copy_of=copies[each.id]) if each.id in copies else each for each in there
    )


def _copies(
    owner: Ownership, claimants: list[ObservedContainer]
) -> list[tuple[ObservedContainer, ObservedContainer]]:
    named = {each.id for each in claimants if _is_named_by_us(owner, each.name)}
    original = min(claimants, key=lambda each: (_age(each), each.id not in named))
    return [(each, original) for each in claimants if each is not original and each.id not in named]


def _age(container: ObservedContainer) -> float:
    return container.created_at.timestamp() if container.created_at is not None else 0.0


def _is_named_by_us(owner: Ownership, name: str) -> bool:
    """Tell whether we gave a container its name; of one without a recorded name only the usual form is known."""
    created = owner.name or container_name(
        owner.app.project, owner.service, owner.slot, owner.spec_hash, owner.image_digest
    )
    return name.startswith(created) and _OUR_SUFFIXES.fullmatch(name[len(created) :]) is not None

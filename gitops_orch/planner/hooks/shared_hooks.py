"""Decides before which start a once-only `pre_start` hook runs, and whether it runs at all.

As with Compose, it runs before the first new container of the service, and all other new ones wait for it. It does not
run if it already prepared a container of the service that stays and has the same definition and image. So nothing runs
for a further replica or for one that replaces a lost one. It does run for a changed service, a new image, and a service
without any remaining container.

A global service belongs to each host, with the volumes there: it is prepared on each host, as Compose does on its one
host.
"""

from collections.abc import Mapping, Sequence

from gitops_orch.model.app import Mode, Service
from gitops_orch.model.container import is_retained
from gitops_orch.model.observed import OwnedContainer, State
from gitops_orch.model.plan.action import Action

_ON_EACH_HOST = frozenset({Mode.GLOBAL, Mode.GLOBAL_JOB})


def shared_on(service: Service, host: str) -> str:
    """Return the host for which a run prepares a service; "" if one run is for all hosts."""
    return host if service.mode in _ON_EACH_HOST else ""


def was_prepared(container: OwnedContainer, service: str, spec: str, images: set[str]) -> bool:
    """Return whether a container was started with the service's current definition, from one of the images (ids)."""
    owner = container.owner
    return (
        (owner.service, owner.spec_hash) == (service, spec)
        and container.image_id in images
        and container.state is not State.CREATED
        and not is_retained(container)
    )


def first_start(starts: Sequence[Action], by_id: Mapping[str, Action]) -> Action:
    """Return the first of a service's starts: one that waits for no other."""
    ids = {each.id for each in starts}
    return next((each for each in starts if not _waits_for(each, ids - {each.id}, by_id)), starts[0])


def _waits_for(action: Action, others: set[str], by_id: Mapping[str, Action]) -> bool:
    """Return whether an action waits, directly or indirectly, for any of the others."""
    waiting, seen = [action.id], {action.id}
    while waiting:
        step = by_id.get(waiting.pop())
        before = () if step is None else (*step.after, *step.follows)
        if others.intersection(before):
            return True
        waiting += [each for each in before if each not in seen]
        seen.update(before)
    return False

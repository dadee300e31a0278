"""Before which start does a `pre_start` run that runs once for its service, and does it run at all?

As with Compose: it runs before the first new container of the service, and all other new ones wait for it.  It does not
run where a container of the service that stays was prepared by it already: one of the same definition and image.  So
another replica, or one in place of a lost one, runs nothing; a changed service, a new image, and a service of which
nothing is left do.

A global service belongs to each host, with the volumes there: it is prepared on each, as Compose does on its one host.
"""

from collections.abc import Mapping, Sequence

from gitops_orch.model.app import Mode, Service
from gitops_orch.model.container import is_retained
from gitops_orch.model.observed import ObservedContainer, State
from gitops_orch.model.plan import Action

_ON_EACH_HOST = frozenset({Mode.GLOBAL, Mode.GLOBAL_JOB})


def shared_on(service: Service, host: str) -> str:
    """Return the host for which a run prepares a service; "" where one run is for all hosts."""
    return host if service.mode in _ON_EACH_HOST else ""


def was_prepared(container: ObservedContainer, service: str, spec: str, images: set[str]) -> bool:
    """Tell whether a container has been started as the service is defined now, from one of the images (ids)."""
    owner = container.owner
    return (
        owner is not None
        and (owner.service, owner.spec_hash) == (service, spec)
        and container.image_id in images
        and container.state is not State.CREATED
        and not is_retained(container)
    )


def first_start(starts: Sequence[Action], by_id: Mapping[str, Action]) -> Action:
    """Return the first of a service's starts: one that comes after no other."""
    ids = {each.id for each in starts}
    return next((each for each in starts if not _waits_for(each, ids - {each.id}, by_id)), starts[0])


def _waits_for(action: Action, others: set[str], by_id: Mapping[str, Action]) -> bool:
    """Tell whether an action comes after any of the others, or follows one."""
    waiting, seen = [action.id], {action.id}
    while waiting:
        step = by_id.get(waiting.pop())
        before = () if step is None else (*step.after, *step.follows)
        if others.intersection(before):
            return True
        waiting += [each for each in before if each not in seen]
        seen.update(before)
    return False

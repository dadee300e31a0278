"""Steps that set a container aside, or take away what was set aside before.

What is set aside has the restart policy `no`: a stopped container with another one would come back with its daemon.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gitops_orch.model.container import FAILED_SUFFIX, RETAINED_SUFFIX, has_suffix, is_retained, newest_first
from gitops_orch.model.observed import ObservedContainer
from gitops_orch.model.plan import Kind
from gitops_orch.planner.diff.drift import restart_policy_fields
from gitops_orch.planner.inputs.index import HostIndex, Located
from gitops_orch.planner.plan_builder import PlanBuilder
from gitops_orch.planner.removal.removal_steps import owned, remove_container, stop_container

NO_RESTART = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """Why a container is stopped, and what that waits for."""

    reason: str
    after: tuple[str, ...] = ()
    stopped: bool = False  # by a step before
    successor: str = ""  # id of the container that takes over, where it is there already


def retain(draft: PlanBuilder, host: HostIndex, found: Located, suffix: str, how: StopRequest) -> str:
    """Add the steps that stop a container for good under a name with that suffix, and return the id of the last.

    "" is returned where there is nothing to do: it is aside already.
    """
    container = found.container
    last = how.after
    if container.details is not None and container.details.restart_policy != NO_RESTART:
        fields = {"RestartPolicy": restart_policy_fields(NO_RESTART)}
        updated = draft.add(
            Kind.UPDATE, found.host, container.id, how.reason, **owned(found), after=last, update=fields
        )
        last = (updated,)
    stopped = None if how.stopped else stop_container(draft, found, how.reason, last)
    last = last if stopped is None else (stopped,)
    if has_suffix(container, suffix):
        return "" if last == how.after else last[0]
    name = _name(draft, host, found, suffix, replace(how, after=last))
    renamed = draft.add(
        Kind.RENAME, found.host, container.id, how.reason, **owned(found), after=last, new_name=name
    )
    draft.releases_name(found.host, container.name, renamed)
    draft.needs_name(found.host, name, renamed)
    return renamed


def _name(draft: PlanBuilder, host: HostIndex, found: Located, suffix: str, how: StopRequest) -> str:
    """The name under which it is set aside; one that was set aside before under the same name makes way, as late as it can.

    Not so its own successor, which was aside until now: both may have been made before their bytes were known, and then
    their names differ in nothing.
    """
    name = _stem(found.container) + suffix
    holder = host.names.get(name)
    if holder is None or draft.gives_up_name(found.host, name):  # it is gone back to, under its own name
        return name
    if holder.owner is not None and is_retained(holder) and holder.id != how.successor:
        reason = "a later former container takes its place"
        remove_container(draft, Located(found.host, holder), reason, how.after)
        return name
    return f"{found.container.name}-{found.container.id[:7]}{suffix}"


def _stem(container: ObservedContainer) -> str:
    """Return the name without what setting aside appended to it."""
    name = container.name
    for appended in (RETAINED_SUFFIX, FAILED_SUFFIX):
        name = name.removesuffix(appended) if has_suffix(replace(container, name=name), appended) else name
    return name


def keep_newest(
    draft: PlanBuilder, host: HostIndex, kept: Iterable[Located], joining: Iterable[Located], limit: int
) -> tuple[Located, ...]:
    """See to it that the newest `limit` of those `kept` stay as they are, now that others are `joining`.

    Return those that are too many.
    """
    joined = list(joining)
    by_id = {found.container.id: found for found in (*kept, *joined)}
    ranked = newest_first(found.container for found in by_id.values())
    remaining = {container.id for container in ranked[:limit]} | {found.container.id for found in joined}
    how = StopRequest(reason="it is kept for going back, and must not come back with its daemon")
    for found in kept:
        if found.container.id in remaining:
            retain(draft, host, found, RETAINED_SUFFIX, how)
    return tuple(by_id[container.id] for container in ranked if container.id not in remaining)

"""Decides whether an exited container ended by itself or was stopped from outside, and whether its work is done.

A stop by a host, its daemon or a person says nothing about a release. An exit code of 137 or 143 alone does not prove
such a stop: if the Engine was up all the time and received no stop request, the program ended by itself. A container
that ended with 0 by itself, and whose restart policy does not restart it, has done its work: a `chown`, an init
container, a migration.
"""

from gitops_orch.model.observed import Details, EndedBy, ObservedContainer, State
from gitops_orch.model.rules.start_errors import is_release_fault

_SIGNALS = {137: "SIGKILL", 143: "SIGTERM"}
_REMOVED = {
    State.REMOVING: "its Engine was asked to remove it",
    State.DEAD: "its Engine began to remove it, but did not finish",
}
_BY = {EndedBy.REQUEST: "its Engine was asked to stop it", EndedBy.DAEMON: "its Engine was stopped"}


def why_stopped(container: ObservedContainer) -> str:
    """Return who stopped a container that has exited or is being removed; "" if it ended by itself, or runs."""
    details = container.details
    if container.state in _REMOVED:
        return "" if details is not None and _had_failed(details) else _REMOVED[container.state]
    if container.state is not State.EXITED or details is None or details.oom_killed:
        return ""
    if details.ended_by in _BY:
        return _BY[details.ended_by]
    if _would_run_again(details):
        return "" if is_release_fault(details.error) else _kept_down(details)
    if details.exit_code in _SIGNALS and details.ended_by is not EndedBy.ITSELF:
        return f"{_SIGNALS[details.exit_code]} was sent to it"
    return ""


def _had_failed(details: Details) -> bool:
    """Return whether the container failed by itself before its removal was requested."""
    return details.oom_killed or (details.ended_by is EndedBy.ITSELF and details.exit_code != 0)


def was_stopped_from_outside(container: ObservedContainer) -> bool:
    """Return whether a container was certainly stopped from outside.

    It was not if it failed by itself before its Engine stopped. A restart policy proves nothing if the program is known
    to have ended by itself: the policy may have been another one at that time.
    """
    details = container.details
    if details is None or details.ended_by is EndedBy.ITSELF or not why_stopped(container):
        return False
    return details.ended_by is not EndedBy.DAEMON or details.exit_code in {0, *_SIGNALS}


def is_done(container: ObservedContainer) -> bool:
    """Return whether a container ended by itself with 0, and its restart policy does not restart it.

    False if this is not known: a container that may have been stopped does not count as done.
    """
    details = container.details
    return (
        container.state is State.EXITED
        and details is not None
        and details.exit_code == 0
        and details.ended_by is EndedBy.ITSELF
        and not _would_run_again(details)
    )


def has_completed(container: ObservedContainer) -> bool:
    """Return whether a job has ended with 0 and was not stopped: a program that is stopped may end with 0, too.

    A job that may have been stopped with its Engine is not completed either, unless it was observed as done before.
    """
    details = container.details
    ended = container.state is State.EXITED
    return ended and (details is None or (details.exit_code == 0 and not why_stopped(container)))


def _would_run_again(details: Details) -> bool:
    policy, _, times_max = details.restart_policy.partition(":")
    if policy == "on-failure":
        return details.exit_code != 0 and (not times_max or details.restart_count < int(times_max))
    return policy in {"always", "unless-stopped"}


def _kept_down(details: Details) -> str:
    if details.error:
        return f"its Engine could not restart it: {details.error}"
    return f"with restart: {details.restart_policy} its Engine restarts it unless the container or the Engine was stopped"

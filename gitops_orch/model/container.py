"""Recognises retained and failed containers: stopped, with a name that shows the reason.

A *failed* container is kept for inspection, as long as its release is quarantined. A *retained* container was healthy
when its successor replaced it; a rollback can start it at once. The name lets any later process find them.
"""

from collections.abc import Iterable

from gitops_orch.model.observed import LIVE_STATES, ObservedContainer, OwnedContainer, State

FAILED_SUFFIX = "-failed"
RETAINED_SUFFIX = "-kept"
RETAINED_SUFFIXES = (RETAINED_SUFFIX, FAILED_SUFFIX)


def is_failed_copy(container: ObservedContainer) -> bool:
    """Return whether a container failed and was stopped for good."""
    return has_suffix(container, FAILED_SUFFIX) and container.state not in LIVE_STATES


def is_retained_copy(container: ObservedContainer) -> bool:
    """Return whether a container belongs to a former generation and is kept for a rollback."""
    return has_suffix(container, RETAINED_SUFFIX) and container.state not in LIVE_STATES


def is_from_failed_release(container: ObservedContainer) -> bool:
    """Return whether a container's name shows that its release failed, even if a person has started it again since."""
    return has_suffix(container, FAILED_SUFFIX)


def has_suffix(container: ObservedContainer, suffix: str) -> bool:
    """Return whether gitops-orch appended a suffix to a container's name: a service may declare a name that ends so."""
    created = container.owner.name if isinstance(container, OwnedContainer) else ""
    return container.name.endswith(suffix) and container.name != created


def is_retained(container: ObservedContainer) -> bool:
    """Return whether a container is a failed or a retained one, so that it should not run."""
    return is_failed_copy(container) or is_retained_copy(container)


def renamed_suffix(container: ObservedContainer) -> str:
    """Return the suffix that a container's name gets while its successor needs the name."""
    return f"-old-{container.id[:7]}"


def newest_first(containers: Iterable[ObservedContainer]) -> list[ObservedContainer]:
    """Return containers by age, the newest first; containers of unknown age are last, by name."""
    return sorted(containers, key=_age)


def _age(container: ObservedContainer) -> tuple[float, str]:
    created = container.created_at
    return (-created.timestamp() if created is not None else 0.0, container.name)


def has_ended(container: ObservedContainer) -> bool:
    """Return whether a container exited by itself, successfully, and is not restarted: a finished job."""
    details = container.details
    return (
        container.state is State.EXITED
        and details is not None
        and details.exit_code == 0
        and details.restart_policy.partition(":")[0] in {"no", "on-failure"}
    )

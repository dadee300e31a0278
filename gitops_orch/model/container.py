"""Containers that are set aside: stopped, under a name that says why, so that they are found again by anybody.

A *failed* one stays for a look at it, as long as its release is quarantined; a *kept* one did well when its successor
took over, and is what a rollback goes back to at once.
"""

from collections.abc import Iterable

from gitops_orch.model.observed import ObservedContainer, State

FAILED_SUFFIX = "-failed"
RETAINED_SUFFIX = "-kept"
_UP = frozenset({State.RUNNING, State.RESTARTING, State.PAUSED})


def is_failed_copy(container: ObservedContainer) -> bool:
    """Tell whether a container is one that failed and was stopped for good."""
    return has_suffix(container, FAILED_SUFFIX) and container.state not in _UP


def is_retained_copy(container: ObservedContainer) -> bool:
    """Tell whether a container is a former generation's, for going back to."""
    return has_suffix(container, RETAINED_SUFFIX) and container.state not in _UP


def has_suffix(container: ObservedContainer, suffix: str) -> bool:
    """Tell whether we appended a suffix to a container's name: a service may declare a name that ends so."""
    created = container.owner.name if container.owner is not None else ""
    return container.name.endswith(suffix) and container.name != created


def is_retained(container: ObservedContainer) -> bool:
    """Tell whether a container is none of those that should run: a failed or a kept one."""
    return is_failed_copy(container) or is_retained_copy(container)


def renamed_suffix(container: ObservedContainer) -> str:
    """Return what is added to a container's name while its successor needs that name."""
    return f"-old-{container.id[:7]}"


def newest_first(containers: Iterable[ObservedContainer]) -> list[ObservedContainer]:
    """Return containers by their age; those whose age is not known come last, by their names."""
    return sorted(containers, key=_age)


def _age(container: ObservedContainer) -> tuple[float, str]:
    created = container.created_at
    return (-created.timestamp() if created is not None else 0.0, container.name)


def has_ended(container: ObservedContainer) -> bool:
    """Tell whether a container came to its end by itself and in order, and is not to run again: a job has."""
    details = container.details
    return (
        container.state is State.EXITED
        and details is not None
        and details.exit_code == 0
        and details.restart_policy.partition(":")[0] in {"no", "on-failure"}
    )

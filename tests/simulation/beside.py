"""Which hosts the plan of each app knows, and what containers and requests belong to.

A plan that is being executed keeps the hosts for which it was created, even if other hosts answer when another app is
replanned.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from gitops_orch.controller.passes import Passes
from gitops_orch.engine import labels
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import EndedBy, State
from gitops_orch.model.plan.values import ContainerIntent

# In the error of a start that joins the namespace of a container that does not run.
JOINS_NOTHING = "cannot join"
BY_SIGNAL = frozenset({0, 137, 143})  # exit codes of programs that were stopped or killed


class Answers:
    """The hosts that answered the last observation; for apps that were in execution then, those of the one before."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()
        self._under_way: dict[AppKey, set[str]] = {}

    def known_to(self, app: AppKey | None) -> set[str]:
        """The hosts that an app's plan knows."""
        return self._under_way.get(app, self.hosts)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """While a controller runs, record which apps continue their plans during a replan."""
        carry_out, replan = Passes._carry_out, Passes._replan

        def carrying_out(course: Passes, *arguments: Any) -> Any:
            self._under_way.clear()
            return carry_out(course, *arguments)

        def planning_anew(course: Passes, results: Any, busy: frozenset[AppKey]) -> Any:
            self._under_way = {app: set(self.known_to(app)) for app in busy}
            return replan(course, results, busy)

        with (
            patch.object(Passes, "_carry_out", carrying_out),
            patch.object(Passes, "_replan", planning_anew),
        ):
            yield


def foreign_on(world: SimulatedHost, port: int | None) -> SimulatedContainer | None:
    """The foreign container that runs on a port of the host, or None."""
    return next(
        (
            each
            for each in world.containers.values()
            if each.up and each.owner is None and any(number == port for _, number, _ in each.ports)
        ),
        None,
    )


def has_failed_by_itself(container: SimulatedContainer) -> bool:
    """Whether its last start or run failed by its own fault, as far as its Engine knows.

    A daemon that stops loses the record of earlier exits; the exit code and the out-of-memory flag stay.
    """
    if container.state is State.CREATED:
        return bool(container.error) and JOINS_NOTHING not in container.error
    if container.oom_killed or container.ended_by is EndedBy.ITSELF:
        return True
    return container.ended_by is EndedBy.DAEMON and container.exit_code not in BY_SIGNAL


def app_of(world: SimulatedHost, subject: Any) -> AppKey | None:
    """The app of a request, by the first argument of the request; None if it has none."""
    if isinstance(subject, ContainerIntent):
        return subject.app.key
    if isinstance(subject, AppKey):
        return subject
    container = world.find(subject) if isinstance(subject, str) else None
    if container is not None and container.owner is not None:
        return container.owner.app
    owned = world.networks.get(subject) or world.volumes.get(subject) if isinstance(subject, str) else None
    return _owner_of(owned.labels) if owned is not None else None


def _owner_of(found: Mapping[str, str]) -> AppKey | None:
    """The app in the labels of a network or a volume; None if it is foreign."""
    if labels.APP not in found:
        return None
    return AppKey(namespace=found[labels.NAMESPACE], name=found[labels.APP])

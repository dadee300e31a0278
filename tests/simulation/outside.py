"""Events that end a container from outside during its health gate; its release must not fail for them."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from simulation import tampering
from simulation.recipes import (
    BAD,
    BAD_HOOKS,
    DEAF,
    FLAKY,
    GOOD,
    AppRecipe,
    ServiceRecipe,
    TreeRecipe,
    is_probed,
    never_ends,
)
from simulation.repository import Repository
from simulation.weather import is_restarted
from simulation.witness import SafetyMonitor, Violation

from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.model.app import AppKey
from gitops_orch.model.release import Release, ReleaseState

POLLS_MAX = 8  # of gates in a pass: an event happens before one of the first 8 polls
DOWN_S = (-4.0, 8.0)  # of a daemon that restarts; below 0: it answers again before the next poll
EXIT_CODES = (0, 137, 143, 143)  # of programs that are stopped, and then killed


@dataclass
class OutsideEvents:
    """Daemons that restart, people who stop and kill containers, and programs that crash before they run."""

    rng: random.Random  # a separate one: no other choice of a history depends on it
    blamed: set[tuple[AppKey, str]] = field(default_factory=set)  # releases that failed
    count: int = 0

    def make_restartable(self, tree: TreeRecipe) -> TreeRecipe:
        """Give a service, now and then, a program that crashes a few times before it runs."""
        if not tree.apps or self.rng.random() > 0.2:
            return tree
        app = self.rng.choice(tree.apps)
        chosen = self.rng.choice(app.services)
        if chosen.image not in GOOD or not _is_restarted(chosen):
            return tree
        services = tuple(replace(s, image=FLAKY) if s == chosen else s for s in app.services)
        return replace(tree, apps=tuple(replace(a, services=services) if a == app else a for a in tree.apps))

    def ask_for(self, tree: TreeRecipe, ports: list[int]) -> TreeRecipe:
        """Publish an app, now and then, on a port that a foreign container has."""
        held = {service.port for app in tree.apps for service in app.services}
        free = [port for port in ports if port not in held]
        if not free or not tree.apps or self.rng.random() > 0.5:
            return tree
        app = self.rng.choice(tree.apps)
        first, *rest = app.services
        if first.replicas > 1 or first.shares or first.everywhere or not _is_restarted(first):
            return tree
        asked = replace(app, services=(replace(first, port=self.rng.choice(free)), *rest))
        return replace(tree, apps=tuple(asked if a == app else a for a in tree.apps))

    def await_a_gate(self, monitor: SafetyMonitor) -> None:
        """Plan, now and then, an event for a container whose gate is polled in the next pass."""
        if self.rng.random() < 0.5:
            monitor.at_poll[monitor.poll_count + self.rng.randint(1, POLLS_MAX)] = self._interfere

    def _interfere(self, world: SimulatedHost, container: SimulatedContainer) -> None:
        self.count += 1
        ways = (
            self._restart_daemon,
            self._restart_daemon,
            self._stop,
            self._stop,
            self._kill,
            tampering.restart,
        )
        self.rng.choice(ways)(world, container)

    def _restart_daemon(self, world: SimulatedHost, _container: SimulatedContainer) -> None:
        down_s = max(0.0, self.rng.uniform(*DOWN_S))
        world.crash(world.now + down_s, exit_code=self.rng.choice(EXIT_CODES))

    def _stop(self, world: SimulatedHost, container: SimulatedContainer) -> None:
        requests.stop(world, container, killed=self.rng.random() < 0.5)

    def _kill(self, world: SimulatedHost, container: SimulatedContainer) -> None:
        """Kill the container if its restart policy restarts it; otherwise stop it."""
        if is_restarted(container):
            tampering.kill(world, container)
        else:
            requests.stop(world, container, killed=True)

    def check_quarantines(
        self, releases: Iterable[Release], repository: Repository, harmed: set[AppKey]
    ) -> None:
        """Violation if a release was quarantined that contains nothing that fails, and that drift did not harm."""
        for release in releases:
            key = (release.app, release.digest)
            if release.state is not ReleaseState.FAILED or key in self.blamed:
                continue
            self.blamed.add(key)
            recipe = repository.recipes.get(key)
            if recipe is not None and release.app not in harmed and not _may_fail(recipe):
                raise Violation(f"{release.app} was quarantined without a fault of its own: {release.reason}")


def _is_restarted(service: ServiceRecipe) -> bool:
    return not (service.job or service.batch or service.scheduled) and service.restart != "no"


def _may_fail(app: AppRecipe) -> bool:
    return any(
        service.image in BAD
        or (service.image == DEAF and is_probed(service))
        or (service.image == FLAKY and not _is_restarted(service))
        or never_ends(service)
        or any(hook in BAD_HOOKS for hook in service.hooks)
        for service in app.services
    )

"""Checks that the controller stops and removes nothing too early.

It may not exceed the removal budget, stop a healthy container before its successor is healthy, or stop one for a port
that a foreign container has.
"""

from collections import Counter
from typing import TYPE_CHECKING

from simulation.beside import foreign_on
from simulation.glance import is_healthy, is_intermittent, is_retained, shares_data, slot_of
from simulation.recipes import AppRecipe, ServiceRecipe, exclusive

from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.model.app import AppKey

if TYPE_CHECKING:
    from simulation.witness import SafetyMonitor


class Losses:
    """Fails the history, for the safety monitor, when a plan removes too much or too early."""

    def __init__(self, monitor: "SafetyMonitor") -> None:
        self._monitor = monitor
        self._spared: dict[str, frozenset[str]] = {}  # by commit: the apps that must be kept
        # By commit: the services that left Git, and how many of their containers may be removed.
        self._limits: dict[str, tuple[frozenset[tuple[str, str]], int]] = {}
        self._taken: set[str] = set()  # ids of those that were removed in this pass

    def check_budget(self) -> None:
        """Never act on a commit that removes everything, or more than the budget, before an operator allows it."""
        tree, budget = (
            self._monitor.repository.commits[self._monitor.commit],
            self._monitor.repository.desired(self._monitor.commit).fleet.prune,
        )
        wanted = {(app.name, service.name) for app in tree.apps for service in app.services}
        names = [
            (container.owner.app.name, container.owner.service)
            for host in sorted(self._monitor.answers.hosts)
            for container in self._monitor.fleet.worlds[host].containers.values()
            if container.owner is not None and not is_retained(container) and not is_intermittent(container)
        ]
        # A service that a quarantined release does not have keeps running, in the release of the rollback.
        desired = self._monitor.repository.desired(self._monitor.commit).apps
        kept = set(tree.broken) | {
            app.key.name for app in desired if app.digest in self._monitor.history.failed_digests(app.key)
        }
        # So do the services of an app that waits for another app.
        marks = {app.key.name: (app.digest, self._monitor.history.stable(app.key)) for app in desired}
        stable = {name for name, (digest, mark) in marks.items() if mark and mark.digest == digest}
        kept |= {app.name for app in tree.apps if app.needs and app.needs not in stable}
        if self._monitor.repository.files and tree.broken:
            # The app of a broken file is unknown: all apps are kept.
            kept |= {name for name, _ in names} - {app.name for app in tree.apps}
        removed = Counter(name[0] for name in names if name not in wanted and name[0] not in kept)
        leaving = removed.total()
        allowed = budget.allow_empty or (
            tree.apps and self._monitor.commit in self._monitor.history.accepted()
        )
        # An app that is in Git with other services has not left Git.
        in_git = {app.name for app in tree.apps}
        if leaving and leaving == len(names) and not allowed and in_git.isdisjoint(app for app, _ in names):
            if not set(removed) <= self._may_be_renamed(names):
                self._monitor.fail(f"acts although all {leaving} containers left Git")
            self._spared[self._monitor.commit] = frozenset(removed)
        if len(names) >= budget.removals_min and self._monitor.commit not in self._monitor.history.accepted():
            limit = int(budget.removals_max_percent * len(names) / 100)
            least = leaving - self._kept_as_renamed(removed, names)
            if least > limit:
                self._monitor.fail(f"acts although {least} of {len(names)} containers left Git")
            left = frozenset(name for name in names if name not in wanted and name[0] in removed)
            self._limits[self._monitor.commit] = left, limit

    def _kept_as_renamed(self, removed: Counter[str], names: list[tuple[str, str]]) -> int:
        """Return how many containers may be kept as renamed: each new service can keep one app that left Git."""
        tree = self._monitor.repository.commits[self._monitor.commit]
        new_count = len(self._new_services(names))
        left = self._may_be_renamed(names) & removed.keys() - {app.name for app in tree.apps}
        return sum(sorted((removed[app] for app in left), reverse=True)[:new_count])

    def _may_be_renamed(self, names: list[tuple[str, str]]) -> set[str]:
        """Return the apps that may be renamed.

        A new app has one of their services, or they have data and a service that is similar to a new one.
        """
        there, new = {app for app, _ in names}, self._new_services(names)
        renamed = {service.name for app, service in new if app not in there}
        alike = {service.name for _, service in new} | {_program(service.image) for _, service in new}
        found = {app for app, service in names if service in renamed}
        for host in self._monitor.answers.hosts:
            found |= {
                container.owner.app.name
                for container in self._monitor.fleet.worlds[host].containers.values()
                if container.owner is not None and any(mount.writable for mount in container.mounts)
                if {container.owner.service, _program(container.image)} & alike
            }
        return found

    def _new_services(self, names: list[tuple[str, str]]) -> list[tuple[str, ServiceRecipe]]:
        """Return the services of the commit that run nowhere, each with the name of its app."""
        tree = self._monitor.repository.commits[self._monitor.commit]
        every = ((app.name, service) for app in tree.apps for service in app.services)
        return [(app, service) for app, service in every if (app, service.name) not in names]

    def begin_pass(self) -> None:
        """Forget the limits of the previous pass."""
        self._spared.clear()
        self._limits.clear()
        self._taken.clear()

    def check_spared(self, operation: str, container: SimulatedContainer) -> None:
        """Never remove a container that must be kept.

        If all apps left Git, each of them is kept; otherwise the containers beyond the removal budget are kept.
        """
        owner, commit = container.owner, self._monitor.commit
        if operation not in {"stop", "remove"}:
            return
        if owner.app.name in self._spared.get(commit, ()):
            self._monitor.fail(f"{operation} of {container.name} although all containers left Git")
        left, limit = self._limits.get(commit, (frozenset(), 0))
        if (owner.app.name, owner.service) in left and not (
            is_retained(container) or is_intermittent(container)
        ):
            self._taken.add(container.id)
            if len(self._taken) > limit:
                self._monitor.fail(
                    f"{operation} of {container.name} although more containers left Git than {limit}"
                )

    def check(self, world: SimulatedHost, operation: str, container: SimulatedContainer) -> None:
        """Never stop a healthy container of a start-first service before its successor is healthy."""
        owner = container.owner
        wanted = self._wanted(owner.app)
        if wanted is None or owner.release in self._monitor.history.failed_digests(owner.app):
            return
        app, service = wanted, next((s for s in wanted.services if s.name == owner.service), None)
        if service is None or service.job or service.scheduled or owner.slot > service.replicas:
            return
        if self._allows(app, world.name) and not self._has_moved(world, container, service):
            self._check_port(world, operation, container, service.port)
        if exclusive(app, service, container):
            return
        if service.everywhere and not self._allows(app, world.name):
            return
        others = [
            (other_world, other)
            for other_world in self._monitor.fleet.worlds.values()
            for other in other_world.containers.values()
            if other.id != container.id and slot_of(other) == slot_of(container)
        ]
        if service.everywhere:
            others = [(where, other) for where, other in others if where is world]
        if any(shares_data(where, other) for where, other in others):
            return
        # A successor that was removed from outside since then was healthy when the controller observed it.
        slot, well = slot_of(container), self._monitor.seen_healthy.items()
        seen = any(each == slot and identity != container.id for identity, each in well)
        if not seen and not any(is_healthy(other) for _, other in others):
            self._monitor.fail(f"{operation} of {container.name}, the only one of its slot that does well")

    def _check_port(
        self, world: SimulatedHost, operation: str, container: SimulatedContainer, port: int | None
    ) -> None:
        """Never stop a container for a port that a foreign container has on its host."""
        foreign = None if self._monitor.interfered else self._foreign_on(world, port)
        spared = self._has_a_double(world, container, port) or self._is_healed(world, container, port)
        if foreign is not None and not spared:
            self._monitor.fail(f"{operation} of {container.name} for a port that {foreign.name} has")

    def _has_a_double(self, world: SimulatedHost, container: SimulatedContainer, port: int | None) -> bool:
        """Whether the host has another healthy container of its slot, after an interrupted rollout.

        It is of the same release, or of the release that runs while that of Git waits: then it has no such port.
        """
        return any(
            other.id != container.id
            and slot_of(other) == slot_of(container)
            and (
                other.owner.release == container.owner.release
                or port not in {published for _, published, _ in other.ports}
            )
            and is_healthy(other)
            for other in world.containers.values()
        )

    def _is_healed(self, world: SimulatedHost, container: SimulatedContainer, port: int | None) -> bool:
        """Whether a successor without that port exists: the previous release continues while that of Git waits."""
        return any(
            other.id != container.id
            and slot_of(other) == slot_of(container)
            and other.started_at is None
            and other.owner.release == container.owner.release
            and port not in {published for _, published, _ in other.ports}
            for other in world.containers.values()
        )

    def _foreign_on(self, world: SimulatedHost, port: int | None) -> SimulatedContainer | None:
        """Return the foreign container that has a port, unless an app will adopt it."""
        foreign = foreign_on(world, port)
        return None if foreign is None or self._monitor.app_of(world, foreign) else foreign

    def _has_moved(self, world: SimulatedHost, container: SimulatedContainer, service: ServiceRecipe) -> bool:
        """Whether its successor is healthy on another host: it needs no port on this host any more."""
        return not service.everywhere and any(
            slot_of(each) == slot_of(container) and is_healthy(each)
            for other in self._monitor.fleet.worlds.values()
            for each in other.containers.values()
            if other is not world
        )

    def _wanted(self, key: AppKey) -> AppRecipe | None:
        """The target release of the app, as far as a test can know it; None: any container may be stopped."""
        apps = self._monitor.repository.commits[self._monitor.commit].apps
        head = next((app for app in apps if app.key == key), None)
        if head is None:
            return None
        if self._has_failed(head):
            return self._stable(key)
        others = (app for app in apps if app.key != key and self._has_failed(app))
        return None if any(self._goes_back_with(head, other) for other in others) else head

    def _has_failed(self, app: AppRecipe) -> bool:
        return self._monitor.repository.is_among(app, self._monitor.history.failed_digests(app.key))

    def _stable(self, key: AppKey) -> AppRecipe | None:
        stable = self._monitor.history.stable(key)
        return None if stable is None else self._monitor.repository.recipes.get((key, stable.digest))

    def _goes_back_with(self, app: AppRecipe, failed: AppRecipe) -> bool:
        """Whether a port passed between the two apps: they are rolled back together."""
        former, back = self._stable(app.key), self._stable(failed.key)
        gave = _ports(former) & _ports(failed) if former is not None else set()
        took = (_ports(back) - _ports(failed)) & _ports(app) if back is not None else set()
        return bool(took or gave - _ports(app))

    def _allows(self, app: AppRecipe, host: str) -> bool:
        found = next(
            (h for h in self._monitor.repository.commits[self._monitor.commit].hosts if h.name == host), None
        )
        if found is None or found.availability == "drain":
            return False
        return (not app.hosts or host in app.hosts) and app.zone in {None, found.zone}


def _ports(app: AppRecipe) -> set[int]:
    return {service.port for service in app.services if service.port is not None}


def _program(image: str) -> str:
    """The image without its tag."""
    return image.partition(":")[0]

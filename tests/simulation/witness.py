"""The safety monitor: checks every request of the controller, and fails the history on a forbidden request."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from simulation.beside import Answers, app_of, has_failed_by_itself
from simulation.compose_projects import ComposeProjects
from simulation.data_places import DataPlaces, data_mounts
from simulation.glance import holds_data, is_healthy, slot_of
from simulation.losses import Losses
from simulation.recipes import BAD
from simulation.repository import Repository
from simulation.tampering import FOREIGN_MEMORY_BYTES

from gitops_orch.engine import labels
from gitops_orch.engine.simulated.engine import SimulatedEngine
from gitops_orch.engine.simulated.fleet import SimulatedFleet
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.requests import known_image
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.model.app import App, AppKey, Hold, Rollback
from gitops_orch.model.container import FAILED_SUFFIX, RETAINED_SUFFIX
from gitops_orch.model.host import Host
from gitops_orch.model.job import is_run_slot
from gitops_orch.model.names import files_volume_name, is_pre_start, prepared_service
from gitops_orch.model.observed import ObservedContainer, State
from gitops_orch.model.plan.values import ContainerIntent
from gitops_orch.model.release import ReleaseState

READS = {"logs", "events", "close", "probe", "read_files", "registry_digest"}
GARBAGE = {"remove_volume", "remove_image"}
ON_CONTAINERS = {
    "start",
    "stop",
    "remove",
    "rename",
    "update",
    "restart",
    "unpause",
    "connect_network",
    "disconnect_network",
    "run_exec",
}


class Violation(BaseException):
    """A safety rule was broken. It is a BaseException, so that nothing in the product catches it."""


@dataclass
class SafetyMonitor:
    """Checks requests against the whole truth: the repository, the simulated hosts, and the quarantines in history."""

    repository: Repository
    fleet: SimulatedFleet
    history: object = None  # knows which releases are quarantined
    commit: str = ""  # the commit that the current pass deploys
    held: dict[AppKey, Hold] = field(default_factory=dict)  # by an operator, when this pass began
    answers: Answers = field(default_factory=Answers)  # of hosts, in this pass
    # Ids of the containers that the controller observed as healthy in this pass -> their slot.
    seen_healthy: dict[str, object] = field(default_factory=dict)
    ran: dict[tuple, str] = field(default_factory=dict)  # scheduled runs that were started -> container id
    # Ids of containers that did start; a request to start that was lost does not count.
    started: set[str] = field(default_factory=set)
    command_count: int = 0
    under_way: Callable[[], set[tuple]] = set  # hosts and images of the requested pulls
    left: set[tuple] = field(default_factory=set)  # those pulls, when the controller last observed a host
    # An outside event happened in the middle of this pass: it may have started any container.
    interfered: bool = False
    requests: list[str] = field(default_factory=list)  # that change something, in this pass
    # Events before, and after, the n-th such request since the history began.
    at_request: dict[int, list] = field(default_factory=dict)
    after_request: dict[int, list] = field(default_factory=dict)
    request_count: int = 0
    at_poll: dict[int, Callable[[SimulatedHost, SimulatedContainer], None]] = field(default_factory=dict)
    poll_count: int = 0  # of health gates, since the history began
    projects: ComposeProjects = field(default_factory=ComposeProjects)  # Compose projects that apps adopt
    takes_count: int = 0  # requests of this pass, without garbage collection

    def __post_init__(self) -> None:
        self._losses = Losses(self)
        self.places = DataPlaces(self)

    def begin_pass(self) -> None:
        self.left = self.under_way()
        self.places.learn_projects()
        self.answers.hosts.clear()
        self.seen_healthy.clear()
        self.interfered = False
        self.requests.clear()
        self.held = dict(self.history.holds())
        self.takes_count = 0
        self._losses.begin_pass()

    def connect(self, host: Host) -> "WatchedEngine":
        return WatchedEngine(self, self.fleet.connect(host))

    def note(self, seen: ObservedContainer) -> None:
        """Record a container that was healthy when the controller observed it."""
        if is_healthy(seen):
            self.seen_healthy[seen.id] = slot_of(seen)

    def note_poll(self, world: SimulatedHost, reference: str) -> None:
        """Trigger the event that was planned before this poll of a health gate."""
        self.poll_count += 1
        befall, container = self.at_poll.pop(self.poll_count, None), world.find(reference)
        if befall is not None and container is not None and world.trouble is None:
            self.interfered = True
            befall(world, container)

    def check(self, engine: SimulatedEngine, operation: str, arguments: tuple) -> None:
        """Check a request before it is sent; Violation if it is forbidden."""
        if operation == "pull" and (engine.name, arguments[0]) in self.left:
            return
        self.request_count += 1
        for befall in self.at_request.pop(self.request_count, ()):
            self.interfered = True
            befall()
        world = engine.world
        self.requests.append(f"{operation} {engine.name} {_subject(world, arguments)}")
        if not self.commit or self.repository.commits[self.commit].unreadable:
            self.fail(f"{operation} without a readable commit")
        if engine.name not in self.answers.known_to(self._app_of(world, arguments[0])):
            self.fail(f"{operation} on {engine.name}, which is unknown")
        self.command_count += operation == "run_exec"
        self.takes_count += operation not in GARBAGE
        if self.takes_count == 1 and not self.interfered:
            self._losses.check_budget()
        self._checks(operation)(world, operation, arguments[0])

    def _checks(self, operation: str) -> Callable[[SimulatedHost, str, Any], None]:
        """Return the check of an operation: a function of the world, the operation and its first argument."""
        if operation in ON_CONTAINERS:
            return self._check_reference
        checks = {
            "create": self._check_create,
            "remove_network": self._check_network,
            "remove_volume": self._check_volume,
        }
        return checks.get(operation, self._check_making)

    def _check_reference(self, world: SimulatedHost, operation: str, reference: str) -> None:
        container = world.find(reference)
        if container is not None and container.started_at is not None and container.owner is not None:
            self.started.add(container.id)
        if container is not None:
            self._check_container(world, operation, container)

    def _check_network(self, world: SimulatedHost, operation: str, name: str) -> None:
        network = world.networks.get(name)
        if network is not None and labels.parse_owner(network.labels, "default") is None:
            self.fail(f"{operation} of the foreign network {name}")

    def _check_volume(self, world: SimulatedHost, operation: str, name: str) -> None:
        if name in world.volumes and holds_data(world, name):
            self.fail(f"{operation} of {name}, which may hold data")

    def _check_making(self, _world: SimulatedHost, operation: str, app: object) -> None:
        if isinstance(app, AppKey):
            self._check_app(operation, app)

    def app_of(self, world: SimulatedHost, container: SimulatedContainer) -> tuple[AppKey, str] | None:
        """Return the app and service that own a container, or will adopt it; None if it is foreign."""
        if container.owner is not None:
            return container.owner.app, container.owner.service
        found = self.projects.containers.get((world.name, container.id))
        return found if found is not None and self.takes_over(*found) else None

    def _app_of(self, world: SimulatedHost, subject: Any) -> AppKey | None:
        """Return the app of a request, by the first argument of the request."""
        container = world.find(subject) if isinstance(subject, str) else None
        found = self.app_of(world, container) if container is not None else None
        return found[0] if found is not None else app_of(world, subject)

    def to_be_taken_over(
        self, app: AppKey, service: str
    ) -> Iterator[tuple[SimulatedHost, SimulatedContainer]]:
        """Yield the containers that a service will adopt, with their worlds."""
        for (host, identity), found in self.projects.containers.items():
            world = self.fleet.worlds[host]
            if found == (app, service) and self.takes_over(*found) and identity in world.containers:
                yield world, world.containers[identity]

    def takes_over(self, app: AppKey, service: str) -> bool:
        """Whether the app adopts a service's containers, in the commit in force or in its last stable release."""
        stable = self.history.stable(app) if self.history is not None else None
        asked = (
            [each for each in self.repository.commits[self.commit].apps if each.key == app]
            if self.commit
            else []
        )
        asked += [self.repository.recipes[app, stable.digest]] if stable is not None else []
        return any(each.adopt and service in {s.name for s in each.services} for each in asked)

    def _check_container(self, world: SimulatedHost, operation: str, container: SimulatedContainer) -> None:
        adopted = self.app_of(world, container) if container.owner is None else None
        if adopted is not None:
            self._check_app(operation, adopted[0])
            if operation == "start":
                self._check_writers(world, container)
            return
        if container.owner is None or container.labels.get(labels.INSTANCE) != "default":
            self.fail(f"{operation} of the foreign container {container.name}")
        self._check_app(operation, container.owner.app, container)
        self._losses.check_spared(operation, container)
        if operation in {"stop", "remove"} and is_healthy(container):
            self._losses.check(world, operation, container)
        if operation == "start":
            self._check_quarantine(container)
            self._check_double(world, container)
            self._check_run(container)
            self._check_order(container)
            self.places.check(world, container)
            self.places.check_elsewhere(world, container)

    def _check_quarantine(self, container: SimulatedContainer) -> None:
        """Never restart a container of a quarantined release whose image is known to fail."""
        owner, failed = container.owner, self.history.failed_digests(container.owner.app)
        apps = [app for app in self.repository.desired(self.commit).apps if app.key == owner.app]
        images = {
            s.image for app in apps if app.digest in failed for s in app.services if s.name == owner.service
        }
        if all(map(self._stays_up, apps)) and not has_failed_by_itself(container):
            # No stable release to roll back to: containers that never ran or were stopped from outside may start.
            return
        if container.image in BAD and container.image in images and owner.release in failed:
            self.fail(f"starts {container.name} of a release which is quarantined")

    def _check_create(self, world: SimulatedHost, operation: str, intent: ContainerIntent) -> None:
        self._check_app(operation, intent.app.key)
        stable = self.history.stable(intent.app.key)
        if intent.app.key.name in self.repository.commits[self.commit].broken and (
            stable is None or intent.app.digest != stable.digest
        ):
            self.fail(f"creates {intent.name}, and nobody can read which release is meant")
        failed = self.history.failed_digests(intent.app.key)
        # Without a stable release to roll back to, missing containers of a failed release are created, too.
        if intent.app.digest in failed and not self._stays_up(intent.app):
            self.fail(f"creates {intent.name} of a release which is quarantined")
        for files in intent.service.files:
            name = files_volume_name(intent.app.key.project, files.digest)
            if files.writable_path is None and name not in world.volumes:
                self.fail(f"creates {intent.name} before its files are in {name}")

        self._check_waste(world, intent)

    def _check_waste(self, world: SimulatedHost, intent: ContainerIntent) -> None:
        """Never create an identical container, for the same parents, when the previous one was never started."""
        joined = {world.find(peer).id for peer in intent.peers.values() if world.find(peer) is not None}
        image = known_image(world, intent.image)
        for each in world.containers.values():
            was_made_so = each.name.startswith(f"{intent.name}-old-") and not (each.error or each.exit_code)
            lives_there = each.joins is None or each.joins in joined
            is_same = each.owner is not None and each.owner.spec_hash == intent.spec_hash
            by_hand = each.limits.get("Memory") == FOREIGN_MEMORY_BYTES
            # Excludes a container of a rollback: it was created by a digest, and the tag is pulled for its successor.
            is_same &= each.image == intent.image and (image is None or each.image_id == image.id)
            # Excludes a tag that moved between the pull and the create: the container has other bytes than planned.
            is_same &= each.owner is not None and each.owner.image_digest in {"", each.image_id}
            if was_made_so and is_same and lives_there and each.state is State.CREATED and not by_hand:
                self.fail(f"creates {intent.name} again, which was never started")

    def _stays_up(self, app: App) -> bool:
        stable = self.history.stable(app.key)
        return app.rollback is Rollback.AUTO and (stable is None or stable.digest == app.digest)

    def _check_app(self, operation: str, app: AppKey, container: SimulatedContainer | None = None) -> None:
        if app.name in self.repository.commits[self.commit].broken and not self._heals(
            operation, app, container
        ):
            self.fail(f"{operation} for {app}, whose file cannot be read")
        hold = self.held.get(app)
        if hold is not None and (hold.until is None or hold.until > self.fleet.clock.now()):
            self.fail(f"{operation} for {app}, which an operator holds")

    def _heals(self, operation: str, app: AppKey, container: SimulatedContainer | None) -> bool:
        """Whether a request may serve to keep the last stable release running.

        A healthy container may be stopped or removed only if its slot has another one; `pre_start` containers always.
        """
        if self.history.stable(app) is None:
            return False
        if container is not None and is_pre_start(container.owner.service):
            return True
        if operation not in {"stop", "remove"} or container is None or not is_healthy(container):
            return True
        slot = (app, container.owner.service, container.owner.slot)
        return container.name.endswith((RETAINED_SUFFIX, FAILED_SUFFIX)) or any(
            each.owner is not None
            and (each.owner.app, each.owner.service, each.owner.slot) == slot
            and each.id != container.id
            for world in self.fleet.worlds.values()
            for each in world.containers.values()
        )

    def _check_run(self, container: SimulatedContainer) -> None:
        """Never execute a scheduled run twice. A start whose answer was lost may be repeated: it is the same run."""
        owner = container.owner
        if not is_run_slot(owner.slot):
            return
        run = (owner.app, owner.service, owner.slot)
        former = self.ran.get(run, container.id)
        there = [world.containers.get(former) for world in self.fleet.worlds.values()]
        ran = former in self.started or any(each is not None and each.started_at for each in there)
        if container.started_at is not None or (former != container.id and ran):
            self.fail(f"starts {container.name}, a run that was started before")
        self.ran[run] = container.id

    def _check_double(self, world: SimulatedHost, container: SimulatedContainer) -> None:
        """Never run two containers on one writable volume, except a `pre_start` container that prepares the data."""
        owner = container.owner
        if is_pre_start(owner.service) or self.interfered:
            return
        release = self.repository.recipes[(owner.app, owner.release)]
        if any(s.name == owner.service and s.order == "start-first" for s in release.services):
            return  # the Compose file asks for it
        self._check_writers(world, container)

    def _check_writers(self, world: SimulatedHost, container: SimulatedContainer) -> None:
        data = {name for name in container.volumes if holds_data(world, name)}
        data |= {mount.source for mount in data_mounts(container)}
        for other in world.containers.values():
            there = {mount.source for mount in data_mounts(other)}
            if self._are_replicas(container, other):
                there = set()
            shared = data & {*other.volumes, *there}
            if shared and other.up and other.id != container.id:
                self.fail(f"starts {container.name} on {shared.pop()} while {other.name} writes it")

    def _are_replicas(self, one: SimulatedContainer, other: SimulatedContainer) -> bool:
        """Whether both belong to one service with several replicas: these and its `pre_start` share files from Git."""
        if one.owner is None or other.owner is None or one.owner.app != other.owner.app:
            return False
        services = [prepared_service(each.owner.service) for each in (one, other)]
        if services[0] != services[1]:
            return False
        if not any(is_pre_start(each.owner.service) for each in (one, other)):
            return slot_of(one) != slot_of(other)
        recipe = self.repository.recipes[(one.owner.app, one.owner.release)]
        return any(each.name == services[0] and each.replicas > 1 for each in recipe.services)

    def _is_up(self, app: AppKey) -> bool:
        """Whether a failed first release that stayed up is healthy by now; history records that only after the run."""
        there = [
            container
            for world in self.fleet.worlds.values()
            for container in world.containers.values()
            if container.owner is not None and container.owner.app == app and container.up
        ]
        return self.history.stable(app) is None and bool(there) and all(map(is_healthy, there))

    def _check_order(self, container: SimulatedContainer) -> None:
        """Never begin a release of an app while the app that it depends on is not at the release of the same commit."""
        owner = container.owner
        app = next((a for a in self.repository.commits[self.commit].apps if a.key == owner.app), None)
        if (
            app is None
            or app.needs is None
            or not self.repository.is_among(app, (owner.release,))
            or container.started_at
        ):
            return
        needed = self.repository.commits[self.commit].app(app.needs)
        # The release that runs meanwhile is completed: it was stable, or its rollout was interrupted.
        others = [
            each
            for each in self.history.releases(app.key)
            if each.state is ReleaseState.STABLE
            or (each.state is ReleaseState.PROGRESSING and each.digest != owner.release)
        ]
        if needed is None or any(self._is_same(container, each.digest) for each in others):
            return
        failed = self.repository.is_among(needed, self.history.failed_digests(needed.key))
        if failed and not self._is_up(needed.key):
            self.fail(f"begins {container.name} although {needed.name} was rolled back")

    def _is_same(self, container: SimulatedContainer, release: str) -> bool:
        """Whether a release declares the same container, apart from hooks: its start then heals that release."""
        owner, recipes = container.owner, self.repository.recipes
        asked = [
            next(
                (
                    replace(s, hooks=())
                    for s in recipes[(owner.app, digest)].services
                    if s.name == owner.service
                ),
                None,
            )
            for digest in (owner.release, release)
        ]
        return asked[0] == asked[1]

    def fail(self, sentence: str) -> None:
        raise Violation(f"{sentence}; requests so far: {self.requests[-12:]}")


class WatchedEngine:
    """A simulated Engine whose requests the safety monitor checks."""

    def __init__(self, monitor: SafetyMonitor, engine: SimulatedEngine) -> None:
        self.name = engine.name
        self._witness = monitor
        self._engine = engine

    def observe(self):
        self._witness.left |= self._witness.under_way()
        self._witness.answers.hosts.discard(self.name)
        seen = self._engine.observe()
        self._witness.answers.hosts.add(self.name)
        for container in seen.containers:
            self._witness.note(container)
        return seen

    def inspect(self, container: str):
        self._witness.note_poll(self._engine.world, container)
        seen = self._engine.inspect(container)
        self._witness.note(seen)
        return seen

    def __getattr__(self, operation: str):
        carry_out = getattr(self._engine, operation)
        if operation in READS:
            return carry_out

        def watched(*arguments, **keywords):
            self._witness.check(self._engine, operation, arguments)
            number = self._witness.request_count
            answer = carry_out(*arguments, **keywords)
            if operation == "start":
                self._witness.started |= {
                    c.id for c in self._engine.world.containers.values() if c.started_at
                }
            for befall in self._witness.after_request.pop(number, ()):
                befall()
            return answer

        return watched


def _subject(world: SimulatedHost, arguments: tuple) -> str:
    if not arguments:
        return ""
    first = arguments[0]
    container = world.find(first) if isinstance(first, str) else None
    return container.name if container is not None else str(getattr(first, "name", first))[:60]

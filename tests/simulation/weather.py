"""Random trouble for a fleet, between and during commits: faults, outages, drift, foreign containers."""

import random
from dataclasses import asdict, dataclass, field

from simulation import tampering
from simulation.recipes import GOOD, IMAGES
from simulation.seeded_faults import SeededFaults

from gitops_orch.engine import labels
from gitops_orch.engine.simulated.faults import Fault, SimulatedCrash
from gitops_orch.engine.simulated.fleet import SimulatedFleet
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.requests import add_network, add_volume
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.model.app import AppKey

OUTAGE_MAX_S = 240.0
PORTS = (8001, 8005)  # the ports that our apps publish first
HARM = {"sicken", "replace-image", "restart-policy"}  # drift that may fail a healthy release
BY_HAND = "by hand "
KEPT = ("id", "name", "image_id", "restart_policy", "networks", "volumes", "limits", "labels")


@dataclass
class Chaos:
    """All events that the controller does not cause; `calm` ends them."""

    rng: random.Random
    fleet: SimulatedFleet
    faults: SeededFaults
    foreign: dict[tuple[str, str], dict] = field(default_factory=dict)  # (host, id) -> its fields at creation
    # Foreign containers that have a name, or a port, that an app of ours may need.
    squatters: list[tuple[str, str]] = field(default_factory=list)
    foreign_networks: set[tuple[str, str]] = field(default_factory=set)
    foreign_volumes: set[tuple[str, str]] = field(default_factory=set)
    volumes: dict[tuple[str, str], int] = field(default_factory=dict)  # all that ever held data -> serial
    # (host, path) of files -> the content that a person wrote.
    edited: dict[tuple[str, str], str] = field(default_factory=dict)
    harmed: set[AppKey] = field(default_factory=set)  # apps with a container that drift may have failed
    adopting: frozenset[str] = frozenset()  # names of apps that adopt a container with one of their names
    foreign_count: int = 0
    drifted: int = 0

    def __post_init__(self) -> None:
        # A separate generator: no other choice of a history depends on it.
        self.editor = random.Random(str(self.rng.getstate()[1][:4]))

    def change(self) -> None:
        """Choose at random the trouble of the next pass."""
        rng = self.rng
        self.faults.enabled = rng.random() < 0.5
        share = rng.choice((0.005, 0.02, 0.1))
        self.faults.chances = {
            Fault.LOST_REPLY: share,
            Fault.LOST_REQUEST: share / 2,
            Fault.REFUSED: share / 2,
            Fault.SERVER_ERROR: share,
            Fault.SLOW: share / 2,
            Fault.LATE: share / 4,
        }
        if rng.random() < 0.15:
            self.outage()
        if rng.random() < 0.3:
            self.drift()
        if rng.random() < 0.15:
            self.visit()
        if rng.random() < 0.05:
            self.move_tag()
        if rng.random() < 0.03:
            self.fleet.clock.skew(rng.choice((-3600, -60, 60, 3600)))
        if self.editor.random() < 0.3:
            self.edit_files()
        if self.editor.random() < 0.15:
            self.take_a_port()
        self.fleet.registry.outage = "toomanyrequests: slow down" if rng.random() < 0.06 else ""

    def outage(self) -> None:
        """Disconnect one host, or crash it with all its containers."""
        world = self._world()
        if world is None:
            return
        until = self._now() + self.rng.uniform(1, OUTAGE_MAX_S)
        world.advance(self._now())
        (world.cut if self.rng.random() < 0.5 else world.crash)(until)

    def drift(self) -> None:
        """Change one of our containers from outside."""
        world = self._world()
        if world is None or world.trouble is not None:
            return
        world.advance(self._now())
        ours = [c for c in world.containers.values() if c.owner is not None]
        if not ours:
            return
        container = self.rng.choice(ours)
        self.drifted += 1
        drift = self.rng.choice(sorted(tampering.DRIFT))
        if drift in HARM or (drift == "kill" and not is_restarted(container)):
            self.harmed.add(container.owner.app)
        tampering.DRIFT[drift](world, container)

    def edit_files(self) -> None:
        """Edit a file from Git in a directory that containers can write to, or write another file beside it."""
        for world in self.fleet.worlds.values():
            world.advance(self._now())
        there = [(world, path) for world in self.fleet.worlds.values() for path in sorted(world.files)]
        if not there:
            return
        world, path = self.editor.choice(there)
        path += self.editor.choice(("", ".mine"))
        # A frozen daemon executes its pending writes later than any check of the files: it would overwrite this edit.
        if not world.pending:
            world.files[path] = self.edited[world.name, path] = f"{BY_HAND}{len(self.edited)}"

    def visit(self) -> None:
        """Create foreign objects on a host: plain ones, those of another instance, or one with a name of ours."""
        world = self._world()
        if world is None:
            return
        number = len(self.foreign)
        visit = self.rng.choice(("plain", "instance", "squatter", "objects", "commit"))
        if visit == "objects":
            self._objects(world, number)
            return
        ours = [c for c in world.containers.values() if c.owner is not None]
        if visit == "squatter" and ours:
            removed = self.rng.choice(ours)
            tampering.remove(world, removed)
            mark = {labels.INSTANCE: "another"} if removed.owner.app.name in self.adopting else {}
            created = tampering.run_foreign(world, removed.name, labels=mark)
            self.squatters.append((world.name, created.id))
        elif visit == "instance" and ours:
            copied = dict(self.rng.choice(ours).labels) | {labels.INSTANCE: "another"}
            created = tampering.run_foreign(world, f"theirs-{number}", labels=copied)
        elif visit == "commit" and ours:
            created = tampering.run_a_commit(world, self.rng.choice(ours))
        else:
            created = tampering.run_foreign(world, f"stranger-{number}")
        self.foreign[(world.name, created.id)] = _picture(created)

    def take_a_port(self) -> None:
        """Run a foreign container on a port that one of our apps may want."""
        worlds = [self.fleet.worlds[name] for name in sorted(self.fleet.worlds)]
        world, port = self.editor.choice(worlds or [None]), ("", self.editor.randint(*PORTS), "tcp")
        if world is None or world.trouble is not None:
            return
        world.advance(self._now())
        if not any(port[1:] == each[1:] for c in world.containers.values() if c.up for each in c.ports):
            created = tampering.run_foreign(world, f"server-{len(self.foreign)}", ports=(port,))
            self.foreign[(world.name, created.id)] = _picture(created)
            self.squatters.append((world.name, created.id))
            self.foreign_count += 1

    def ports_taken(self) -> list[int]:
        """Return the ports that foreign containers have on any host."""
        there = [self.fleet.worlds[host].containers.get(identity) for host, identity in self.squatters]
        return sorted({port for each in there if each and each.up for _, port, _ in each.ports})

    def move_tag(self) -> None:
        """Push another image under an existing tag."""
        reference = self.rng.choice(GOOD)
        values = asdict(IMAGES[reference]) | {"variant": f"{self.rng.randint(0, 99)}"}
        self.fleet.registry.push(reference, ImageBehaviour(**values))

    def calm(self) -> None:
        """End all trouble: remove the foreign objects that block our apps, and let the registry answer."""
        self.faults.enabled = False
        self.fleet.registry.outage = ""
        worlds = list(self.fleet.worlds.values())
        ends = [world.trouble.until for world in worlds if world.trouble is not None]
        ends += [at for world in worlds for at, _ in world.pending]
        self.fleet.clock.sleep(max(0.0, max(ends, default=0.0) - self._now()) + 1)
        for host, identity in self.squatters:
            world = self.fleet.worlds[host]
            world.advance(self._now())
            if identity in world.containers:
                tampering.remove(world, world.containers[identity])
            self.foreign.pop((host, identity), None)
        self.squatters.clear()
        for world in worlds:
            for name in [each.name for each in world.volumes.values() if _is_in_the_way(each)]:
                del world.volumes[name]

    def note_volumes(self) -> None:
        """Record every volume that may hold data."""
        for world in self.fleet.worlds.values():
            for volume in world.volumes.values():
                if labels.FILES not in volume.labels and not _is_in_the_way(volume):
                    self.volumes.setdefault((world.name, volume.name), volume.serial)

    def damage(self) -> list[str]:
        """Return which foreign objects changed, and which edited files and volumes lost their data."""
        found = []
        for (host, identity), before in self.foreign.items():
            container = self.fleet.worlds[host].containers.get(identity)
            if container is None or _picture(container) != before:
                found.append(f"foreign container {before['name']} on {host} was changed")
        for host, name in self.foreign_networks:
            if name not in self.fleet.worlds[host].networks:
                found.append(f"foreign network {name} on {host} is gone")
        for (host, path), content in self.edited.items():
            if self.fleet.worlds[host].files.get(path) != content:
                found.append(f"{path} on {host} was changed by hand, and is lost")
        for (host, name), serial in self.volumes.items():
            volume = self.fleet.worlds[host].volumes.get(name)
            if volume is None or volume.serial != serial:
                found.append(f"volume {name} on {host} lost its data")
        return found

    def _objects(self, world: SimulatedHost, number: int) -> None:
        add_network(world, f"theirs-{number}", driver="bridge", labels={})
        add_volume(world, f"theirs-{number}", driver="local", labels={})
        self.foreign_networks.add((world.name, f"theirs-{number}"))

    def _world(self) -> SimulatedHost | None:
        worlds = [self.fleet.worlds[name] for name in sorted(self.fleet.worlds)]
        return self.rng.choice(worlds) if worlds else None

    def _now(self) -> float:
        return self.fleet.now_s()


def _is_in_the_way(volume) -> bool:
    """Whether an Engine created a missing volume of files again, without labels, for a container started by hand."""
    return "_files_" in volume.name and not volume.labels


def is_restarted(container: SimulatedContainer) -> bool:
    """Whether the restart policy restarts a killed container; if not, the kill looks like an exit of its own."""
    return container.restart_policy in {"always", "unless-stopped"}


def crash_now() -> None:
    """Crash the controller."""
    raise SimulatedCrash("between two requests")


def _picture(container) -> dict:
    return {key: getattr(container, key) for key in KEPT}

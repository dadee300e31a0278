"""Manages simulated hosts by name: in memory for tests, or in files for `sim://` hosts of the command line."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from gitops_orch.clock import Clock
from gitops_orch.engine.simulated.engine import SimulatedEngine
from gitops_orch.engine.simulated.faults import Faults, NoFaults
from gitops_orch.engine.simulated.images import Registry, read_behaviours
from gitops_orch.engine.simulated.persistence import load_world, save_world
from gitops_orch.engine.simulated.settings import SimulatedSettings
from gitops_orch.engine.simulated.wire import SimulatedWire
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.errors import SettingsError
from gitops_orch.model.host import SIMULATED_SCHEME, Host

FOLDER = "simulated"
IMAGES_FILE = "images.json"


@dataclass(slots=True, kw_only=True)
class SimulatedFleet:
    """All simulated hosts of a controller, one world per `sim://name`; they share one registry and one clock."""

    clock: Clock
    registry: Registry = field(default_factory=Registry)
    faults: Faults = field(default_factory=NoFaults)
    settings: SimulatedSettings = field(default_factory=SimulatedSettings)
    folder: Path | None = None  # None: in memory only
    worlds: dict[str, SimulatedHost] = field(default_factory=dict)
    origin_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.origin_s = self.clock.now().timestamp() - self.clock.monotonic_s()

    def connect(self, host: Host) -> SimulatedEngine:
        """Return an Engine for a `sim://name` host; hosts with the same name in the URL share one world."""
        name = _world_name(host)
        world, settings = self.world(name), replace(self.settings, data_root=host.data_root)
        wire = SimulatedWire(
            host=host.name,
            world=world,
            clock=self.clock,
            origin_s=self.origin_s,
            faults=self.faults,
            settings=settings,
            changed=self._saver(name),
        )
        return SimulatedEngine(
            name=host.name,
            world=world,
            registry=self.registry,
            clock=self.clock,
            settings=settings,
            wire=wire,
        )

    def world(self, name: str) -> SimulatedHost:
        """Return the world of that name as it was saved, or a new empty one."""
        if name not in self.worlds:
            path = self._path(name)
            saved = load_world(path, instance=self.settings.instance) if path else None
            self.worlds[name] = saved or SimulatedHost(name=name, now=self.now_s())
        return self.worlds[name]

    def now_s(self) -> float:
        """Return the hosts' time, in seconds since the epoch."""
        return self.origin_s + self.clock.monotonic_s()

    def _path(self, name: str) -> Path | None:
        return self.folder / f"{name}.json" if self.folder else None

    def _saver(self, name: str) -> Callable[[SimulatedHost], None]:
        path = self._path(name)
        return (lambda _world: None) if path is None else (lambda world: _save(world, path))


def kept_fleet(state_dir: Path, clock: Clock, *, instance: str) -> SimulatedFleet:
    """Return the fleet that is stored below a state directory, in `simulated/NAME.json`.

    The optional file `simulated/images.json` describes images: `{"shop/api:2": {"exits_after_s": 3}}`.
    """
    folder = state_dir / FOLDER
    return SimulatedFleet(
        clock=clock,
        registry=Registry(read_behaviours(folder / IMAGES_FILE)),
        settings=SimulatedSettings(instance=instance, blocking_events=True),
        folder=folder,
    )


def _save(world: SimulatedHost, path: Path) -> None:
    with world.lock:
        save_world(world, path)


def _world_name(host: Host) -> str:
    parts = urlsplit(host.url)
    if parts.scheme != SIMULATED_SCHEME or not parts.hostname or parts.path.strip("/"):
        raise SettingsError(f"host {host.name}: {host.url} is no simulated host", hint="write sim://name")
    return parts.hostname

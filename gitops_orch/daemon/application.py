"""The composition root: builds all parts from the settings. Only this room names concrete classes."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gitops_orch.clock import Clock, SystemClock
from gitops_orch.controller.desired.config_repository import Branch, ConfigRepository, Reading
from gitops_orch.controller.observe.observe_hosts import observe_all
from gitops_orch.controller.reconcile import Reconciler, ReconcilerParts, ReconcileSettings
from gitops_orch.controller.workers import ThreadWorkers, Workers
from gitops_orch.daemon.mirrors import open_source
from gitops_orch.engine.base import Engine
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.history.history import History
from gitops_orch.model.host import SIMULATED_SCHEME, Host
from gitops_orch.model.observed import Observation
from gitops_orch.settings import Settings

if TYPE_CHECKING:
    from gitops_orch.engine.simulated.fleet import SimulatedFleet

DEFAULT_SOCKET = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """All parts of one controller, ready to use; `open_application` closes them."""

    settings: Settings
    clock: Clock
    repository: ConfigRepository
    history: History
    workers: Workers
    reconciler: Reconciler

    def observe(self, commit: str | None = None) -> dict[str, Observation]:
        """Observe every host of a commit, by default of the last good commit."""
        hosts = self.repository.desired(commit).hosts
        return dict(observe_all(hosts, self.reconciler.engines, self.workers, self.clock))

    def engine(self, host: str) -> Engine:
        """Return the connection to a host that was observed."""
        return self.reconciler.engines.by_name()[host]


@contextmanager
def open_application(settings: Settings, url: str, *, caches: bool = False) -> Iterator[Application]:
    """Open everything for one repository. `caches` is for a service that follows the hosts' events."""
    clock = SystemClock()
    with ExitStack() as parts:
        history = parts.enter_context(open_history(settings, clock))
        source = parts.enter_context(open_source(settings, url, clock))
        repository = ConfigRepository(
            source,
            history,
            clock,
            Branch(source.url, settings.repository.branch),
            Reading(environment=settings.environment, local_url=local_url()),
        )
        workers = parts.enter_context(closing(ThreadWorkers()))
        reconciler = Reconciler(
            ReconcilerParts(
                repository=repository,
                history=history,
                connect=_connector(settings, clock, caches=caches),
                clock=clock,
                workers=workers,
                settings=_reconcile_settings(settings),
            )
        )
        parts.enter_context(closing(reconciler))
        yield Application(
            settings=settings,
            clock=clock,
            repository=repository,
            history=history,
            workers=workers,
            reconciler=reconciler,
        )


@contextmanager
def open_history(settings: Settings, clock: Clock | None = None) -> Iterator[History]:
    """Open history with these settings; raises HistoryError."""
    with closing(History.open(settings.state.dir, settings.state.url, clock or SystemClock())) as history:
        yield history


def local_url() -> str:
    """Return the URL of this machine's Engine: `DOCKER_HOST`, else the default socket."""
    return os.environ.get("DOCKER_HOST") or DEFAULT_SOCKET


def _reconcile_settings(settings: Settings) -> ReconcileSettings:
    return ReconcileSettings(
        runs_kept=settings.retain.runs,
        releases_kept=settings.retain.releases,
        images_kept=settings.retain.images,
        push_reverts=settings.repository.push_reverts,
        containers_kept=settings.retain.containers,
        tag_check_s=settings.resync.interval * 0.9,
    )


def _connector(settings: Settings, clock: Clock, *, caches: bool) -> Callable[[Host], Engine]:
    """Return a function that connects to a host. Docker's clients and simulated hosts are imported only when used."""
    engine_settings = EngineSettings(
        instance=settings.instance,
        registries=str(settings.registries) if settings.registries else None,
        credential_helpers=str(settings.credential_helpers) if settings.credential_helpers else None,
        cache_inspections=caches,
    )

    @cache
    def simulated() -> "SimulatedFleet":
        from gitops_orch.engine.simulated.fleet import kept_fleet

        return kept_fleet(settings.state.dir, clock, instance=settings.instance)

    def connect_host(host: Host) -> Engine:
        if urlsplit(host.url).scheme == SIMULATED_SCHEME:
            return simulated().connect(host)
        from gitops_orch.engine.docker.connect import connect

        return connect(host, engine_settings, clock)

    return connect_host

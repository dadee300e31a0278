"""The composition root: builds all parts from the settings. Only this room names concrete classes."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gitops_orch.clock import Clock, SystemClock
from gitops_orch.controller.desired.app_files import read_app_files
from gitops_orch.controller.observe.observe_hosts import observe_all
from gitops_orch.controller.reconcile import Reconciler, ReconcilerParts, ReconcileSettings
from gitops_orch.controller.revert.git_revert import Reverter
from gitops_orch.controller.workers import ThreadWorkers, Workers
from gitops_orch.daemon.repository import open_source
from gitops_orch.engine.base import Engine
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.errors import SourceError
from gitops_orch.history.history import History
from gitops_orch.manifest.cache import ManifestCache
from gitops_orch.manifest.compile import compile_one, compile_tree
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.desired import Desired, Former
from gitops_orch.model.host import SIMULATED_SCHEME, Host
from gitops_orch.model.observed import Observation
from gitops_orch.python_gc import few_collections
from gitops_orch.settings import Settings
from gitops_orch.source.source import Source

if TYPE_CHECKING:
    from gitops_orch.engine.simulated.fleet import SimulatedFleet

DEFAULT_SOCKET = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """All parts of one controller, ready to use; `open_application` closes them."""

    settings: Settings
    clock: Clock
    source: Source
    history: History
    workers: Workers
    reconciler: Reconciler
    _compiled: ManifestCache = field(default_factory=ManifestCache)

    def fetch(self) -> str:
        """Ask the remote and return its head; raises SourceError."""
        return self.source.fetch(last_commit=self.last_commit(), accepted=self.history.accepted())

    def last_commit(self) -> str | None:
        """Return the last good commit of this branch; None if there is none."""
        return self.history.last_commit(self.source.url, self.settings.repository.branch)

    def desired(self, commit: str | None = None) -> Desired:
        """Return the desired state of a commit; by default of the last good commit, else of head."""
        chosen = commit or self.last_commit() or self.fetch()
        with few_collections():
            return compile_tree(
                self.source.tree(chosen),
                environment=self.settings.environment,
                cache=self._compiled,
                local_url=local_url(),
                former=self._former(),
            )

    def full_commit(self, text: str) -> str:
        """Return the full hash of a commit, even if only the remote has it so far; raises SourceError."""
        with suppress(SourceError):  # the remote is held or silent: then only commits in the mirror are found
            self.fetch()
        return self.source.resolve(text)

    def reverter(self) -> Reverter:
        """Return a reverter for apps in Git."""
        return Reverter(self.source, self.fetch, self.settings.environment, self._compiled, self._former)

    def _former(self) -> Former:
        return read_app_files(self.history).former()

    def app_at(self, commit: str, key: AppKey) -> App | None:
        """Return the app as a commit declares it; None if it does not exist there or is invalid."""
        tree = self.source.tree(commit)
        return compile_one(tree, key, environment=self.settings.environment, cache=self._compiled)

    def observe(self, commit: str | None = None) -> dict[str, Observation]:
        """Observe every host of a commit, by default of the last good commit."""
        hosts = self.desired(commit).hosts
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
        workers = parts.enter_context(closing(ThreadWorkers()))
        reconciler = Reconciler(
            ReconcilerParts(
                source=source,
                history=history,
                connect=_connector(settings, clock, caches=caches),
                clock=clock,
                workers=workers,
                settings=_reconcile_settings(settings, source.url),
            )
        )
        parts.enter_context(closing(reconciler))
        yield Application(
            settings=settings,
            clock=clock,
            source=source,
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


def _reconcile_settings(settings: Settings, url: str) -> ReconcileSettings:
    return ReconcileSettings(
        url=url,
        branch=settings.repository.branch,
        environment=settings.environment,
        local_url=local_url(),
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

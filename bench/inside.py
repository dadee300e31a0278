"""The service's own reconciler, without the service around it: what a poll of a running process costs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gitops_orch.clock import SystemClock
from gitops_orch.controller.desired.config_repository import Branch, ConfigRepository, Reading
from gitops_orch.controller.reconcile import Reconciler, ReconcilerParts, ReconcileSettings
from gitops_orch.controller.workers import ThreadWorkers
from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.history.history import History
from gitops_orch.source.access import SourceSettings
from gitops_orch.source.source import Source


@contextmanager
def open_reconciler(url: str, directory: Path) -> Iterator[Reconciler]:
    """Open a reconciler for a repository, with its mirror and state below a directory."""
    clock, settings = SystemClock(), EngineSettings(cache_inspections=True)
    with ExitStack() as stack:
        source = Source(SourceSettings(url=url), directory / "mirror", clock)
        stack.callback(source.close)
        history = History.open(directory / "state", None, clock)
        stack.callback(history.close)
        parts = ReconcilerParts(
            repository=ConfigRepository(source, history, clock, Branch(url, "main"), Reading()),
            history=history,
            connect=lambda host: connect(host, settings, clock),
            clock=clock,
            workers=ThreadWorkers(),
            settings=ReconcileSettings(),
        )
        reconciler = Reconciler(parts)
        stack.callback(reconciler.close)
        yield reconciler

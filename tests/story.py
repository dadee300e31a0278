"""Whole reconciles of commits that are given as text, on simulated hosts: the words of the story's tests."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from textwrap import dedent
from types import SimpleNamespace

from simulation.memory_history import MemoryHistory
from simulation.simulated_clock import SimulatedClock

from gitops_orch.clock import SystemClock
from gitops_orch.controller.desired.config_repository import Branch, ConfigRepository, Reading
from gitops_orch.controller.reconcile import Reconciler, ReconcilerParts, ReconcileSettings
from gitops_orch.controller.workers import InlineWorkers, ThreadWorkers
from gitops_orch.engine.simulated.faults import Fault, SimulatedCrash
from gitops_orch.engine.simulated.fleet import SimulatedFleet
from gitops_orch.engine.simulated.images import ImageBehaviour, Registry
from gitops_orch.engine.simulated.lifecycle import SimulatedContainer
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.errors import SourceError
from gitops_orch.model.plan.plan import Plan
from gitops_orch.model.status import RunReport
from gitops_orch.model.tree import Tree, TreeFile

HOST = """
apiVersion: gitops-orch/v1
kind: Host
metadata: {name: h1}
spec: {url: "sim://h1"}
"""


@dataclass(frozen=True)
class Refused:
    """An entry of a tree that is not read: a link, a submodule."""

    why: str = "a symbolic link is not followed; put the file itself here"


class Damaged:
    """A file whose content the mirror cannot give."""


class Source:
    """Stands where Git stands; the last commit is its head."""

    def __init__(self, name: str = "") -> None:
        self.name = name  # two repositories share no commit
        self.trees: dict[str, Tree] = {}
        self.trailers: dict[str, tuple[tuple[str, str], ...]] = {}

    def push(self, files: Mapping[str, str | bytes | Refused | Damaged], modes: Mapping[str, int]) -> str:
        contents = {
            path: dedent(text).encode()
            if isinstance(text, str)
            else b""
            if isinstance(text, Damaged)
            else text
            for path, text in files.items()
            if not isinstance(text, Refused)
        }
        damaged = {path for path, text in files.items() if isinstance(text, Damaged)}

        def read(path: str) -> bytes:
            if path in damaged:
                raise SourceError("the mirror has lost it")
            return contents[path]

        commit = hashlib.sha1(f"{self.name}{len(self.trees)}".encode()).hexdigest()
        self.trees[commit] = Tree(
            commit=commit,
            files={
                path: TreeFile(
                    path=path,
                    blob=hashlib.sha1(content).hexdigest(),
                    mode=modes.get(path, 0o644),
                    size_bytes=len(content),
                )
                for path, content in contents.items()
            },
            read=read,
            refused={path: text.why for path, text in files.items() if isinstance(text, Refused)},
            name="repo",
        )
        return commit

    def amend(self, *trailers: tuple[str, str]) -> None:
        """Push the head's files again, as a commit with trailers."""
        commit = hashlib.sha1(f"{self.name}{len(self.trees)}".encode()).hexdigest()
        self.trees[commit] = replace(self.trees[self.fetch()], commit=commit)
        self.trailers[commit] = trailers

    def fetch(self, **_: object) -> str:
        return list(self.trees)[-1]

    def tree(self, commit: str) -> Tree:
        if commit not in self.trees:
            raise SourceError(f"{commit} is in no repository of this test")
        return self.trees[commit]

    def commit_info(self, commit: str) -> SimpleNamespace:
        return SimpleNamespace(
            commit=commit, author="", subject="", at=None, trailers=self.trailers.get(commit, ()), parents=()
        )

    def reverted_by_user(self, *, since: str, head: str) -> tuple[str, ...]:
        return ()

    def has(self, commit: str) -> bool:
        return commit in self.trees

    def keep(self, commit: str) -> None:
        """All commits stay."""

    def release_kept(self, keep: set[str]) -> None:
        """All commits stay."""


class Scenario:
    """One host, one controller, and what is committed next."""

    def __init__(
        self,
        images: Mapping[str, ImageBehaviour] | None = None,
        environment: str | None = None,
        containers_kept: int = 1,
        threads: ThreadWorkers
        | None = None,  # and real time; else all is done in turn, and time is simulated
    ) -> None:
        self.environment = environment
        self.containers_kept = containers_kept
        self.clock = SystemClock() if threads else SimulatedClock()
        self.threads = threads
        self.fleet = SimulatedFleet(clock=self.clock, registry=Registry(images or {}))
        self.source = Source()
        self.history = MemoryHistory("5a17")
        self.reconciler = self._reconciler()

    def _reconciler(self) -> Reconciler:
        return Reconciler(
            ReconcilerParts(
                repository=ConfigRepository(
                    self.source,
                    self.history,
                    self.clock,
                    Branch("file:///repo", "main"),
                    Reading(environment=self.environment),
                ),
                history=self.history,
                connect=self.fleet.connect,
                clock=self.clock,
                workers=self.threads or InlineWorkers(self.clock.sleep, lambda _: 0),
                settings=ReconcileSettings(containers_kept=self.containers_kept),
            )
        )

    @property
    def world(self) -> SimulatedHost:
        return self.fleet.world("h1")

    def commit(
        self, files: Mapping[str, str | bytes | Refused | Damaged], modes: Mapping[str, int] | None = None
    ) -> None:
        self.source.push({"hosts/h1.yaml": HOST, **files}, modes or {})

    def sync(self) -> RunReport:
        return self.reconciler.run(trigger="test")

    def crash_at(self, operation: str, *, after: bool) -> None:
        """Die at the next request of that kind, and come back as a new process."""
        calm = self.fleet.faults
        self.fleet.faults = CrashOnce(operation, after)
        self.reconciler = self._reconciler()
        try:
            self.sync()
        except SimulatedCrash:
            pass
        else:
            raise AssertionError(f"no {operation} was asked for")
        finally:
            self.fleet.faults = calm
            self.reconciler = self._reconciler()

    def restart(self) -> None:
        """Come back as a new process, with its history."""
        self.reconciler = self._reconciler()

    def lose_state(self) -> None:
        """Forget all history, and come back as a new process."""
        self.history = MemoryHistory("5a17")
        self.reconciler = self._reconciler()

    def plan(self) -> Plan:
        return self.reconciler.read_status().plan

    def containers(self) -> dict[str, SimulatedContainer]:
        """Return what is there by service; of two, the younger."""
        return {each.labels["com.docker.compose.service"]: each for each in self.world.containers.values()}

    def kinds(self, report: RunReport) -> list[str]:
        return [result.action.kind.value for result in report.results]


@dataclass(frozen=True)
class CrashOnce:
    """A fault that kills the controller before or after requests of one kind."""

    operation: str
    after: bool

    def decide(self, _host: str, operation: str) -> Fault | None:
        if operation != self.operation:
            return None
        return Fault.CRASH_AFTER if self.after else Fault.CRASH_BEFORE

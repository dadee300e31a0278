"""Loads the desired state from Git, or reports why there is none that may be executed."""

import gc
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from gitops_orch.clock import Clock
from gitops_orch.controller.desired.app_files import read_app_files
from gitops_orch.controller.revert.git_revert import Reverter
from gitops_orch.errors import GitopsOrchError, SourceError, SourceHeld, internal_error
from gitops_orch.history.history import History
from gitops_orch.logs import LOG
from gitops_orch.manifest.cache import ManifestCache
from gitops_orch.manifest.compile import all_app_files, compile_one, compile_tree
from gitops_orch.manifest.fleet_documents import read_fleet
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.desired import Desired, Former
from gitops_orch.model.host import Fleet
from gitops_orch.planner.pruning.fleet_loss import removed_fleet_settings
from gitops_orch.python_gc import few_collections
from gitops_orch.source.source import Source

IMPLICIT_HOST = "local"
MANY = 8  # apps of one commit
ALL_DECLARED = Fleet(variables={"": ""}, declared=frozenset({"variables"}))
OLDER_MAX = 2000  # limit of remembered apps of older commits
# After so many files of one commit, their results are excluded from later garbage collections.
FROZEN_FILES = 1000
CONTINUITY = ""  # remembered like a host: this history was kept since the first container was created


COMMIT_FAILED = "commit.internal_error"


@dataclass(frozen=True, slots=True)
class Branch:
    """The branch that is followed. History stores the last good commit for it."""

    url: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How files are read: the environment whose overlays apply, and the Engine that is the implicit host."""

    environment: str | None
    local_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The result of a load. `desired` None: no state may be executed, and `error` is the reason.

    With `error` and a desired state, the head could not be loaded, and the last good commit is used.
    """

    desired: Desired | None
    error: str = ""
    fetched_at: datetime | None = None


class Loader:
    """Loads commits, and caches parsed files by their content."""

    def __init__(
        self, source: Source, history: History, clock: Clock, branch: Branch, reading: Reading
    ) -> None:
        self._source = source
        self._history = history
        self._clock = clock
        self._branch = branch
        self._reading = reading
        self._cache = ManifestCache()
        self._older: dict[tuple[AppKey, str], App] = {}  # the content of a commit never changes
        self._fetched_at: datetime | None = None
        self._last: tuple[str, bool, Former, Desired] | None = None
        # The error of the last request for head; it counts until head is requested again.
        self._trouble = ""

    def load(self, *, fetch: bool = True) -> Loaded:
        """Return the desired state of head, or of the last good commit if head cannot be fetched or used."""
        last = self.last_commit()
        error = self._trouble
        commit = last
        if fetch or last is None:
            error = ""
            try:
                commit = self.head()
            except SourceError as problem:
                error = str(problem)
        for candidate in dict.fromkeys((commit, last)):
            if candidate is not None:
                desired, trouble = self._acceptable(candidate)
                error = self._trouble = error or trouble
                if desired is not None:
                    return Loaded(desired=desired, error=error, fetched_at=self._last_fetch())
        return Loaded(desired=None, error=error, fetched_at=self._last_fetch())

    def _last_fetch(self) -> datetime | None:
        """Return when the remote last answered, to this process or to another one."""
        return self._fetched_at or self._history.fetched_at()

    def _acceptable(self, commit: str) -> tuple[Desired | None, str]:
        """Return the desired state of a commit; None and the reason if it must not be used."""
        try:
            desired = self._compile(commit)
        except SourceError as problem:
            return None, str(problem)
        except (GitopsOrchError, OSError, MemoryError):
            raise
        except Exception as fault:  # noqa: BLE001 - the last good commit is still good
            LOG.error(COMMIT_FAILED, commit=commit, error=str(fault), exc_info=fault)
            return None, f"commit {commit[:12]} cannot be acted on: {internal_error(fault)}"
        if not desired.complete:
            why = "; ".join(str(problem) for problem in desired.problems[:3])
            return None, f"commit {commit[:12]} cannot be acted on: {why}"
        if _is_empty(desired):
            way_out = (
                "are the branch and the path right? To remove all, set spec.prune.allow_empty in gitops.yaml"
            )
            return None, f"commit {commit[:12]} holds no Compose file, host or fleet; {way_out}"
        lost = self._lost_from_fleet(desired)
        if lost:
            restore = "else put gitops.yaml back as it was"
            return None, (
                f"commit {commit[:12]} loses {lost}, or run `gitops-orch accept {commit[:12]}`; {restore}. "
                "Until then nothing of the commit is carried out"
            )
        return desired, ""

    def _lost_from_fleet(self, desired: Desired) -> str:
        """Return what the Fleet document has lost since the last good commit, unless a person accepted that."""
        last = self.last_commit()
        if last in {None, desired.commit} or not removed_fleet_settings(ALL_DECLARED, desired.fleet):
            return ""
        if desired.commit in self._history.accepted():
            return ""
        try:
            return removed_fleet_settings(read_fleet(self._source.tree(str(last))), desired.fleet)
        except SourceError:
            return ""  # the mirror has no last good commit any more: no comparison is possible

    def head(self) -> str:
        """Ask the remote and return its head; raises SourceError. A head that is held was fetched nevertheless."""
        try:
            head = self._source.fetch(last_commit=self.last_commit(), accepted=self._history.accepted())
        except SourceHeld:
            self._fetched_at = self._clock.now()
            raise
        self._fetched_at = self._clock.now()
        return head

    def last_commit(self) -> str | None:
        """Return the last good commit; None if there is none."""
        return self._history.last_commit(self._branch.url, self._branch.name)

    def with_former(self, desired: Desired, former: Former) -> Desired:
        """Return a loaded state with more knowledge of what were apps: these stay apps, even if others reuse them."""
        reused = (each for each in desired.fragments if not each.declared)
        if not any(former.held(each.path, each.key) for each in reused):
            return desired
        return self._compile(desired.commit, former)

    def _compile(self, commit: str, former: Former | None = None) -> Desired:
        """Return the desired state of a commit. A commit never changes, so it is compiled once."""
        known = bool(set(self._history.remembered()) - {IMPLICIT_HOST, CONTINUITY})
        last = self._last
        if last is not None and last[:2] == (commit, known) and not last[3].reuses:
            return last[3]
        former = former or self._former()
        if last is not None and last[:3] == (commit, known, former):
            return last[3]
        compiled_before = self._cache.misses
        with few_collections():
            desired = compile_tree(
                self._source.tree(commit),
                environment=self._reading.environment,
                cache=self._cache,
                local_url=self._reading.local_url,
                former=replace(former, hosts=known),
            )
        if self._cache.misses - compiled_before >= FROZEN_FILES:
            # They live long and contain no reference cycles: a walk over them takes half a second.
            gc.freeze()
        self._last = (commit, known, former, desired)
        return desired

    def reverter(self) -> Reverter:
        """Return a reverter that reads files as this loader does."""
        return Reverter(self._source, self.head, self._reading.environment, self._cache, self._former)

    def _former(self) -> Former:
        return read_app_files(self._history).former()

    def read_many(self, keys: Collection[AppKey], commit: str) -> None:
        """Read many apps of an older commit at once: to search each alone takes quadratic time."""
        wanted = {key for key in keys if (key, commit) not in self._older}
        if len(wanted) < MANY:
            return
        try:
            with few_collections():
                files = all_app_files(
                    self._source.tree(commit), environment=self._reading.environment, cache=self._cache
                )
        except SourceError:
            return
        if len(self._older) >= OLDER_MAX:
            self._older.clear()
        for file in files:
            if file.app is not None and file.key is not None and file.key in wanted:
                self._older[(file.key, commit)] = file.app

    def app_at(self, key: AppKey, commit: str) -> App | None:
        """Return an app as an older commit has it; None if it cannot be read any more."""
        known = self._older.get((key, commit))
        if known is not None:
            return known
        try:
            app = compile_one(
                self._source.tree(commit), key, environment=self._reading.environment, cache=self._cache
            )
        except SourceError:
            return None
        if app is not None:
            if len(self._older) >= OLDER_MAX:
                self._older.clear()
            self._older[(key, commit)] = app
        return app


def _is_empty(desired: Desired) -> bool:
    """Tell whether a tree declares nothing. That is more likely a mistake than intended; gitops.yaml can allow it."""
    declared = any(host.position is not None for host in desired.hosts)
    return not (
        desired.apps
        or desired.invalid_apps
        or desired.invalid_paths
        or declared
        or desired.fleet.prune.allow_empty
    )

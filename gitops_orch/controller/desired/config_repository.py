"""The configuration repository: fetches it, and compiles its commits. All that reads a commit reads it here."""

import gc
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from threading import RLock

from gitops_orch.clock import Clock
from gitops_orch.controller.desired.app_files import read_app_files
from gitops_orch.controller.desired.commit_trailers import CommitDirectives, parse_directives
from gitops_orch.errors import SourceError, SourceHeld
from gitops_orch.history.history import History
from gitops_orch.manifest.app.compile_app import CompiledFile
from gitops_orch.manifest.cache import ManifestCache
from gitops_orch.manifest.compile import all_app_files, compile_one, compile_tree, find_app_file
from gitops_orch.manifest.fleet_documents import LOCAL_HOST, read_fleet
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.desired import Desired, Former
from gitops_orch.model.host import Fleet
from gitops_orch.model.tree import Tree
from gitops_orch.python_gc import few_collections
from gitops_orch.source.commits import CommitInfo
from gitops_orch.source.source import Source

MANY = 8  # apps of one commit
OLDER_MAX = 2000  # limit of remembered apps of older commits
# After so many files of one commit, their results are excluded from later garbage collections.
FROZEN_FILES = 1000
INFOS_MAX = 100  # limit of remembered metadata of commits


@dataclass(frozen=True, slots=True)
class Branch:
    """The branch that is followed. History stores the last good commit for it."""

    url: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How files are read: the environment whose overlays apply, and the Engine that is the implicit host."""

    environment: str | None = None
    local_url: str = "unix:///var/run/docker.sock"


class ConfigRepository:
    """The commits of the followed branch, as apps and hosts. Each file is compiled once for each of its contents.

    Safe to use from several threads: the loop and the requests of other commands share one.
    """

    def __init__(
        self, source: Source, history: History, clock: Clock, branch: Branch, reading: Reading
    ) -> None:
        self.source = source
        self._history = history
        self._clock = clock
        self._branch = branch
        self._reading = reading
        self._compiling = RLock()
        self._cache = ManifestCache()
        self._older: dict[tuple[AppKey, str], App] = {}  # the content of a commit never changes
        self._infos: dict[str, CommitInfo] = {}
        self._last: tuple[str, bool, Former, Desired] | None = None
        self._fetched_at: datetime | None = None

    def fetch(self) -> str:
        """Ask the remote and return its head; raises SourceError. A head that is held was fetched nevertheless."""
        try:
            head = self.source.fetch(last_commit=self.last_commit(), accepted=self._history.accepted())
        except SourceHeld:
            self._fetched_at = self._clock.now()
            raise
        self._fetched_at = self._clock.now()
        return head

    def fetched_at(self) -> datetime | None:
        """Return when the remote last answered, to this process or to another one."""
        return self._fetched_at or self._history.fetched_at()

    def last_commit(self) -> str | None:
        """Return the last good commit of the branch; None if there is none."""
        return self._history.last_commit(self._branch.url, self._branch.name)

    def set_last_commit(self, commit: str) -> None:
        """Save the last good commit of the branch."""
        self._history.set_last_commit(self._branch.url, self._branch.name, commit)

    def full_commit(self, text: str) -> str:
        """Return the full hash of a commit, even if only the remote has it so far; raises SourceError."""
        with suppress(SourceError):  # the remote is held or silent: then only commits in the mirror are found
            self.fetch()
        return self.source.resolve(text)

    def commit_info(self, commit: str) -> CommitInfo | None:
        """Return a commit's metadata; None if the mirror does not have the commit."""
        info = self._infos.get(commit)
        if info is None and commit:
            with suppress(SourceError):
                info = self.source.commit_info(commit)
        if info is not None:
            if len(self._infos) >= INFOS_MAX:
                self._infos.clear()
            self._infos[commit] = info
        return info

    def is_accepted(self, commit: str) -> bool:
        """Tell whether an operator accepted a commit."""
        return commit in self._history.accepted()

    def directives(self, commit: str) -> CommitDirectives:
        """Return the directives of a commit; without trailers if the commit cannot be read."""
        info = self.commit_info(commit)
        return parse_directives(
            commit, info.trailers if info is not None else (), accepted=self.is_accepted(commit)
        )

    def tree(self, commit: str) -> Tree:
        """Return the files of a commit; raises SourceError. Every reader of commits gets them from here."""
        return self.source.tree(commit)

    def fleet(self, commit: str) -> Fleet:
        """Return what the Fleet document of a commit declares; raises SourceError."""
        return read_fleet(self.tree(commit))

    def desired(self, commit: str | None = None, former: Former | None = None) -> Desired:
        """Return the desired state of a commit, by default of the last good commit, else of head; raises SourceError.

        `former` is what existed before it, by default what history knows. A commit never changes, so it is compiled
        once.
        """
        commit = commit or self.last_commit() or self.fetch()
        with self._compiling:
            return self._desired(commit, former)

    def _desired(self, commit: str, former: Former | None) -> Desired:
        known = bool(self._history.remembered().keys() - {LOCAL_HOST})
        last = self._last
        if last is not None and last[:2] == (commit, known) and not last[3].reuses:
            return last[3]
        former = former or self._former()
        if last is not None and last[:3] == (commit, known, former):
            return last[3]
        compiled_before = self._cache.misses
        with few_collections():
            desired = compile_tree(
                self.tree(commit),
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

    def with_former(self, desired: Desired, former: Former) -> Desired:
        """Return a loaded state with more knowledge of what were apps: these stay apps, even if others reuse them."""
        reused = (each for each in desired.fragments if not each.declared)
        if not any(former.held(each.path, each.key) for each in reused):
            return desired
        return self.desired(desired.commit, former)

    def app_files(self, tree: Tree) -> tuple[CompiledFile, ...]:
        """Return the compiled files of all apps of a tree, with all their dependencies."""
        with self._compiling, few_collections():
            return all_app_files(
                tree, environment=self._reading.environment, cache=self._cache, former=self._former()
            )

    def app_file(self, tree: Tree, key: AppKey) -> CompiledFile | None:
        """Return the compiled file of one app of a tree; None where no file declares that app."""
        with self._compiling:
            return find_app_file(tree, key, environment=self._reading.environment, cache=self._cache)

    def read_many(self, keys: Collection[AppKey], commit: str) -> None:
        """Read many apps of an older commit at once: to search each alone takes quadratic time."""
        with self._compiling:
            wanted = {key for key in keys if (key, commit) not in self._older}
            if len(wanted) < MANY:
                return
            try:
                with few_collections():
                    files = all_app_files(
                        self.tree(commit), environment=self._reading.environment, cache=self._cache
                    )
            except SourceError:
                return
            for file in files:
                if file.app is not None and file.key is not None and file.key in wanted:
                    self._remember(file.key, commit, file.app)

    def app_at(self, key: AppKey, commit: str) -> App | None:
        """Return an app as an older commit has it; None if it cannot be read any more."""
        with suppress(SourceError):
            return self.read_app(key, commit)
        return None

    def read_app(self, key: AppKey, commit: str) -> App | None:
        """Return an app as a commit declares it; None if it does not exist there or is invalid; raises SourceError."""
        with self._compiling:
            app = self._older.get((key, commit))
            if app is None:
                environment = self._reading.environment
                app = compile_one(self.tree(commit), key, environment=environment, cache=self._cache)
            if app is not None:
                self._remember(key, commit, app)
            return app

    def _remember(self, key: AppKey, commit: str, app: App) -> None:
        if len(self._older) >= OLDER_MAX:
            self._older.clear()
        self._older[(key, commit)] = app

    def _former(self) -> Former:
        return read_app_files(self._history).former()

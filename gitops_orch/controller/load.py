"""From Git to a desired state, or to the reason why there is none that may be acted on."""

from dataclasses import dataclass
from datetime import datetime

from gitops_orch.clock import Clock
from gitops_orch.errors import SourceError
from gitops_orch.history.history import History
from gitops_orch.manifest.cache import ManifestCache
from gitops_orch.manifest.compile import compile_one, compile_tree
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.desired import Desired
from gitops_orch.source.source import Source

IMPLICIT_HOST = "local"
CONTINUITY = ""  # remembered like a host: this history has been kept since the first container was made


@dataclass(frozen=True, slots=True)
class Branch:
    """What is followed: history keeps the last good commit by it."""

    url: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How files are read: the environment whose overlays count, and the Engine that is the implicit host."""

    environment: str | None
    local_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What one look at Git gave.  `desired` None: nothing that may be acted on, and `error` says why.

    With `error` and a desired state, the remote did not give its head, and the last good commit is what counts.
    """

    desired: Desired | None
    error: str = ""
    fetched_at: datetime | None = None
    head_moved: bool = False


class Loader:
    """Loads commits; remembers parsed files by their content."""

    def __init__(
        self, source: Source, history: History, clock: Clock, branch: Branch, reading: Reading
    ) -> None:
        self._source = source
        self._history = history
        self._clock = clock
        self._branch = branch
        self._reading = reading
        self._cache = ManifestCache()
        self._fetched_at: datetime | None = None
        self._last: tuple[str, bool, Desired] | None = None

    def load(self, *, fetch: bool = True) -> Loaded:
        """Return head's desired state; the last good commit's where the remote does not answer or moved oddly."""
        last = self.last_commit()
        error = ""
        commit = last
        if fetch or last is None:
            try:
                commit = self._source.fetch(last_commit=last, accepted=self._history.accepted())
                self._fetched_at = self._clock.now()
            except SourceError as problem:
                error = str(problem)
        if commit is None:
            return Loaded(desired=None, error=error, fetched_at=self._fetched_at)
        try:
            desired = self._compile(commit)
        except SourceError as problem:
            return Loaded(desired=None, error=error or str(problem), fetched_at=self._fetched_at)
        if not desired.complete:
            why = "; ".join(str(problem) for problem in desired.problems[:3])
            error = error or f"commit {commit[:12]} cannot be acted on: {why}"
            return Loaded(desired=None, error=error, fetched_at=self._fetched_at)
        return Loaded(desired=desired, error=error, fetched_at=self._fetched_at, head_moved=commit != last)

    def head_moved(self) -> bool:
        """Tell whether the remote has a head that was not loaded yet; False where it does not answer."""
        last = self.last_commit()
        try:
            return self._source.fetch(last_commit=last, accepted=self._history.accepted()) != last
        except SourceError:
            return False

    def last_commit(self) -> str | None:
        """Return the commit that was acted on last, None where none was."""
        return self._history.last_commit(self._branch.url, self._branch.name)

    def _compile(self, commit: str) -> Desired:
        """A commit never changes, so it is compiled once."""
        known = bool(set(self._history.remembered()) - {IMPLICIT_HOST, CONTINUITY})
        if self._last is not None and self._last[:2] == (commit, known):
            return self._last[2]
        desired = compile_tree(
            self._source.tree(commit),
            environment=self._reading.environment,
            cache=self._cache,
            local_url=self._reading.local_url,
            hosts_ever_known=known,
        )
        self._last = (commit, known, desired)
        return desired

    def app_at(self, key: AppKey, commit: str) -> App | None:
        """Return an app as an older commit had it; None where it cannot be had any more."""
        try:
            return compile_one(
                self._source.tree(commit), key, environment=self._reading.environment, cache=self._cache
            )
        except SourceError:
            return None

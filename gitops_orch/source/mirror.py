"""Manages the bare mirror on disk: allows one writer at a time, removes files of killed processes, repairs damage.

Note [One writer]: everything that writes holds a lock on a file beside the mirror, and the git process inherits the
lock. So the holder of the lock knows that no process uses any `*.lock` or `tmp_*` file in the mirror. This holds even
if the controller was killed during a fetch: the fetch keeps the lock while it continues.
"""

import contextlib
import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gitops_orch.clock import Clock
from gitops_orch.errors import SourceError, SourceUnavailable
from gitops_orch.private_files import make_private_directory, owner_hint
from gitops_orch.source.commits import check_commit
from gitops_orch.source.failure import MirrorDamaged, is_corrupt, printable, redact
from gitops_orch.source.git import Git, GitResult

KEEP = "refs/gitops-orch/keep/"
PACKS_MAX = 50
LOCK_POLL_S = 0.05
KEPT_MAX = 10_000


class Mirror:
    """A bare repository to which commits are only added; `local` runs git without access to the network by default."""

    def __init__(
        self, directory: Path, *, config: str, environment: Mapping[str, str], clock: Clock, deadline_s: float
    ) -> None:
        self.directory = directory
        self.local = Git(
            directory, {**environment, "GIT_ALLOW_PROTOCOL": "none"}, deadline_s=deadline_s, clock=clock
        )
        # A request to the remote needs no repository, and must work while the mirror is damaged.
        self.nowhere = Git(
            directory.with_name("no-repository"), environment, deadline_s=deadline_s, clock=clock
        )
        self._config = config
        self._environment = environment
        self._clock = clock
        self._deadline_s = deadline_s
        self._thread_lock = threading.RLock()
        self._lock_fd = -1
        self._owner = 0  # the thread that holds the lock; only this thread may pass on the descriptor
        self._rebuilt = False

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[int]:
        """Lock the mirror and yield the lock's descriptor; SourceError if the disk fails or the lock is not free."""
        with self._thread_lock:
            if self._lock_fd >= 0:  # this thread holds the lock already
                yield self._lock_fd
                return
            with self._disk_errors():
                self._lock_fd = self._take_lock()
                self._owner = threading.get_ident()
                try:
                    self._prepare()
                    yield self._lock_fd
                finally:
                    self._owner = 0
                    os.close(self._lock_fd)
                    self._lock_fd = -1

    def probe(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> GitResult:
        """Run a local command and return its result, even if it failed; create the mirror if it does not exist."""
        if not self.directory.is_dir():
            with self.exclusive():
                pass  # entering it creates the mirror
        lock_fd = self._lock_fd if self._owner == threading.get_ident() else -1
        return self.local.run(*arguments, stdin=stdin, extra=extra, lock_fd=lock_fd)

    def run(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> GitResult:
        """Run a local command; MirrorDamaged if git reports a damaged store. The caller handles other failures."""
        result = self.probe(*arguments, stdin=stdin, extra=extra)
        if not result.ok and is_corrupt(result.stderr):
            raise self.damage(result.stderr)
        return result

    def must(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> GitResult:
        """Run a local command that fails only if the mirror or the disk is damaged; SourceError then."""
        result = self.run(*arguments, stdin=stdin, extra=extra)
        if not result.ok:
            raise SourceError(
                f"git {arguments[0]} failed in {self.directory}: {redact(result.stderr)}",
                hint="check the space and the permissions of the state directory",
            )
        return result

    def has(self, commit: str) -> bool:
        """Return whether the mirror has a commit."""
        check_commit(commit)
        return self.probe("cat-file", "-e", f"{commit}^{{commit}}").ok

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Return whether a commit descends from another; False if the mirror does not have both."""
        if not (self.has(older) and self.has(newer)):
            return False  # the mirror has the branch's whole history, so a commit that is missing is not part of it
        return self.run("merge-base", "--is-ancestor", older, newer).ok

    def damage(self, output: str) -> MirrorDamaged:
        """Return the error for a damaged mirror."""
        return MirrorDamaged(
            f"the mirror {self.directory} is damaged: {redact(output)}",
            hint="it is rebuilt from the remote as soon as that answers; nothing is touched meanwhile",
        )

    def kept(self) -> tuple[str, ...]:
        """Return the commits that are kept readable."""
        listed = self.local.run("for-each-ref", f"--count={KEPT_MAX}", "--format=%(refname)", KEEP)
        return tuple(sorted(line.removeprefix(KEEP) for line in listed.text.splitlines()))

    def tidy(self) -> None:
        """Combine many small packs into one; a failure only costs speed."""
        if len(list((self.directory / "objects/pack").glob("*.pack"))) > PACKS_MAX:
            self.local.run("gc", "--quiet", "--prune=2.weeks.ago", lock_fd=self._lock_fd)

    def use_object_format(self, id_chars: int) -> None:
        """Replace the mirror by an empty one if the remote uses another object format (SHA-1 or SHA-256)."""
        wanted = "sha256" if id_chars == 64 else "sha1"  # noqa: PLR2004  the hex digits of a SHA-256
        found = self.run("rev-parse", "--show-object-format")
        if found.ok and found.text != wanted:
            shutil.rmtree(self.directory)
            self._init(self.directory, wanted)

    def rebuild(self, fill: Callable[[Git], None], object_format: str = "sha1") -> bool:
        """Replace a damaged mirror by one that `fill` fetches, with the kept commits; return False if it is intact.

        This happens at most once in a process, so that a failing disk does not cause endless fetches.
        """
        with self.exclusive():
            if self._rebuilt or self.local.run("fsck", "--no-dangling", "--no-progress").ok:
                return False
            fresh = self.directory.with_name(f"{self.directory.name}.new")
            _remove(fresh)
            try:
                self._init(fresh, object_format)
                git = self._git(fresh, self._environment)
                fill(git)
                self._carry_over(git)
                self._swap(fresh)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
            self._rebuilt = True
            return True

    def _git(self, directory: Path, environment: Mapping[str, str]) -> Git:
        return Git(directory, environment, deadline_s=self._deadline_s, clock=self._clock)

    def _carry_over(self, fresh: Git) -> None:
        reading = {"GIT_ALLOW_PROTOCOL": "file"}
        for commit in self.kept():
            ref = f"{KEEP}{commit}"
            if fresh.run("update-ref", ref, commit).ok:
                continue
            # A commit that cannot be read any more is lost; the caller notices it with `has`.
            fresh.run(
                "fetch", "--no-tags", "--quiet", "--", self.directory.as_uri(), f"+{ref}:{ref}", extra=reading
            )

    def _swap(self, fresh: Path) -> None:
        broken = self._broken
        _remove(broken)
        self.directory.rename(broken)
        fresh.rename(self.directory)
        shutil.rmtree(broken, ignore_errors=True)

    @property
    def _broken(self) -> Path:
        return self.directory.with_name(f"{self.directory.name}.broken")

    def _prepare(self) -> None:
        config = Path(self._environment["GIT_CONFIG_GLOBAL"])
        if not config.exists() or config.read_text() != self._config:
            config.write_text(self._config)
        if not self.directory.is_dir():  # a file in its place has no commits
            _remove(self.directory)
        if not self.directory.exists() and self._broken.is_dir():  # the process was killed during the swap
            self._broken.rename(self.directory)
        if not self.directory.exists():
            self._init(self.directory, "sha1")
        _remove_leftovers(self.directory)

    def _init(self, directory: Path, object_format: str) -> None:
        git = self._git(directory, self._environment)
        created = git.run("init", "--quiet", "--bare", "--template=", f"--object-format={object_format}")
        if not created.ok:
            shutil.rmtree(directory, ignore_errors=True)
            raise SourceError(
                f"the mirror {directory} cannot be made: {redact(created.stderr)}",
                hint="check the space and the permissions of the state directory",
            )

    def _take_lock(self) -> int:
        make_private_directory(self.directory.parent)
        lock = self.directory.with_name(f"{self.directory.name}.lock")
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline_at = self._clock.monotonic_s() + self._deadline_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if self._clock.monotonic_s() >= deadline_at:
                    os.close(fd)
                    raise SourceUnavailable(
                        f"the mirror {self.directory} was in use by another process for {self._deadline_s:g} s",
                        hint="wait for it, or end it",
                    ) from error
                self._clock.sleep(LOCK_POLL_S)
            else:
                return fd

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise SourceUnavailable(
                f"the mirror {self.directory} cannot be used: {error.strerror}",
                hint=owner_hint(self.directory.parent.parent),
            ) from error
        except OSError as error:
            raise SourceUnavailable(
                f"the mirror {self.directory} cannot be used: {printable(str(error))}",
                hint="check the space and the permissions of the state directory",
            ) from error


def _remove_leftovers(directory: Path) -> None:
    for folder, subfolders, names in os.walk(directory):
        for name in filter(_is_leftover, [*names, *subfolders]):
            _remove(Path(folder) / name)


def _is_leftover(name: str) -> bool:
    return name.endswith((".lock", ".keep")) or name.startswith("tmp_")


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)

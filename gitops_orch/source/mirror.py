"""The bare mirror on disk: one writer at a time, cleaned of what killed processes left, rebuilt when it is damaged.

Note [One writer]: everything that writes runs under a lock on a file beside the mirror, and the git process inherits
that lock.  So whoever holds it knows that every `*.lock` and `tmp_*` in the mirror belongs to nobody any more, even
after the controller was killed in the middle of a fetch that went on without it.
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
from gitops_orch.source.failure import MirrorDamaged, is_corrupt, printable, redact
from gitops_orch.source.git import Git, GitResult

KEEP = "refs/gitops-orch/keep/"
PACKS_MAX = 50
LOCK_POLL_S = 0.05
KEPT_MAX = 10_000


class Mirror:
    """A bare repository that only ever gains commits; `local` reaches no network unless it is told how."""

    def __init__(
        self, directory: Path, *, config: str, environment: Mapping[str, str], clock: Clock, deadline_s: float
    ) -> None:
        self.directory = directory
        self.local = Git(
            directory, {**environment, "GIT_ALLOW_PROTOCOL": "none"}, deadline_s=deadline_s, clock=clock
        )
        # A question to the remote needs no repository, and must be possible while the mirror is broken.
        self.nowhere = Git(
            directory.with_name("no-repository"), environment, deadline_s=deadline_s, clock=clock
        )
        self._config = config
        self._environment = environment
        self._clock = clock
        self._deadline_s = deadline_s
        self._thread_lock = threading.RLock()
        self._lock_fd = -1
        self._owner = 0  # the thread that holds the lock; another must not pass its descriptor on
        self._rebuilt = False

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[int]:
        """Hold the mirror alone and yield the lock's descriptor; SourceError where the disk refuses or others hold it."""
        with self._thread_lock:
            if self._lock_fd >= 0:  # this thread holds it already
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
        """Run a local command whose failure is an answer; the mirror is made where there is none."""
        if not self.directory.is_dir():
            with self.exclusive():
                pass  # entering it makes the mirror
        lock_fd = self._lock_fd if self._owner == threading.get_ident() else -1
        return self.local.run(*arguments, stdin=stdin, extra=extra, lock_fd=lock_fd)

    def run(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> GitResult:
        """Run a local command; MirrorDamaged where git says that the store is broken, else the caller judges."""
        result = self.probe(*arguments, stdin=stdin, extra=extra)
        if not result.ok and is_corrupt(result.stderr):
            raise self.damage(result.stderr)
        return result

    def must(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> GitResult:
        """Run a local command that cannot fail in a sound mirror on a sound disk."""
        result = self.run(*arguments, stdin=stdin, extra=extra)
        if not result.ok:
            raise SourceError(
                f"git {arguments[0]} failed in {self.directory}: {redact(result.stderr)}",
                hint="check the space and the permissions of the state directory",
            )
        return result

    def damage(self, output: str) -> MirrorDamaged:
        """Return the error for a broken store."""
        return MirrorDamaged(
            f"the mirror {self.directory} is damaged: {redact(output)}",
            hint="it is rebuilt from the remote as soon as that answers; nothing is touched meanwhile",
        )

    def kept(self) -> tuple[str, ...]:
        """Return the commits that are kept alive."""
        listed = self.local.run("for-each-ref", f"--count={KEPT_MAX}", "--format=%(refname)", KEEP)
        return tuple(sorted(line.removeprefix(KEEP) for line in listed.text.splitlines()))

    def tidy(self) -> None:
        """Join many small packs into one; failing at it costs nothing but speed."""
        if len(list((self.directory / "objects/pack").glob("*.pack"))) > PACKS_MAX:
            self.local.run("gc", "--quiet", "--prune=2.weeks.ago", lock_fd=self._lock_fd)

    def use_object_format(self, id_chars: int) -> None:
        """Start over with SHA-256 where that is what the remote speaks; objects of the other format are of no use."""
        wanted = "sha256" if id_chars == 64 else "sha1"  # noqa: PLR2004  hex digits of a SHA-256
        found = self.run("rev-parse", "--show-object-format")
        if found.ok and found.text != wanted:
            shutil.rmtree(self.directory)
            self._init(self.directory, wanted)

    def rebuild(self, fill: Callable[[Git], None], object_format: str = "sha1") -> bool:
        """Replace a damaged mirror by one that `fill` fetches, kept commits included; False where there is no reason to.

        At most once in a process: a disk that keeps breaking mirrors must not make us fetch for ever.
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
            # What cannot be read any more is lost; the caller sees it by `has`.
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
        if not self.directory.is_dir():  # a file that was put in its place holds no commits
            _remove(self.directory)
        if not self.directory.exists() and self._broken.is_dir():  # killed in the middle of the swap
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

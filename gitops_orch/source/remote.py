"""Talks to the remote: asks for the head of the followed branch, fetches it into the mirror, and pushes to it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gitops_orch.errors import SourceError, SourceUnavailable
from gitops_orch.source.access import (
    Access,
    SourceSettings,
    check_address,
    check_branch,
    environment,
    read_token,
)
from gitops_orch.source.failure import is_corrupt, printable, push_failure, redact, remote_failure
from gitops_orch.source.git import Git, GitResult
from gitops_orch.source.mirror import Mirror

CANDIDATES_MAX = 10

_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# --update-shallow allows a shallow checkout as the remote, as CI systems create it.
_FETCH = (
    "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--update-shallow", "--force",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteHead:
    """The head of the branch as the remote has it."""

    ref: str  # the full name on the remote
    object_id: str  # the object that the ref names: a commit or an annotated tag

    @property
    def is_tag(self) -> bool:
        """Return whether a tag is followed, and not a branch."""
        return self.ref.startswith("refs/tags/")


class Remote:
    """One branch of the remote. The credentials are read at each request."""

    def __init__(self, settings: SourceSettings, config: Path) -> None:
        """Check the settings; SettingsError describes what is wrong."""
        self._settings = settings
        self._config = config
        self.access: Access = check_address(settings.url)
        self.branch = check_branch(settings.branch)

    @property
    def url(self) -> str:
        """Return the address without credentials."""
        return self.access.url

    @property
    def local_ref(self) -> str:
        """Return the ref of the mirror that has the branch's head."""
        # A hash, because refs are files: if a branch `a` became `a/b`, a directory would need the name of a file.
        return f"refs/gitops-orch/head/{hashlib.sha256(self.branch.encode()).hexdigest()[:16]}"

    def environment(self, token: str = "") -> dict[str, str]:
        """Return the variables for git; without a token, for a command that does not log in."""
        return environment(self.access, self._settings, self._config, token)

    def head(self, mirror: Mirror) -> RemoteHead:
        """Ask for the head; SourceUnavailable if the remote does not answer, or has no such branch."""
        if self.branch == "HEAD" or self.branch.startswith("refs/"):
            wanted: tuple[str, ...] = (self.branch,)
        else:
            wanted = (f"refs/heads/{self.branch}", f"refs/tags/{self.branch}")
        result = self._run(mirror.nowhere, "ls-remote", "--", self.url, *wanted)
        if not result.ok:
            raise remote_failure(result.stderr, self.url)
        found = _remote_refs(result.text)
        for ref in wanted:
            if ref in found:
                return RemoteHead(ref=ref, object_id=found[ref])
        raise self._branch_missing(mirror)

    def fetch(self, head: RemoteHead, mirror: Mirror, *, into: Git | None = None, lock_fd: int = -1) -> None:
        """Fetch the head into the mirror, or into the repository `into` that replaces it.

        SourceUnavailable if the remote does not answer; MirrorDamaged if the mirror cannot store it.
        """
        refspec = f"+{head.ref}:{self.local_ref}"
        result = self._run(into or mirror.local, *_FETCH, "--", self.url, refspec, lock_fd=lock_fd)
        if result.ok:
            return
        if into is None and is_corrupt(result.stderr):
            raise mirror.damage(redact(result.stderr))
        raise remote_failure(result.stderr, self.url)

    def push(self, created: str, head: str, mirror: Mirror, *, lock_fd: int) -> None:
        """Push a commit if `head` is still the head of the branch; SourceUnavailable or SourceError if it is not."""
        ref = self._pushed_ref
        result = self._run(
            mirror.local,
            "push", "--porcelain", "--no-verify", f"--force-with-lease={ref}:{head}", "--", self.url, f"{created}:{ref}",
            lock_fd=lock_fd,
        )  # fmt: skip
        if not result.ok:
            raise push_failure(f"{result.stderr}\n{result.text}", self.url)

    @property
    def _pushed_ref(self) -> str:
        if not self.branch.startswith("refs/"):
            return f"refs/heads/{self.branch}"
        if self.branch.startswith("refs/heads/"):
            return self.branch
        raise SourceError(
            f"{self.url}: {self.branch} is no branch, so nothing can be pushed to it",
            hint="follow a branch",
        )

    def _run(self, git: Git, *arguments: str, lock_fd: int = -1) -> GitResult:
        token = read_token(self.access, self._settings.token_file)
        return git.run(*arguments, extra=self.environment(token), lock_fd=lock_fd)

    def _branch_missing(self, mirror: Mirror) -> SourceUnavailable:
        result = self._run(mirror.nowhere, "ls-remote", "--heads", "--", self.url)
        if not result.ok:
            return remote_failure(result.stderr, self.url)
        names = [printable(ref.removeprefix("refs/heads/")) for ref in sorted(_remote_refs(result.text))]
        if not names:
            return SourceUnavailable(
                f"{self.url}: the repository is empty", hint=f"push a first commit to {self.branch}"
            )
        shown = ", ".join(names[:CANDIDATES_MAX]) + (", …" if len(names) > CANDIDATES_MAX else "")
        return SourceUnavailable(
            f"{self.url}: there is no branch {self.branch}; there are: {shown}",
            hint="restore the branch, or correct repository.branch; nothing is touched meanwhile",
        )


def _remote_refs(text: str) -> Mapping[str, str]:
    pairs = (line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    return {ref: object_id for object_id, ref in pairs if _OBJECT.fullmatch(object_id)}

"""Defines `Source`: the head of a branch, the files of a commit, and reverts that are pushed on top of the head.

Nothing in a repository is ever executed or checked out: files are blobs of a commit in a bare mirror.
"""

import contextlib
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gitops_orch.clock import Clock
from gitops_orch.errors import SourceError, SourceHeld, SourceUnavailable
from gitops_orch.model.tree import Tree, TreeFile
from gitops_orch.source.access import (
    SourceSettings,
    check_address,
    check_branch,
    check_path,
    config_text,
    environment,
    read_token,
)
from gitops_orch.source.blobs import BlobReader
from gitops_orch.source.commits import (
    INFO_FORMAT,
    WORDS_FORMAT,
    CommitInfo,
    check_commit,
    parse_info,
    parse_reverted,
)
from gitops_orch.source.failure import (
    MirrorDamaged,
    is_corrupt,
    printable,
    push_failure,
    redact,
    remote_failure,
)
from gitops_orch.source.git import Git, GitResult
from gitops_orch.source.links import with_links
from gitops_orch.source.listing import NOTHING_KNOWN, parse_listing
from gitops_orch.source.mirror import KEEP, Mirror
from gitops_orch.source.outside import hosts_outside
from gitops_orch.source.reading import TreeReader
from gitops_orch.source.revert import AUTHOR, Revert, commit_revert

CANDIDATES_MAX = 10
WORDS_MAX = 1000  # the maximum number of commits whose messages are read

_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ABBREVIATION = re.compile(r"[0-9a-f]{4,64}")
# --update-shallow allows a shallow checkout as the remote, as CI systems create it.
_FETCH = (
    "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--update-shallow", "--force",
)  # fmt: skip

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class _RemoteHead:
    ref: str  # the full name on the remote
    object_id: str  # the object that the ref names: a commit or an annotated tag


class Source:
    """One branch of one repository, read through a mirror. Safe to use from several threads."""

    def __init__(self, settings: SourceSettings, mirror_dir: Path, clock: Clock) -> None:
        """Check the settings; SettingsError describes what is wrong. Nothing is opened yet."""
        self._settings = settings
        self._clock = clock
        self._access = check_address(settings.url)
        self._branch = check_branch(settings.branch)
        self._path = check_path(settings.path)
        self._config = mirror_dir.with_name(f"{mirror_dir.name}.gitconfig").absolute()
        self._mirror = Mirror(
            mirror_dir.absolute(),
            config=config_text(self._access, mirror_dir.absolute()),
            environment=environment(self._access, settings, self._config, ""),
            clock=clock,
            deadline_s=settings.deadline_s,
        )
        self._listed_rows: Mapping[bytes, TreeFile] = NOTHING_KNOWN
        self._blobs = BlobReader(
            lambda: self._mirror.local.start("cat-file", "--batch"),
            clock=clock,
            deadline_s=settings.deadline_s,
        )

    @property
    def url(self) -> str:
        """Return the repository's address without credentials."""
        return self._access.url

    def fetch(self, *, last_commit: str | None, accepted: frozenset[str] = frozenset()) -> str:
        """Return the head of the branch; fetch it if it is new.

        SourceUnavailable if the remote does not answer. SourceHeld if the head does not descend from `last_commit`,
        and neither the settings nor `accepted` allow that.
        """
        if last_commit is not None:
            check_commit(last_commit)
        with self._mirror.exclusive() as lock_fd:
            remote = self._ask_remote()
            head = self._healed(lambda: self._bring(remote, lock_fd))
            self._healed(lambda: self._hold_unless_forward(head, last_commit, accepted, remote))
            return head

    def tree(self, commit: str) -> Tree:
        """Return the files of a commit below the managed path; SourceError if the commit does not have that path."""
        check_commit(commit)
        listing = self._healed(
            lambda: parse_listing(self._list(commit), f"commit {commit[:12]}", self._listed_rows)
        )
        self._listed_rows = listing.rows
        tree = with_links(listing, self._read_blobs)
        reader = TreeReader(tree.files, self._read_blobs, f"commit {commit[:12]}")
        return Tree(
            commit=commit,
            files=tree.files,
            read=reader.read,
            refused=tree.refused,
            linked_directories=frozenset(tree.directories),
            name=self._access.name,
            hosts_outside=hosts_outside(self._mirror, commit, self._path),
        )

    def _read_blobs(self, blobs: Sequence[str]) -> list[bytes]:
        return self._healed(lambda: self._blobs.read(blobs))

    def commit_info(self, commit: str) -> CommitInfo:
        """Return a commit's metadata; SourceError if the mirror does not have the commit."""
        check_commit(commit)
        how = ("-1", "--no-show-signature", "--encoding=UTF-8", f"--format={INFO_FORMAT}")
        found = self._healed(lambda: self._mirror.run("log", *how, commit, "--"))
        if not found.ok:
            raise self._unknown(commit)
        return parse_info(found.text)

    def show(self, commit: str) -> str:
        """Return a commit's message and its diff to its parent, as git prints them; SourceError if it is unknown."""
        how = ("--no-color", "--no-ext-diff", "--no-textconv", "--format=%B")
        found = self._mirror.run("show", *how, check_commit(commit), "--")
        if not found.ok:
            raise self._unknown(commit)
        return found.text

    def touching(self, paths: tuple[str, ...], *, since: str, head: str) -> tuple[str, ...]:
        """Return the commits after `since` that changed any of these paths, newest first, at most 1000."""
        scope = [self._repository_path(path) for path in paths]
        return tuple(self._log("%H", since, head, *scope).split())

    def reverted_by_user(self, *, since: str, head: str) -> tuple[str, ...]:
        """Return the commits that people reverted after `since`, by `git revert` or a `Reverts:` trailer."""
        if not self.has(since):
            return ()
        found = []
        for named in parse_reverted(self._log(WORDS_FORMAT, since, head), ours=AUTHOR[1]):
            with contextlib.suppress(SourceError):  # the reverted commit is not in the mirror
                found.append(self.resolve(named))
        return tuple(found)

    def keep(self, commit: str) -> None:
        """Keep a commit readable, even if the branch is rewritten and the remote deletes the commit."""
        check_commit(commit)
        with self._mirror.exclusive():
            self._mirror.must("update-ref", f"{KEEP}{commit}", f"{commit}")

    def release_kept(self, keep: "frozenset[str] | set[str]") -> None:
        """Release all kept commits except these."""
        with self._mirror.exclusive():
            removed = [commit for commit in self._mirror.kept() if commit not in keep]
            lines = "".join(f"delete {KEEP}{commit}\n" for commit in removed)
            self._mirror.must("update-ref", "--stdin", stdin=lines.encode())

    def has(self, commit: str) -> bool:
        """Return whether the mirror has a commit."""
        check_commit(commit)
        return self._mirror.probe("cat-file", "-e", f"{commit}^{{commit}}").ok

    def resolve(self, ref: str) -> str:
        """Return the full id of a commit, given its id, a unique prefix of it, or the fetched branch."""
        if ref in ("HEAD", self._branch):
            named = self._local_ref
        elif _ABBREVIATION.fullmatch(ref):
            named = ref
        else:
            raise SourceError(
                f'"{printable(ref)}" is neither a commit id nor the branch {self._branch}',
                hint="name a commit by its id",
            )
        found = self._mirror.probe("rev-parse", "--verify", "--end-of-options", f"{named}^{{commit}}")
        if not found.ok and "ambiguous" in found.stderr:
            raise SourceError(f"more than one commit begins with {ref}", hint="write more digits of the id")
        if not found.ok:
            raise self._unknown(ref)
        return check_commit(found.text.splitlines()[-1])

    def draft_revert(self, *, paths: tuple[str, ...], to_commit: str, head: str, message: str) -> str:
        """Create a commit on top of `head` in which these paths are as in `to_commit`; return its id. Push nothing.

        Paths are relative to the managed path; "." is all of it. SourceError if nothing would change.
        """
        revert = Revert(
            paths=tuple(self._repository_path(path) for path in paths),
            to_commit=check_commit(to_commit),
            head=check_commit(head),
            message=message,
            at=self._clock.now(),
        )
        if not paths or not message.strip():
            raise SourceError("a revert needs at least one path and a message")
        with self._mirror.exclusive():
            for commit in (to_commit, head):
                if not self.has(commit):
                    raise self._unknown(commit)
            return check_commit(self._healed(lambda: commit_revert(self._mirror, revert)))

    def push(self, created: str, *, head: str) -> None:
        """Push a commit whose parent is `head`, if `head` is still the head of the branch.

        SourceUnavailable if the branch moved meanwhile (fetch and create the commit again); SourceError if the server
        refuses the push.
        """
        check_commit(created)
        check_commit(head)
        ref = self._pushed_ref
        with self._mirror.exclusive() as lock_fd:
            result = self._remote(
                "push", "--porcelain", "--no-verify", f"--force-with-lease={ref}:{head}", "--", self.url, f"{created}:{ref}",
                lock_fd=lock_fd,
            )  # fmt: skip
            if not result.ok:
                raise push_failure(f"{result.stderr}\n{result.text}", self.url)
            self._mirror.must("update-ref", self._local_ref, created)

    def close(self) -> None:
        """End the git process that reads blobs; the source can be used again afterwards."""
        self._blobs.close()

    @property
    def _local_ref(self) -> str:
        # A hash, because refs are files: if a branch `a` became `a/b`, a directory would need the name of a file.
        return f"refs/gitops-orch/head/{hashlib.sha256(self._branch.encode()).hexdigest()[:16]}"

    def _remote(self, *arguments: str, git: Git | None = None, lock_fd: int = -1) -> GitResult:
        token = read_token(self._access, self._settings.token_file)
        variables = environment(self._access, self._settings, self._config, token)
        return (git or self._mirror.local).run(*arguments, extra=variables, lock_fd=lock_fd)

    def _ask_remote(self) -> _RemoteHead:
        if self._branch == "HEAD" or self._branch.startswith("refs/"):
            wanted: tuple[str, ...] = (self._branch,)
        else:
            wanted = (f"refs/heads/{self._branch}", f"refs/tags/{self._branch}")
        result = self._remote("ls-remote", "--", self.url, *wanted, git=self._mirror.nowhere)
        if not result.ok:
            raise remote_failure(result.stderr, self.url)
        found = _remote_refs(result.text)
        for ref in wanted:
            if ref in found:
                return _RemoteHead(ref=ref, object_id=found[ref])
        raise self._branch_missing()

    def _branch_missing(self) -> SourceUnavailable:
        result = self._remote("ls-remote", "--heads", "--", self.url, git=self._mirror.nowhere)
        if not result.ok:
            return remote_failure(result.stderr, self.url)
        names = [printable(ref.removeprefix("refs/heads/")) for ref in sorted(_remote_refs(result.text))]
        if not names:
            return SourceUnavailable(
                f"{self.url}: the repository is empty", hint=f"push a first commit to {self._branch}"
            )
        shown = ", ".join(names[:CANDIDATES_MAX]) + (", …" if len(names) > CANDIDATES_MAX else "")
        return SourceUnavailable(
            f"{self.url}: there is no branch {self._branch}; there are: {shown}",
            hint="restore the branch, or correct repository.branch; nothing is touched meanwhile",
        )

    def _bring(self, remote: _RemoteHead, lock_fd: int) -> str:
        self._mirror.use_object_format(len(remote.object_id))
        known = self._mirror.run("rev-parse", "--verify", "--quiet", self._local_ref)
        if known.text != remote.object_id:
            self._fetch_ref(remote, None, lock_fd)
            self._mirror.tidy()
        head = self._mirror.run("rev-parse", "--verify", "--quiet", f"{self._local_ref}^{{commit}}")
        if not head.ok:
            raise self._mirror.damage(f"the commit of {remote.ref} is not in it")
        return check_commit(head.text)

    def _fetch_ref(self, remote: _RemoteHead, git: Git | None, lock_fd: int) -> None:
        refspec = f"+{remote.ref}:{self._local_ref}"
        result = self._remote(*_FETCH, "--", self.url, refspec, git=git, lock_fd=lock_fd)
        if result.ok:
            return
        if git is None and is_corrupt(result.stderr):
            raise self._mirror.damage(redact(result.stderr))
        raise remote_failure(result.stderr, self.url)

    def _hold_unless_forward(
        self, head: str, last_commit: str | None, accepted: frozenset[str], remote: _RemoteHead
    ) -> None:
        if last_commit in (None, head) or self._settings.allow_force_push or head in accepted:
            return
        if remote.ref.startswith("refs/tags/"):
            raise self._held(head, f"the tag {self._branch} was moved from {last_commit[:12]} to {head[:12]}")
        if self._is_ancestor(last_commit, head):
            return
        if self._is_ancestor(head, last_commit):
            raise self._held(
                head, f"{self._branch} was set back from {last_commit[:12]} to its ancestor {head[:12]}"
            )
        raise self._held(
            head, f"{self._branch} was rewritten: {head[:12]} does not descend from {last_commit[:12]}"
        )

    def _held(self, head: str, what: str) -> SourceHeld:
        return SourceHeld(
            f"{self.url}: {what}",
            commit=head,
            hint=f"if that is intended, accept it with `gitops-orch accept {head[:12]}`",
        )

    def _is_ancestor(self, older: str, newer: str) -> bool:
        if not (self.has(older) and self.has(newer)):
            return False  # the mirror has the branch's whole history, so a commit that is missing is not part of it
        return self._mirror.run("merge-base", "--is-ancestor", older, newer).ok

    def _list(self, commit: str) -> bytes:
        treeish = f"{commit}:{self._path}" if self._path else commit
        listed = self._mirror.run("ls-tree", "-r", "-l", "-z", "--full-tree", treeish)
        if listed.ok:
            return listed.stdout
        if not self.has(commit):
            raise self._unknown(commit)
        raise SourceError(
            f"commit {commit[:12]} has no directory {self._path}",
            hint="correct repository.path, or restore the directory; nothing is touched meanwhile",
        )

    def _log(self, form: str, since: str, head: str, *paths: str) -> str:
        check_commit(since)
        check_commit(head)
        arguments = (
            f"--max-count={WORDS_MAX}",
            "--no-show-signature",
            "--encoding=UTF-8",
            f"--format={form}",
        )
        return self._healed(
            lambda: self._mirror.must("log", *arguments, head, f"^{since}", "--", *paths).text
        )

    @property
    def _pushed_ref(self) -> str:
        if not self._branch.startswith("refs/"):
            return f"refs/heads/{self._branch}"
        if self._branch.startswith("refs/heads/"):
            return self._branch
        raise SourceError(
            f"{self.url}: {self._branch} is no branch, so nothing can be pushed to it",
            hint="follow a branch",
        )

    def _healed(self, ask: Callable[[], _Answer]) -> _Answer:
        try:
            return ask()
        except MirrorDamaged:
            with self._mirror.exclusive():
                remote = self._ask_remote()
                rebuilt = self._mirror.rebuild(
                    lambda git: self._fetch_ref(remote, git, -1),
                    "sha256" if len(remote.object_id) == 64 else "sha1",  # noqa: PLR2004
                )
            if not rebuilt:
                raise
            self._blobs.close()
            return ask()

    def _repository_path(self, path: str) -> str:
        below = check_path(path)
        return f"{self._path}/{below}".strip("/")

    def _unknown(self, commit: str) -> SourceError:
        return SourceError(
            f"the commit {printable(commit)} is not in the mirror of {self.url}",
            hint="check the id, and that the commit is on the branch",
        )


def _remote_refs(text: str) -> Mapping[str, str]:
    pairs = (line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    return {ref: object_id for object_id, ref in pairs if _OBJECT.fullmatch(object_id)}

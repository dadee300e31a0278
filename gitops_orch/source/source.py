"""Defines `Source`: the head of a branch, the files of a commit, and reverts that are pushed on top of the head.

Nothing in a repository is ever executed or checked out: files are blobs of a commit in a bare mirror.
"""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from gitops_orch.clock import Clock
from gitops_orch.errors import SourceError, SourceHeld
from gitops_orch.model.tree import Tree, TreeFile
from gitops_orch.source.access import (
    SourceSettings,
    check_path,
    config_text,
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
    printable,
)
from gitops_orch.source.links import with_links
from gitops_orch.source.listing import NOTHING_KNOWN, parse_listing
from gitops_orch.source.mirror import KEEP, Mirror
from gitops_orch.source.outside import hosts_outside
from gitops_orch.source.reading import TreeReader
from gitops_orch.source.remote import Remote, RemoteHead
from gitops_orch.source.revert import AUTHOR, Revert, commit_revert

WORDS_MAX = 1000  # the maximum number of commits whose messages are read

_ABBREVIATION = re.compile(r"[0-9a-f]{4,64}")
_Answer = TypeVar("_Answer")


class Source:
    """One branch of one repository, read through a mirror. Safe to use from several threads."""

    def __init__(self, settings: SourceSettings, mirror_dir: Path, clock: Clock) -> None:
        """Check the settings; SettingsError describes what is wrong. Nothing is opened yet."""
        self._allow_force_push = settings.allow_force_push
        self._clock = clock
        self._remote = Remote(settings, mirror_dir.with_name(f"{mirror_dir.name}.gitconfig").absolute())
        self._path = check_path(settings.path)
        self._mirror = Mirror(
            mirror_dir.absolute(),
            config=config_text(self._remote.access, mirror_dir.absolute()),
            environment=self._remote.environment(),
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
        return self._remote.url

    def fetch(self, *, last_commit: str | None, accepted: frozenset[str] = frozenset()) -> str:
        """Return the head of the branch; fetch it if it is new.

        SourceUnavailable if the remote does not answer. SourceHeld if the head does not descend from `last_commit`,
        and neither the settings nor `accepted` allow that.
        """
        if last_commit is not None:
            check_commit(last_commit)
        with self._mirror.exclusive() as lock_fd:
            remote = self._remote.head(self._mirror)
            head = self._healed(lambda: self._bring(remote, lock_fd))
            if not (last_commit in {None, head} or self._allow_force_push or head in accepted):
                what = f"the tag {self._remote.branch}" if remote.is_tag else self._remote.branch
                reason = self._healed(
                    lambda: _why_not_forward(self._mirror, what, str(last_commit), head, is_tag=remote.is_tag)
                )
                if reason:
                    raise self._held(head, reason)
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
            name=self._remote.access.name,
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
        return self._mirror.has(commit)

    def resolve(self, ref: str) -> str:
        """Return the full id of a commit, given its id, a unique prefix of it, or the fetched branch."""
        if ref in ("HEAD", self._remote.branch):
            named = self._remote.local_ref
        elif _ABBREVIATION.fullmatch(ref):
            named = ref
        else:
            raise SourceError(
                f'"{printable(ref)}" is neither a commit id nor the branch {self._remote.branch}',
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
        with self._mirror.exclusive() as lock_fd:
            self._remote.push(created, head, self._mirror, lock_fd=lock_fd)
            self._mirror.must("update-ref", self._remote.local_ref, created)

    def close(self) -> None:
        """End the git process that reads blobs; the source can be used again afterwards."""
        self._blobs.close()

    def _bring(self, remote: RemoteHead, lock_fd: int) -> str:
        self._mirror.use_object_format(len(remote.object_id))
        known = self._mirror.run("rev-parse", "--verify", "--quiet", self._remote.local_ref)
        if known.text != remote.object_id:
            self._remote.fetch(remote, self._mirror, lock_fd=lock_fd)
            self._mirror.tidy()
        head = self._mirror.run("rev-parse", "--verify", "--quiet", f"{self._remote.local_ref}^{{commit}}")
        if not head.ok:
            raise self._mirror.damage(f"the commit of {remote.ref} is not in it")
        return check_commit(head.text)

    def _held(self, head: str, reason: str) -> SourceHeld:
        return SourceHeld(
            f"{self.url}: {reason}",
            commit=head,
            hint=f"if that is intended, accept it with `gitops-orch accept {head[:12]}`",
        )

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

    def _healed(self, ask: Callable[[], _Answer]) -> _Answer:
        try:
            return ask()
        except MirrorDamaged:
            with self._mirror.exclusive():
                remote = self._remote.head(self._mirror)
                rebuilt = self._mirror.rebuild(
                    lambda git: self._remote.fetch(remote, self._mirror, into=git),
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


def _why_not_forward(mirror: Mirror, what: str, before: str, after: str, *, is_tag: bool) -> str:
    """Return why a branch or tag that had one commit and has another one did not move forward; "" if it did."""
    if is_tag:
        return f"{what} was moved from {before[:12]} to {after[:12]}"
    if mirror.is_ancestor(before, after):
        return ""
    if mirror.is_ancestor(after, before):
        return f"{what} was set back from {before[:12]} to its ancestor {after[:12]}"
    return f"{what} was rewritten: {after[:12]} does not descend from {before[:12]}"

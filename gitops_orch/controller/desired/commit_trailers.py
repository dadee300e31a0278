"""Reads the directives of a commit: its trailers, and whether an operator accepted it."""

from dataclasses import dataclass

from gitops_orch.controller.observe.host_identity import Permission
from gitops_orch.errors import SourceError
from gitops_orch.history.history import History
from gitops_orch.source.source import Source

ALLOW_PRUNE, RELEASE_HOST = "allow-prune", "let-go"  # trailers of a commit


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitDirectives:
    """The directives of a commit: from its trailers, and from an operator."""

    allowed_prunes: frozenset[str]
    permission: Permission


def read_directives(source: Source, history: History, commit: str) -> CommitDirectives:
    """Return the directives of a commit; without trailers if the commit cannot be read."""
    try:
        trailers = source.commit_info(commit).trailers
    except SourceError:
        trailers = ()
    named = {
        word: frozenset(value.strip() for key, value in trailers if key.casefold() == word)
        for word in (ALLOW_PRUNE, RELEASE_HOST)
    }
    permission = Permission(commit=commit, named=named[RELEASE_HOST], accepted=commit in history.accepted())
    return CommitDirectives(allowed_prunes=named[ALLOW_PRUNE], permission=permission)

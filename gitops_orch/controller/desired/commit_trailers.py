"""What a person said of a commit: its trailers, and whether an operator let it through."""

from dataclasses import dataclass

from gitops_orch.controller.observe.host_identity import Permission
from gitops_orch.errors import SourceError
from gitops_orch.history.history import History
from gitops_orch.source.source import Source

ALLOW_PRUNE, RELEASE_HOST = "allow-prune", "let-go"  # trailers of a commit


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitDirectives:
    """What a commit's trailers, and an operator, say about it."""

    allowed_prunes: frozenset[str]
    permission: Permission


def read_directives(source: Source, history: History, commit: str) -> CommitDirectives:
    """Return what is said of a commit; of one that cannot be read, its trailers say nothing."""
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

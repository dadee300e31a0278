"""What a person said of a commit: its trailers, and whether an operator let it through."""

from dataclasses import dataclass

from gitops_orch.controller.inventory import Permission
from gitops_orch.errors import SourceError
from gitops_orch.history.history import History
from gitops_orch.source.source import Source

ALLOW_PRUNE, LET_GO = "allow-prune", "let-go"  # trailers of a commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a commit's trailers, and an operator, say about it."""

    allowed_prunes: frozenset[str]
    permission: Permission


def what_was_said(source: Source, history: History, commit: str) -> Said:
    """Return what is said of a commit; of one that cannot be read, its trailers say nothing."""
    try:
        trailers = source.commit_info(commit).trailers
    except SourceError:
        trailers = ()
    named = {
        word: frozenset(value.strip() for key, value in trailers if key.casefold() == word)
        for word in (ALLOW_PRUNE, LET_GO)
    }
    permission = Permission(commit=commit, named=named[LET_GO], accepted=commit in history.accepted())
    return Said(allowed_prunes=named[ALLOW_PRUNE], permission=permission)

"""Reads the directives of a commit: its trailers, and whether an operator accepted it."""

from collections.abc import Iterable
from dataclasses import dataclass

from gitops_orch.controller.observe.host_identity import Permission

ALLOW_PRUNE, RELEASE_HOST = "allow-prune", "let-go"  # trailers of a commit


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitDirectives:
    """The directives of a commit: from its trailers, and from an operator."""

    allowed_prunes: frozenset[str]
    permission: Permission


def parse_directives(commit: str, trailers: Iterable[tuple[str, str]], *, accepted: bool) -> CommitDirectives:
    """Return the directives of a commit with these trailers."""
    rows = tuple(trailers)
    named = {
        word: frozenset(value.strip() for key, value in rows if key.casefold() == word)
        for word in (ALLOW_PRUNE, RELEASE_HOST)
    }
    permission = Permission(commit=commit, named=named[RELEASE_HOST], accepted=accepted)
    return CommitDirectives(allowed_prunes=named[ALLOW_PRUNE], permission=permission)

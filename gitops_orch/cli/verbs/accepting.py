"""Checks the argument of `accept`: only a commit can be accepted that a refusal, a hold or an error asks to accept."""

import re
from collections.abc import Iterator

from gitops_orch.errors import GitopsOrchError
from gitops_orch.model.status import Status

_ASKS = re.compile(r"gitops-orch accept ([0-9a-f]{7,64})")
_PREFIX_MIN = 4


def require_held(status: Status, commit: str) -> None:
    """Raise an error that lists the held commits, unless `commit` is one of them.

    A commit is held exactly if a sentence of the status asks for `gitops-orch accept COMMIT`.
    """
    held = dict.fromkeys(found for text in _sentences(status) for found in _ASKS.findall(text))
    if any(_is_same(commit.strip().casefold(), each) for each in held):
        return
    hint = f"held is {', '.join(held)}" if held else "nothing is held"
    raise GitopsOrchError(f"commit {commit} is not held", hint=hint)


def _is_same(given: str, held: str) -> bool:
    return len(given) >= _PREFIX_MIN and (given.startswith(held) or held.startswith(given))


def _sentences(status: Status) -> Iterator[str]:
    yield status.error
    yield from (refusal.message for refusal in status.plan.refusals)
    yield from (hold.reason for hold in status.plan.holds)
    yield from (host.reason for host in status.hosts)

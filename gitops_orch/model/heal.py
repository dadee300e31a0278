"""Records of past heals: which field of which slot was healed, and how often."""

from dataclasses import dataclass

from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import State
from gitops_orch.model.plan.action import Change

# The paths of changes that heal something else than a declared field.
HEALTH, STATE, PAUSE = "health", "state", "state paused"
NAMESPACE = "namespace"  # a namespace was lost
WHOLE_CONTAINER = "container"  # a container is created again because it is missing


def path_of(changes: tuple[Change, ...]) -> str:
    """Return the path by which heals are counted; a paused container has another path than one that ended."""
    if not changes:
        return WHOLE_CONTAINER
    first = changes[0]
    return PAUSE if first.path == STATE and first.before == State.PAUSED.value else first.path


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class HealedField:
    """Identifies a healed field of one slot; `path` is the path of its change, such as `networks`."""

    app: AppKey
    service: str
    slot: int
    host: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealRecord:
    """How often a field was healed; `ages_s` are the seconds since each heal, the oldest first."""

    spec_hash: str
    release: str  # the app's digest at the last heal
    ages_s: tuple[float, ...]

"""Records of past heals: which field of which slot was healed, and how often."""

from dataclasses import dataclass

from gitops_orch.model.app import AppKey


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

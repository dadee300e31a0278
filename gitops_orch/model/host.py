"""Docker hosts and the fleet-wide rules, as the configuration repository declares them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from gitops_orch.model.app import Prune
from gitops_orch.model.problem import Position

SIMULATED_SCHEME = "sim"  # of the URL of a host that is simulated in memory


class EngineKind(Enum):
    """The kind of Engine at a host's URL."""

    DOCKER = "docker"
    SWARM = "swarm"


class Availability(Enum):
    """What the planner may do with a host: use it, place nothing new on it, or move everything away from it."""

    ACTIVE = "active"
    PAUSE = "pause"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Paths of PEM files on the controller's machine."""

    ca: str | None = None  # None: the system's certificate authorities
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One `kind: Host` document."""

    name: str
    url: str  # unix:// | tcp:// | ssh:// | sim://
    labels: Mapping[str, str] = field(default_factory=dict)
    engine: EngineKind = EngineKind.DOCKER
    insecure: bool = False  # tcp without TLS is an error unless this is true
    tls: Tls | None = None
    availability: Availability = Availability.ACTIVE
    data_root: str = "/srv/gitops-orch"
    position: Position | None = None  # None: the implicit host `local`


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneBudget:
    """How many running containers one plan may remove."""

    removals_max_percent: float = 30.0
    removals_min: int = 10  # a fleet with fewer containers than this is exempt
    allow_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The `kind: Fleet` document, or the defaults where there is none."""

    name: str = "default"
    variables: Mapping[str, str] = field(default_factory=dict)
    prune: PruneBudget = field(default_factory=PruneBudget)
    declared: frozenset[str] = frozenset()  # the keys of spec that the document has, empty ones included
    prune_default: Prune = Prune.AUTO  # spec.defaults.prune: for apps that are no longer in Git to declare it

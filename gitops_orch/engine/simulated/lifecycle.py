"""Advances a simulated container in time: it exits, restarts, becomes healthy or unhealthy.

Times are in seconds since the Unix epoch. The rules are those of an Engine. The restart backoff grows from 100 ms to
one minute, and is reset after a container ran for ten seconds. A container that was stopped on request stays stopped;
the policy `always` starts it again only with its daemon. Health is checked while a container runs, and is unhealthy
once the check has stopped.
"""

from dataclasses import dataclass, field

from gitops_orch.engine.observe.visible_fields import Visible
from gitops_orch.engine.simulated.images import ImageBehaviour
from gitops_orch.model.observed import EndedBy, Health, ObservedMount, Ownership, State

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 60.0
BACKOFF_RESET_S = 10.0
KILLED = 137
TERMINATED = 0


@dataclass(slots=True, kw_only=True)
class SimulatedContainer:
    """The complete state of a container on a simulated host; mutable, and owned by its world."""

    id: str
    name: str
    image: str
    image_id: str
    behaviour: ImageBehaviour
    created_at: float
    labels: dict[str, str] = field(default_factory=dict)
    owner: Ownership | None = None  # from the labels, parsed once, because labels never change
    networks: dict[str, tuple[str, ...]] = field(default_factory=dict)  # name -> aliases
    # By network: the addresses that it requests.
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # By network: the addresses of its last run.
    held: dict[str, tuple[str, ...]] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    anonymous: dict[str, str] = field(default_factory=dict)  # path -> volume
    mounts: tuple[ObservedMount, ...] = ()
    binds: tuple[str, ...] = ()
    ports: tuple[tuple[str, int, str], ...] = ()
    restart_policy: str = "no"
    limits: dict[str, int] = field(default_factory=dict)
    environment: tuple[str, ...] = ()
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    user: str = ""
    grace_s: float = 10.0  # the time to end by itself before it is killed
    joins: str | None = None  # the container whose network namespace it shares
    joins_too: tuple[str, ...] = ()  # containers whose IPC or PID namespace it shares
    volumes_from: tuple[str, ...] = ()  # containers whose volumes it mounts
    healthcheck: bool = False
    visible: Visible = ()  # the values of its create request by Compose key, which never change
    state: State = State.CREATED
    health: Health = Health.NONE
    started_at: float | None = None
    finished_at: float | None = None
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    signals: tuple[str, ...] = ()  # signals sent to it, in order
    commands: tuple[str, ...] = ()  # commands run in it, in order
    restart_count: int = 0
    exit_count: int = 0  # how often it exited by itself, for images that fail only at first
    backoff_s: float = 0.0
    stopped_by_hand: bool = False
    ended_by: EndedBy = EndedBy.UNKNOWN
    exits_at: float | None = None
    turns_healthy_at: float | None = None
    turns_unhealthy_at: float | None = None
    restarts_at: float | None = None

    @property
    def up(self) -> bool:
        """Return whether the container holds its ports and networks."""
        return self.state in {State.RUNNING, State.PAUSED, State.RESTARTING}

    @property
    def next_at(self) -> float | None:
        """Return the time of the container's next change by itself, or None."""
        if self.state not in {State.RUNNING, State.RESTARTING}:
            return None
        times = (self.exits_at, self.turns_healthy_at, self.turns_unhealthy_at, self.restarts_at)
        return min((at for at in times if at is not None), default=None)


def begin(container: SimulatedContainer, now: float) -> None:
    """Start a container: from now on, its image defines what happens."""
    behaviour = container.behaviour
    container.state = State.RUNNING
    container.ended_by = EndedBy.UNKNOWN
    container.started_at = now
    container.error = ""
    container.oom_killed = False
    container.restarts_at = None
    exits = behaviour.exits_max is None or container.exit_count < behaviour.exits_max
    container.exits_at = _after(now, behaviour.exits_after_s) if exits else None
    container.health = Health.STARTING if container.healthcheck else Health.NONE
    container.turns_healthy_at = _after(now, behaviour.healthy_after_s) if container.healthcheck else None
    container.turns_unhealthy_at = _after(now, behaviour.unhealthy_after_s) if container.healthcheck else None


def end(
    container: SimulatedContainer,
    now: float,
    *,
    exit_code: int,
    oom_killed: bool = False,
    ended_by: EndedBy = EndedBy.ITSELF,
) -> None:
    """Record that the container's process has ended; it stays stopped until `begin` is called."""
    container.state = State.EXITED
    container.ended_by = ended_by
    container.finished_at = now
    container.exit_code = exit_code
    container.oom_killed = oom_killed
    container.exits_at = container.turns_healthy_at = container.turns_unhealthy_at = None
    container.restarts_at = None
    if container.healthcheck:
        container.health = Health.UNHEALTHY


def pass_time(container: SimulatedContainer) -> str:
    """Apply the container's next change and return the Engine's word for it; `next_at` must not be None."""
    at = container.next_at
    assert at is not None  # noqa: S101  # the world passes only containers with a next change
    if at == container.restarts_at:
        begin(container, at)
        return "start"
    if at == container.exits_at:
        _exit(container, at)
        return "die"
    if at == container.turns_healthy_at:
        container.health, container.turns_healthy_at = Health.HEALTHY, None
        return "health_status: healthy"
    container.health, container.turns_unhealthy_at = Health.UNHEALTHY, None
    return "health_status: unhealthy"


def returns_with_daemon(container: SimulatedContainer) -> bool:
    """Return whether a starting daemon starts the container again."""
    if container.started_at is None or container.state is not State.EXITED:
        return False
    policy = container.restart_policy
    if policy == "unless-stopped":
        return not container.stopped_by_hand
    return policy == "always" or (policy.startswith("on-failure") and container.exit_code != 0)


def _exit(container: SimulatedContainer, now: float) -> None:
    behaviour = container.behaviour
    ran_s = now - (container.started_at or now)
    container.exit_count += 1
    end(container, now, exit_code=behaviour.exit_code, oom_killed=behaviour.oom_killed)
    if not _restarts(container):
        return
    doubled_s = min(BACKOFF_MAX_S, container.backoff_s * 2)
    container.backoff_s = (
        BACKOFF_FIRST_S if ran_s >= BACKOFF_RESET_S or not container.backoff_s else doubled_s
    )
    container.state = State.RESTARTING
    container.restart_count += 1
    container.restarts_at = now + container.backoff_s


def _restarts(container: SimulatedContainer) -> bool:
    policy, _, times_max = container.restart_policy.partition(":")
    if policy == "on-failure":
        return container.exit_code != 0 and (not times_max or container.restart_count < int(times_max))
    return policy in {"always", "unless-stopped"}


def _after(now: float, seconds: float | None) -> float | None:
    return None if seconds is None else now + seconds

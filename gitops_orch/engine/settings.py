"""What holds for every Engine that a controller talks to."""

from dataclasses import dataclass

PULL_DEADLINE_S = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What holds for every host of a controller."""

    instance: str = "default"
    deadline_s: float = 30.0  # of every call; a stop has its grace period on top
    pull_deadline_s: float = PULL_DEADLINE_S
    pool_size: int = 8  # requests to one host at a time
    registries: str | None = None  # path of a file in the form of Docker's config.json
    credential_helpers: str | None = None  # directory of the docker-credential-* programs that it may name
    cache_inspections: bool = False  # only where `watch` follows the host's events and forgets what changed
    ssh_config: str | None = None  # path of an ssh_config(5) for ssh:// hosts; None: the user's own

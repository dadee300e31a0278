"""Settings that apply to every Engine that a controller talks to."""

from dataclasses import dataclass

PULL_DEADLINE_S = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Settings that apply to every host of a controller."""

    instance: str = "default"
    deadline_s: float = 30.0  # of every call; a stop may also take its grace period
    pull_deadline_s: float = PULL_DEADLINE_S
    pool_size: int = 8  # concurrent requests to one host
    registries: str | None = None  # path of a file in the form of Docker's config.json
    # Directory of the docker-credential-* programs that the file in `registries` may name.
    credential_helpers: str | None = None
    cache_inspections: bool = False  # only if `watch` follows the host's events and drops what changed
    ssh_config: str | None = None  # path of an ssh_config(5) for ssh:// hosts; None: the user's own

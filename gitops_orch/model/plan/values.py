"""What a new container is created from, how it joins a network, and the gate that it must pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops_orch.model.app import App, Readiness, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerIntent:
    """Everything that the payload of a new container is built from, except the host."""

    app: App
    service: Service
    slot: int
    name: str
    commit: str
    spec_hash: str
    salt: str
    image: str  # the reference to create by; a digest or an image id where the tag was moved
    image_digest: str  # the image id that the name was built with; "" where the image was not on the host yet
    # 7 hex digits, derived from the containers that were in the slot before; "" where there were none
    generation: str = ""
    inherit_volumes_from: str | None = None  # id of the replaced container whose anonymous volumes are reused
    # target -> the path or volume of the host that had the data before gitops-orch created the container
    kept_mounts: Mapping[str, str] = field(default_factory=dict)
    # service -> container on the same host whose namespace it shares
    peers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """The network endpoint with which this slot of the service is created; a container is attached with it."""

    app: App
    service: Service
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a new container must pass before its predecessor is removed."""

    monitor_s: float
    deadline_s: float
    completes: bool = False  # a job: it must exit with 0 instead of staying up
    readiness: Readiness | None = None  # the readiness check that it must pass, too
    restarts_max: int = 5  # how often its restart policy may restart it
    is_new: bool = False  # it is started right before the gate: its restarts count from 0
    # The container is older than the release: if it is unhealthy, that is trouble and not the release's fault.
    is_existing: bool = False
    # Its work is done: it stays finished, even if its Engine no longer knows its exit code.
    is_finished_job: bool = False
    is_retry: bool = False  # it failed before and stayed up: the gate checks whether it is healthy now
    # Restarts count only after these steps of the plan have ended: the steps of its dependencies.
    counts_after: tuple[str, ...] = ()

"""The kinds of actions: the table of what holds of each kind, and the payloads with the values that an action needs.

A payload decides the kind. Two payloads can have one kind where the public word is the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias

from gitops_orch.model.app import FileMount, Network, Volume
from gitops_orch.model.host_files import FilesWork
from gitops_orch.model.job import Hook
from gitops_orch.model.observed import HeldPort
from gitops_orch.model.plan.values import ContainerIntent, Gate, Joining


class Kind(StrEnum):
    """The kind of an action; the values are part of the contract of `plan -o json`."""

    PULL = "pull"
    CREATE_NETWORK = "create_network"
    CREATE_VOLUME = "create_volume"
    PUT_FILES = "put_files"
    CREATE = "create"
    START = "start"
    WAIT_HEALTHY = "wait_healthy"
    STOP = "stop"
    REMOVE = "remove"
    RENAME = "rename"
    UPDATE = "update"
    RESTART = "restart"
    UNPAUSE = "unpause"
    CONNECT_NETWORK = "connect_network"
    DISCONNECT_NETWORK = "disconnect_network"
    EXEC = "exec"
    RUN_JOB = "run_job"
    REMOVE_NETWORK = "remove_network"
    REMOVE_VOLUME = "remove_volume"  # only a volume whose data Git allows to remove
    # Of a Swarm service: the contract of `plan -o json` reserves these three, and no plan has them yet.
    CREATE_SERVICE = "create_service"
    UPDATE_SERVICE = "update_service"
    REMOVE_SERVICE = "remove_service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What holds of every action of a kind."""

    sign: str = " "  # in the text of a plan: "+" adds something, "-" stops or removes something, "~" changes something
    on_container: bool = False  # its target is a container
    prepares: bool = False  # it brings what a container needs, and changes none that runs
    starts: bool = False  # a container runs after it that did not run before
    stops: bool = False  # a container that ran does not run after it, or not without a break
    frees: bool = False  # ports, addresses and data of its container are free after it
    frees_name: bool = False  # the name of its container is free after it
    takes_away: bool = False  # it only removes something or makes room; nothing is served by it sooner
    brings_up: bool = False  # it starts its container, or waits until it is healthy
    heals: bool = False  # it can repair drift of a container that stays
    lasts: bool = False  # it may last long: as a pull, a gate or a command does
    uses_grace: bool = False  # it lasts as long as a grace period or a command
    reads_files: bool = False  # it writes files of a bind on its host, or a container reads them from then on


KINDS: Mapping[Kind, Traits] = {
    Kind.PULL: Traits(prepares=True, lasts=True),
    Kind.CREATE_NETWORK: Traits(sign="+", prepares=True),
    Kind.CREATE_VOLUME: Traits(sign="+", prepares=True),
    Kind.PUT_FILES: Traits(sign="+", prepares=True, reads_files=True),
    Kind.CREATE: Traits(sign="+", prepares=True, reads_files=True),
    Kind.START: Traits(on_container=True, starts=True, heals=True, brings_up=True),
    Kind.WAIT_HEALTHY: Traits(on_container=True, lasts=True, brings_up=True),
    Kind.STOP: Traits(sign="-", on_container=True, stops=True, frees=True, uses_grace=True, takes_away=True),
    Kind.REMOVE: Traits(sign="-", on_container=True, frees=True, frees_name=True, takes_away=True),
    Kind.RENAME: Traits(sign="~", on_container=True, frees_name=True, heals=True, takes_away=True),
    Kind.UPDATE: Traits(sign="~", on_container=True, heals=True),
    Kind.RESTART: Traits(sign="~", on_container=True, stops=True, heals=True, uses_grace=True),
    Kind.UNPAUSE: Traits(on_container=True, heals=True),
    Kind.CONNECT_NETWORK: Traits(sign="~", on_container=True, heals=True),
    Kind.DISCONNECT_NETWORK: Traits(sign="~", on_container=True, heals=True),
    Kind.EXEC: Traits(on_container=True, lasts=True, uses_grace=True),
    Kind.RUN_JOB: Traits(on_container=True, starts=True, lasts=True, reads_files=True, brings_up=True),
    Kind.REMOVE_NETWORK: Traits(sign="-", takes_away=True),
    Kind.REMOVE_VOLUME: Traits(sign="-"),
    Kind.CREATE_SERVICE: Traits(sign="+"),
    Kind.UPDATE_SERVICE: Traits(sign="~"),
    Kind.REMOVE_SERVICE: Traits(sign="-"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """Pull an image; `platform` "" lets the Engine choose.

    `local_suffices`: an image of that platform on the host is enough.
    """

    kind: ClassVar[Kind] = Kind.PULL
    image: str
    platform: str = ""
    local_suffices: bool = False


@dataclass(frozen=True, slots=True)
class CreateNetwork:
    """Create a network."""

    kind: ClassVar[Kind] = Kind.CREATE_NETWORK
    network: Network


@dataclass(frozen=True, slots=True)
class CreateVolume:
    """Create a volume."""

    kind: ClassVar[Kind] = Kind.CREATE_VOLUME
    volume: Volume


@dataclass(frozen=True, slots=True)
class RecordFiles:
    """Record that live files are on the host and were signalled. The record is an empty volume."""

    kind: ClassVar[Kind] = Kind.CREATE_VOLUME
    files: FileMount


@dataclass(frozen=True, slots=True, kw_only=True)
class PutFiles:
    """Write files with a carrier of this image; `work` where the files of a bind mount follow Git."""

    kind: ClassVar[Kind] = Kind.PUT_FILES
    files: FileMount
    image: str
    work: FilesWork | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Create a container."""

    kind: ClassVar[Kind] = Kind.CREATE
    container: ContainerIntent


@dataclass(frozen=True, slots=True)
class Start:
    """Start a container."""

    kind: ClassVar[Kind] = Kind.START


@dataclass(frozen=True, slots=True)
class WaitHealthy:
    """Wait until a container has passed its gate."""

    kind: ClassVar[Kind] = Kind.WAIT_HEALTHY
    gate: Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Stop a container, which has `grace_s` seconds to end by itself.

    The `ports` are those that its successor needs and that it does not have itself. With the successor's `image`, the
    Engine checks first that they are free.
    """

    kind: ClassVar[Kind] = Kind.STOP
    grace_s: float = 0.0
    ports: tuple[HeldPort, ...] = ()
    image: str = ""


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a container that does not run."""

    kind: ClassVar[Kind] = Kind.REMOVE


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a container another name."""

    kind: ClassVar[Kind] = Kind.RENAME
    new_name: str


@dataclass(frozen=True, slots=True)
class Update:
    """Change settings of a container in place; `fields` are those of the Engine's ContainerUpdate."""

    kind: ClassVar[Kind] = Kind.UPDATE
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Stop a container, which has `grace_s` seconds to end by itself, and start it again."""

    kind: ClassVar[Kind] = Kind.RESTART
    grace_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Unpause:
    """Let a paused container continue."""

    kind: ClassVar[Kind] = Kind.UNPAUSE


@dataclass(frozen=True, slots=True)
class ConnectNetwork:
    """Attach a container to a network, given by name."""

    kind: ClassVar[Kind] = Kind.CONNECT_NETWORK
    network: str
    joining: Joining


@dataclass(frozen=True, slots=True)
class DisconnectNetwork:
    """Detach a container from a network, given by name."""

    kind: ClassVar[Kind] = Kind.DISCONNECT_NETWORK
    network: str


@dataclass(frozen=True, slots=True)
class Exec:
    """Run a hook's command in a container; the gate sets its deadline."""

    kind: ClassVar[Kind] = Kind.EXEC
    hook: Hook
    gate: Gate


@dataclass(frozen=True, slots=True)
class Signal:
    """Send a signal to a container, because its files changed."""

    kind: ClassVar[Kind] = Kind.EXEC
    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob:
    """Start a container and wait until it has ended with success; `hook` where it is the container of a `pre_start`."""

    kind: ClassVar[Kind] = Kind.RUN_JOB
    gate: Gate
    hook: Hook | None = None


@dataclass(frozen=True, slots=True)
class RemoveNetwork:
    """Remove a network that no container is on."""

    kind: ClassVar[Kind] = Kind.REMOVE_NETWORK


@dataclass(frozen=True, slots=True)
class RemoveVolume:
    """Remove a volume with its data."""

    kind: ClassVar[Kind] = Kind.REMOVE_VOLUME


Payload: TypeAlias = (
    Pull
    | CreateNetwork
    | CreateVolume
    | RecordFiles
    | PutFiles
    | Create
    | Start
    | WaitHealthy
    | Stop
    | Remove
    | Rename
    | Update
    | Restart
    | Unpause
    | ConnectNetwork
    | DisconnectNetwork
    | Exec
    | Signal
    | RunJob
    | RemoveNetwork
    | RemoveVolume
)

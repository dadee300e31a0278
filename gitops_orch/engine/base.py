"""What the rest of the house may ask of a Docker host, and what it can rely on.

Two implementations keep this promise, held to it by one contract suite: `docker_host` (a real Engine) and `simulated`.

Promises, for every method:
- Errors are those of `gitops_orch.errors` and name the host; no foreign exception passes.
- `HostUnreachable` means that the outcome is unknown: the request may have been carried out.
- Every call ends within the deadline that the implementation was built with; `read_files` and `change_files` make a
  request for each file, and each of these does.
- "Already so" is success: stopping a stopped container, removing an absent one, creating what is there under the same
  name with the same labels, connecting a connected network.
- Nothing is removed but what the caller names by id, or by a name that was listed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gitops_orch.model.app import AppKey, FileMount, Network, Readiness, Volume
from gitops_orch.model.host_files import FilesQuery, FilesWork, HostFiles
from gitops_orch.model.observed import HeldPort, ObservedContainer, ObservedHost, ProbeResult
from gitops_orch.model.plan import ContainerIntent, Joining

Progress = Callable[[str], None] | None  # is given each line that a pull reports


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledImage:
    """What a pull brought: the image's id, and its repository digests (empty for an image built on the host)."""

    id: str
    digests: tuple[str, ...] = ()


TIMED_OUT_CODE = 124  # as `timeout(1)` has it


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSettings:
    """As whom and where a command runs in a container, and how long it may take."""

    user: str = ""  # "": the container's
    privileged: bool = False
    working_dir: str = ""  # "": the container's
    environment: tuple[str, ...] = ()  # NAME=value, beside the container's own
    deadline_s: float | None = None  # None: that of every other call


PLAIN_EXEC = ExecSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """How a command in a container ended, and the last of what it printed.

    One that has not ended within its deadline runs on: no Engine can end it.  Its code is TIMED_OUT_CODE.
    """

    exit_code: int
    output: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEvent:
    """Something that happened on a host, in the Engine's words (`container`, `die`)."""

    host: str
    kind: str  # container | network | volume | daemon ...
    action: str  # die, destroy, update, rename, health_status: healthy ...
    id: str
    at: datetime
    attributes: Mapping[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """One Docker host."""

    name: str

    def observe(self) -> ObservedHost:
        """List all containers, networks, volumes and images; containers of our instance come with their details."""
        ...

    def inspect(self, container: str) -> ObservedContainer:
        """Return one container by id or name, with details; NotFound where there is none."""
        ...

    def pull(
        self, image: str, *, platform: str = "", local_suffices: bool = False, progress: Progress = None
    ) -> PulledImage:
        """Bring the image to the host, for a platform if one is named; ImageUnavailable where it cannot be had.

        With `local_suffices`, no registry is asked where the host has the image for that platform.
        """
        ...

    def registry_digest(self, image: str) -> str:
        """Return the digest (`sha256:...`) that the reference names in its registry now; nothing is pulled."""
        ...

    def create_network(self, app: AppKey, network: Network) -> None:
        """Create the app's network with our labels."""
        ...

    def create_volume(self, app: AppKey, volume: Volume) -> None:
        """Create the app's volume with our labels."""
        ...

    def put_files(self, app: AppKey, files: FileMount, *, image: str) -> str:
        """Make the content-addressed volume of a file set, or a data directory that is not there yet.

        Returns what is to be noted: that the owner of a file is not known to the image, so that it is root's; else "".

        A live file set is changed in place, and what is no longer in it is removed; what recorded its former content
        goes first, so that a change which was cut short is seen.  `image` is one that is on the host; a container of it that is never started carries the files.
        """
        ...

    def read_files(self, queries: Sequence[FilesQuery], *, image: str) -> tuple[HostFiles, ...]:
        """Return what the host has of binds that follow Git, in the order of the queries; it changes nothing.

        Nothing is read through a symbolic link.  `image` is one that is on the host.
        """
        ...

    def change_files(self, app: AppKey, files: FileMount, work: FilesWork, *, image: str) -> tuple[str, ...]:
        """Write and remove files of a bind that follows Git, and record what was written.

        A file that is not as `work` expects it is left alone; the names of these are returned.  One that is already as
        wanted counts as written.  Cut short anywhere, each file is still known for ours.  Nothing is written outside of
        the bind, wherever symbolic links in it lead.
        """
        ...

    def create(self, intent: ContainerIntent) -> str:
        """Create a container and return its id; Conflict where the name is taken by one that we did not make so."""
        ...

    def start(self, container: str) -> None:
        """Start it."""
        ...

    def stop(self, container: str) -> None:
        """Stop it, killing it after the grace period that it was made with (`stop_grace_period`)."""
        ...

    def remove(self, container: str) -> None:
        """Remove it, running or not; its named volumes stay, and so do its anonymous ones."""
        ...

    def rename(self, container: str, name: str) -> None:
        """Give it another name."""
        ...

    def update(self, container: str, fields: Mapping[str, object]) -> None:
        """Change limits or the restart policy in place; the fields are those of the Engine's ContainerUpdate."""
        ...

    def restart(self, container: str) -> None:
        """Stop it, in the time that it was made with, and start it again."""
        ...

    def unpause(self, container: str) -> None:
        """Let a paused container go on."""
        ...

    def connect_network(self, container: str, network: str, joining: Joining) -> None:
        """Attach it to a network by name, with the names, addresses and options that it would be created with."""
        ...

    def disconnect_network(self, container: str, network: str) -> None:
        """Detach it from a network by name."""
        ...

    def check_ports(self, app: AppKey, image: str, ports: tuple[HeldPort, ...]) -> None:
        """Raise EngineError, which names the port, unless the host can give all of them to a container now.

        `image` is one that is on the host; nothing of it is run.
        """
        ...

    def run_exec(
        self, container: str, command: tuple[str, ...], settings: ExecSettings = PLAIN_EXEC
    ) -> ExecResult:
        """Run a command in it and wait for its end, within the deadline; Conflict where the container does not run.

        One that is not there, or may not be run, ends with 127 or 126.
        """
        ...

    def probe(self, container: str, readiness: Readiness) -> ProbeResult:
        """Ask it whether it can serve: within the probe's timeout, and a container that cannot be asked is not ready."""
        ...

    def signal(self, container: str, name: str) -> None:
        """Send a signal to its first process; one that does not run has nothing to be told."""
        ...

    def record_live(self, app: AppKey, files: FileMount) -> None:
        """Record that a live file set holds this content and that its containers know."""
        ...

    def remove_network(self, network: str) -> None:
        """Remove a network of ours; Conflict while a container uses it."""
        ...

    def remove_volume(self, volume: str) -> None:
        """Remove a file set's volume; the caller sees to it that it holds nothing that was not in Git."""
        ...

    def remove_image(self, image: str) -> None:
        """Remove an image that no container uses; Conflict where one does."""
        ...

    def logs(
        self, container: str, *, tail: int, since: datetime | None = None, timestamps: bool = False
    ) -> str:
        """Return the last lines that it printed, of both streams, each after its time if that is asked for."""
        ...

    def events(self) -> Iterator[EngineEvent]:
        """Yield events as they happen, until the connection ends or `close` is called."""
        ...

    def close(self) -> None:
        """End all connections; calls under way fail with HostUnreachable."""
        ...

"""Defines `Engine`: the requests that other packages may send to a Docker host, and what each request guarantees.

There are two implementations: `docker` (a real Engine) and `simulated`. The same contract tests check both.

Every method guarantees:
- Its errors are types of `gitops_orch.errors` and name the host; no other exception leaves the method.
- `HostUnreachable` means that the outcome is unknown: the host may have executed the request.
- Every call ends within the deadline that the implementation was created with. `read_files` and `change_files` send
  one request for each file, and the deadline holds for each request.
- A call succeeds if its result is already there: stopping a stopped container, removing an absent one, creating an
  object that exists under the same name with the same labels, connecting a connected network.
- It removes only objects that the caller names, by id or by a name that was listed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gitops_orch.model.app import AppKey, FileMount, Network, Readiness, Volume
from gitops_orch.model.host_files import FilesQuery, FilesWork, HostFiles
from gitops_orch.model.observed import AnyContainer, HeldPort, ObservedHost, ProbeResult
from gitops_orch.model.plan.values import ContainerIntent, Joining

Progress = Callable[[str], None] | None  # called with each line that a pull reports


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledImage:
    """The image that a pull downloaded: its id, and its repository digests (empty for an image built on the host)."""

    id: str
    digests: tuple[str, ...] = ()


TIMED_OUT_CODE = 124  # the exit code that `timeout(1)` uses


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSettings:
    """The user, directory and environment of a command in a container, and how long the command may take."""

    user: str = ""  # "": the container's user
    privileged: bool = False
    working_dir: str = ""  # "": the container's directory
    environment: tuple[str, ...] = ()  # NAME=value, in addition to the container's variables
    deadline_s: float | None = None  # None: the same deadline as every other call


PLAIN_EXEC = ExecSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """The exit code of a command in a container, and the last part of its output.

    A command that exceeds its deadline keeps running, because no Engine can end it. Its code is TIMED_OUT_CODE.
    """

    exit_code: int
    output: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineEvent:
    """One event of a host. Kind and action are the Engine's words (`container`, `die`)."""

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
        """List all containers, networks, volumes and images; containers of our instance include their details."""
        ...

    def inspect(self, container: str) -> AnyContainer:
        """Return one container by id or name, with details; NotFound if it does not exist."""
        ...

    def pull(
        self, image: str, *, platform: str = "", local_suffices: bool = False, progress: Progress = None
    ) -> PulledImage:
        """Pull the image to the host, for `platform` if it is given; ImageUnavailable if no registry provides it.

        With `local_suffices`, no registry is asked if the host already has the image for that platform.
        """
        ...

    def registry_digest(self, image: str) -> str:
        """Return the digest (`sha256:...`) that the registry now has for this reference; nothing is pulled."""
        ...

    def create_network(self, app: AppKey, network: Network) -> None:
        """Create the app's network with our labels."""
        ...

    def create_volume(self, app: AppKey, volume: Volume) -> None:
        """Create the app's volume with our labels."""
        ...

    def put_files(self, app: AppKey, files: FileMount, *, image: str) -> str:
        """Create the content-addressed volume of a file set, or a data directory that does not exist yet.

        Return a note for people, or "": the image does not know the owner of a file, so the file belongs to root.

        A live file set is changed in place, and files that are no longer in it are removed. The record of its former
        content is removed first, so that an interrupted change is noticed. `image` must be on the host: a carrier
        created from it, which is never started, transfers the files.
        """
        ...

    def read_files(self, queries: Sequence[FilesQuery], *, image: str) -> tuple[HostFiles, ...]:
        """Return the files that the host has in binds that follow Git, in the order of the queries; change nothing.

        No symbolic link is followed. `image` must be on the host.
        """
        ...

    def change_files(self, app: AppKey, files: FileMount, work: FilesWork, *, image: str) -> tuple[str, ...]:
        """Write and remove files of a bind that follows Git, and record the files that were written.

        A file that differs from what `work` expects is left alone; return the names of these files. A file that
        already has the wanted content counts as written. If the call is interrupted at any point, every file that we
        wrote is still recognised as ours. Nothing is written outside the bind, wherever symbolic links in it lead.
        """
        ...

    def create(self, intent: ContainerIntent) -> str:
        """Create a container and return its id; Conflict if the name belongs to any but the intended container."""
        ...

    def start(self, container: str) -> None:
        """Start the container."""
        ...

    def stop(self, container: str) -> None:
        """Stop the container; kill it after the grace period that it was created with (`stop_grace_period`)."""
        ...

    def remove(self, container: str) -> None:
        """Remove the container, running or not; its named and anonymous volumes stay."""
        ...

    def rename(self, container: str, name: str) -> None:
        """Rename the container."""
        ...

    def update(self, container: str, fields: Mapping[str, object]) -> None:
        """Change limits or the restart policy in place; `fields` are fields of the Engine's ContainerUpdate."""
        ...

    def restart(self, container: str) -> None:
        """Stop the container, with the grace period that it was created with, and start it again."""
        ...

    def unpause(self, container: str) -> None:
        """Resume a paused container."""
        ...

    def connect_network(self, container: str, network: str, joining: Joining) -> None:
        """Attach the container to a network by name, with the aliases, addresses and options of a create."""
        ...

    def disconnect_network(self, container: str, network: str) -> None:
        """Detach the container from a network by name."""
        ...

    def check_ports(self, app: AppKey, image: str, ports: tuple[HeldPort, ...]) -> None:
        """Raise EngineError, which names the port, unless a container could bind all these ports on the host now.

        `image` must be on the host; nothing of it is run.
        """
        ...

    def run_exec(
        self, container: str, command: tuple[str, ...], settings: ExecSettings = PLAIN_EXEC
    ) -> ExecResult:
        """Run a command in the container and wait for its end, within the deadline; Conflict if it is not running.

        A command that does not exist has exit code 127; one that may not be executed has 126.
        """
        ...

    def probe(self, container: str, readiness: Readiness) -> ProbeResult:
        """Return whether the container is ready, within the probe's timeout; an unreachable container is not ready."""
        ...

    def signal(self, container: str, name: str) -> None:
        """Send a signal to the container's first process; do nothing if the container is not running."""
        ...

    def record_live(self, app: AppKey, files: FileMount) -> None:
        """Record that a live file set has this content and that its containers were notified of it."""
        ...

    def remove_network(self, network: str) -> None:
        """Remove one of our networks; Conflict while a container uses it."""
        ...

    def remove_volume(self, volume: str) -> None:
        """Remove a file set's volume; the caller must ensure that all its content came from Git."""
        ...

    def remove_image(self, image: str) -> None:
        """Remove an image that no container uses; Conflict if a container uses it."""
        ...

    def logs(
        self, container: str, *, tail: int, since: datetime | None = None, timestamps: bool = False
    ) -> str:
        """Return the last `tail` lines of both output streams; with `timestamps`, each line begins with its time."""
        ...

    def events(self) -> Iterator[EngineEvent]:
        """Yield events when they happen, until the connection ends or `close` is called."""
        ...

    def close(self) -> None:
        """End all connections; running calls fail with HostUnreachable."""
        ...

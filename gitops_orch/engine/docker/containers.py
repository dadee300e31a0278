"""Creates, starts, stops, changes and removes the containers of a Docker host."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from gitops_orch.clock import Clock
from gitops_orch.engine import labels
from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.docker.idempotent import ensure
from gitops_orch.engine.docker.shared_namespaces import SharedContainers
from gitops_orch.engine.files.archive import link_archive
from gitops_orch.engine.observe import parse
from gitops_orch.engine.observe.observe_host import HostObserver
from gitops_orch.engine.payload.container import ContainerPayload, container_payload
from gitops_orch.engine.payload.network import Endpoint, endpoint_of
from gitops_orch.engine.payload.target import PayloadTarget
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.errors import Conflict, EngineError, HostUnreachable, NotFound
from gitops_orch.model.observed import State, owner_of
from gitops_orch.model.plan.values import ContainerIntent, Joining

REMOVAL_POLL_S = 0.1
BUSY_WORDS = ("device or resource busy", "is already in progress", "unable to remove filesystem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """The containers of one Docker host. Safe to use from many threads."""

    wire: Wire
    settings: EngineSettings
    clock: Clock
    observer: HostObserver
    shared: SharedContainers
    target: Callable[[], PayloadTarget]
    # An Engine chooses a port of a range, or an ephemeral one, without reserving it: two starts may get the same.
    _port_lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def create(self, intent: ContainerIntent) -> str:
        """Create a container with all its networks and return its id."""
        with self.wire.bounded(f"create of {intent.name}"):
            target = replace(
                self.target(), peers=self.shared.peers(intent), inherited=self.shared.inherited(intent)
            )
            wanted = labels.container_labels(self.settings.instance, intent)
            payload = container_payload(intent, target, wanted)
            created = self._create_or_find(intent, payload)
            for network, endpoint in payload.connections:
                self._attach(created, network, endpoint)
            if payload.links:
                links = link_archive(payload.links)
                self.wire.call(
                    f"links in {intent.name}", lambda client: client.upload(created, links, path="/")
                )
            return created

    def _create_or_find(self, intent: ContainerIntent, payload: ContainerPayload) -> str:
        what = f"create of {intent.name}"
        platform = payload.platform or None
        try:
            created = self.wire.call(
                what,
                lambda client: client.create_container_from_config(payload.body, intent.name, platform),
            )
        except Conflict:
            found = self.observer.inspect(intent.name)
            if found.name == intent.name and labels.is_intended(owner_of(found), intent):
                return found.id
            raise
        return str(created["Id"])

    def start(self, container: str) -> None:
        """Start the container; containers for which the Engine chooses a port are started one at a time."""
        what = f"start of {container}"
        with self.wire.bounded(what):
            turn = self._port_turn(what) if self._chooses_ports(container) else contextlib.nullcontext()
            with turn:
                self.wire.call(what, lambda client: client.start(container))

    @contextlib.contextmanager
    def _port_turn(self, what: str) -> Iterator[None]:
        if not self._port_lock.acquire(timeout=self.settings.deadline_s):
            raise HostUnreachable(f"{self.wire.host}: {what}: another start has not ended in time")
        try:
            yield
        finally:
            self._port_lock.release()

    def _chooses_ports(self, container: str) -> bool:
        row = self.wire.read(f"inspect of {container}", lambda client: client.inspect_container(container))
        bindings = (row.get("HostConfig") or {}).get("PortBindings") or {}
        ports = [str(binding.get("HostPort") or "") for rows in bindings.values() for binding in rows or []]
        return any(not port.isdigit() for port in ports)

    def stop(self, container: str) -> None:
        """Stop the container; the call may take the deadline plus the container's grace period."""
        self._in_its_time("stop", container)

    def restart(self, container: str) -> None:
        """Restart the container; the call may take the deadline plus the container's grace period."""
        self._in_its_time("restart", container)

    def _in_its_time(self, verb: str, container: str) -> None:
        """Send no `t`, so that the Engine uses the grace period of the container's creation; wait as long as that."""
        ends_at = self.clock.monotonic_s() + self.settings.deadline_s
        row = self.wire.read(f"inspect of {container}", lambda client: client.inspect_container(container))
        self.wire.call(
            f"{verb} of {container}",
            lambda client: client.post_body(f"/containers/{{0}}/{verb}", container, body={}),
            deadline_s=max(0.001, ends_at - self.clock.monotonic_s()) + parse.grace_s(row),
        )

    def remove(self, container: str) -> None:
        """Remove the container, running or not, and keep its volumes; wait if a removal is already in progress."""
        ends_at = self.clock.monotonic_s() + self.settings.deadline_s
        while True:
            try:
                self.wire.call(
                    f"removal of {container}",
                    lambda client: client.remove_container(container, v=False, force=True),
                )
            except NotFound:
                return
            except EngineError as error:
                if not _passes(error) or self.clock.monotonic_s() > ends_at:
                    raise
                self.clock.sleep(REMOVAL_POLL_S)
            else:
                return

    def rename(self, container: str, name: str) -> None:
        """Rename the container; it may have the name already."""
        ensure(
            self.wire,
            f"rename of {container} to {name}",
            lambda client: client.rename(container, name),
            already=lambda: self.observer.inspect(container).name == name,
        )

    def update(self, container: str, fields: Mapping[str, object]) -> None:
        """Change limits or the restart policy in place; retry while the container is just ending."""
        with self.wire.bounded(f"update of {container}"):
            for last in (False, False, False, False, True):
                if self._updated(container, fields, last=last):
                    break
        self.observer.forget(container)

    def _updated(self, container: str, fields: Mapping[str, object], *, last: bool) -> bool:
        try:
            self.wire.call(
                f"update of {container}",
                lambda client: client.post_body("/containers/{0}/update", container, body=fields),
            )
        except EngineError as error:
            if last or "Cannot update container" not in str(error):  # its runtime no longer knows it
                raise
            self.clock.sleep(REMOVAL_POLL_S)
            return False
        return True

    def unpause(self, container: str) -> None:
        """Resume the container; do nothing if it is not paused."""
        ensure(
            self.wire,
            f"unpause of {container}",
            lambda client: client.unpause(container),
            already=lambda: self.observer.inspect(container).state is not State.PAUSED,
        )

    def signal(self, container: str, name: str) -> None:
        """Send a signal to the container's first process; do nothing if the container is not running."""
        ensure(
            self.wire,
            f"{name} to {container}",
            lambda client: client.kill(container, name),
            already=lambda: self.observer.inspect(container).state not in {State.RUNNING, State.PAUSED},
        )

    def connect_network(self, container: str, network: str, joining: Joining) -> None:
        """Attach the container to a network by name, as a create would; it may be attached already."""
        self._attach(container, network, endpoint_of(joining, network, self.target()))

    def _attach(self, container: str, network: str, endpoint: Endpoint) -> None:
        body = {"Container": container, "EndpointConfig": endpoint}
        ensure(
            self.wire,
            f"connection of {container} to network {network}",
            lambda client: client.post_body("/networks/{0}/connect", network, body=body),
            already=lambda: network in self.observer.inspect(container).networks,
        )

    def disconnect_network(self, container: str, network: str) -> None:
        """Detach the container from a network by name; it may be detached already."""
        body = {"Container": container, "Force": False}
        ensure(
            self.wire,
            f"disconnection of {container} from network {network}",
            lambda client: client.post_body("/networks/{0}/disconnect", network, body=body),
            already=lambda: network not in self.observer.inspect(container).networks,
        )


def _passes(error: EngineError) -> bool:
    """Return whether a retry of a failed removal can succeed: it is in progress, or a mount is still busy."""
    return not isinstance(error, HostUnreachable) and any(word in str(error) for word in BUSY_WORDS)

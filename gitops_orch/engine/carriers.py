"""Carriers: containers that are created, never started, and lend their mounts to a file transfer.

An Engine reads and writes archives through the mounts of such a container.  It needs no shell and works for every image.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gitops_orch.engine import labels
from gitops_orch.engine.wire import Wire
from gitops_orch.errors import Conflict, NotFound
from gitops_orch.model.app import AppKey

CARRIER_SUFFIX = ".carrier"
ENTRYPOINT = "/never-started"


class Carriers:
    """Makes and removes the carriers of one host."""

    def __init__(self, wire: Wire, instance: str) -> None:
        self._wire = wire
        self._instance = instance
        self._lock = threading.Lock()
        self._swept = False

    @contextmanager
    def carrier(self, app: AppKey, name: str, mount: dict[str, object], image: str) -> Iterator[str]:
        """Give the id of a new carrier, and remove it in the end."""
        made = self._create(app, name, mount, image)
        try:
            yield made
        finally:
            self._remove(made)

    def _create(self, app: AppKey, name: str, mount: dict[str, object], image: str) -> str:
        """Create a container that is never started; one of the same name is a crash's, and goes first."""
        published = mount.get("PortBindings")
        body = {
            "Image": image,
            "ExposedPorts": {key: {} for key in published} if isinstance(published, dict) else {},
            "Entrypoint": [ENTRYPOINT],
            "Labels": labels.carrier_labels(self._instance, app),
            "NetworkDisabled": "NetworkMode" not in mount,
            "HostConfig": {"NetworkMode": "none", **mount},
        }
        carrier = f"{name}{CARRIER_SUFFIX}"
        what = f"create of carrier {carrier}"
        try:
            made = self._wire.call(what, lambda client: client.create_container_from_config(body, carrier))
        except Conflict:
            if not self._is_carrier(carrier):
                raise
            self._remove(carrier)
            made = self._wire.call(what, lambda client: client.create_container_from_config(body, carrier))
        return str(made["Id"])

    def _remove(self, carrier: str) -> None:
        """Remove a carrier with the anonymous volumes that its image gave it; it never ran, so they hold no data."""
        try:
            self._wire.call(
                f"removal of carrier {carrier}",
                lambda client: client.remove_container(carrier, v=True, force=True),
            )
        except NotFound:
            return

    def release(self, volume: str) -> None:
        """Remove the carriers that still mount a volume."""
        self._remove_all({"volume": [volume]})

    def sweep_once(self) -> None:
        """Before the first transfer, remove the carriers of a predecessor that was killed."""
        with self._lock:
            if not self._swept:
                self._remove_all({})
                self._swept = True

    def _remove_all(self, filters: dict[str, list[str]]) -> None:
        ours = [f"{labels.CARRIER}=true", f"{labels.INSTANCE}={self._instance}"]
        rows = self._wire.read(
            "list of carriers",
            lambda client: client.containers(all=True, filters={"label": ours, **filters}),
        )
        for row in rows:
            if self._is_carrier(str(row["Id"])):
                self._remove(str(row["Id"]))

    def _is_carrier(self, container: str) -> bool:
        """Tell whether a container is a carrier by what it is: any image can bring the label."""
        try:
            row = self._wire.read(
                f"inspect of {container}", lambda client: client.inspect_container(container)
            )
        except NotFound:
            return True
        with self._wire.understood(f"inspect of {container}"):
            never_started = row["State"]["Status"] == "created" and row["Path"] == ENTRYPOINT
            return never_started and str(row["Name"]).endswith(CARRIER_SUFFIX)

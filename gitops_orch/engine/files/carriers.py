"""Creates and removes carriers: containers that are never started and only provide their mounts for a file transfer.

An Engine reads and writes archives through the mounts of a carrier. This needs no shell and works with every image.

Note [Carriers of other processes]
Several processes may use carriers of one Engine at the same time, for example a `plan` while the service runs.
Therefore each carrier has a unique name. A carrier that a killed process left behind is recognised only by its age, by
the Engine's clock.
"""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gitops_orch.engine import labels
from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.errors import NotFound
from gitops_orch.model.app import AppKey

CARRIER_SUFFIX = ".carrier"
ENTRYPOINT = "/never-started"
AGE_MAX_S = 900.0  # no transfer takes that long


class Carriers:
    """Creates and removes the carriers of one host."""

    def __init__(self, wire: Wire, instance: str) -> None:
        self._wire = wire
        self._instance = instance
        self._lock = threading.Lock()
        self._swept_s: float | None = None

    @contextmanager
    def carrier(self, app: AppKey, name: str, mount: dict[str, object], image: str) -> Iterator[str]:
        """Yield the id of a new carrier, and remove it at the end; `name` is the prefix of the carrier's name."""
        created = self._create(app, name, mount, image)
        try:
            self._sweep(created)
            yield created
        finally:
            self._remove(created)

    def _create(self, app: AppKey, name: str, mount: dict[str, object], image: str) -> str:
        """Create a container that is never started."""
        published = mount.get("PortBindings")
        body = {
            "Image": image,
            "ExposedPorts": {key: {} for key in published} if isinstance(published, dict) else {},
            "Entrypoint": [ENTRYPOINT],
            "Labels": labels.carrier_labels(self._instance, app),
            "NetworkDisabled": "NetworkMode" not in mount,
            "HostConfig": {"NetworkMode": "none", **mount},
        }
        carrier = f"{name}_{secrets.token_hex(6)}{CARRIER_SUFFIX}"
        created = self._wire.call(
            f"create of carrier {carrier}",
            lambda client: client.create_container_from_config(body, carrier),
        )
        return str(created["Id"])

    def _remove(self, carrier: str) -> None:
        """Remove a carrier and the anonymous volumes of its image; it never ran, so they have no data."""
        try:
            self._wire.call(
                f"removal of carrier {carrier}",
                lambda client: client.remove_container(carrier, v=True, force=True),
            )
        except NotFound:
            return

    def release(self, volume: str) -> None:
        """Remove the carriers that still mount a volume."""
        for row in self._listed({"volume": [volume]}):
            self._remove_carrier(str(row["Id"]))

    def _sweep(self, created: str) -> None:
        """Remove carriers of killed processes, once in AGE_MAX_S: those that are AGE_MAX_S older than the new one."""
        now_s = time.monotonic()
        with self._lock:
            if self._swept_s is not None and now_s - self._swept_s < AGE_MAX_S:
                return
            self._swept_s = now_s
        rows = self._listed({})
        with self._wire.understood("list of carriers"):
            created_s = {str(row["Id"]): float(row["Created"]) for row in rows}
            newest_s = created_s.pop(created, 0.0)
            left = [each for each, born_s in created_s.items() if newest_s - born_s > AGE_MAX_S]
        for each in left:
            self._remove_carrier(each)

    def _listed(self, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
        ours = [f"{labels.CARRIER}=true", f"{labels.INSTANCE}={self._instance}"]
        rows: list[dict[str, Any]] = self._wire.read(
            "list of carriers",
            lambda client: client.containers(all=True, filters={"label": ours, **filters}),
        )
        return rows

    def _remove_carrier(self, container: str) -> None:
        if self._is_carrier(container):
            self._remove(container)

    def _is_carrier(self, container: str) -> bool:
        """Return whether a container is a carrier by its state, command and name: any image can bring the label."""
        try:
            row = self._wire.read(
                f"inspect of {container}", lambda client: client.inspect_container(container)
            )
        except NotFound:
            return True
        with self._wire.understood(f"inspect of {container}"):
            never_started = row["State"]["Status"] == "created" and row["Path"] == ENTRYPOINT
            return never_started and str(row["Name"]).endswith(CARRIER_SUFFIX)

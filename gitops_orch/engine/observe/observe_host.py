"""Observes a host: requests all its listings at once, and inspects our containers."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from gitops_orch.clock import Clock
from gitops_orch.engine import labels
from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.connection.raw_client import RawClient
from gitops_orch.engine.observe import parse
from gitops_orch.engine.observe.container_identity import without_copies
from gitops_orch.engine.observe.exit_cause import inspect_with_ending
from gitops_orch.engine.observe.image_labels import ImageLabels
from gitops_orch.engine.observe.inspection_cache import Inspection, InspectionCache
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.errors import HostUnreachable, NotFound
from gitops_orch.model.observed import (
    AnyContainer,
    ForeignContainer,
    ObservedContainer,
    ObservedHost,
    OwnedContainer,
    State,
    by_ownership,
)

ROOT_DIR = "/var/lib/docker"


class HostObserver:
    """Observes one host. Safe to use from many threads."""

    def __init__(self, wire: Wire, settings: EngineSettings, clock: Clock) -> None:
        self._wire = wire
        self._settings = settings
        self._clock = clock
        self._workers = ThreadPoolExecutor(settings.pool_size, thread_name_prefix=f"observe-{wire.host}")
        self._cache = InspectionCache(enabled=settings.cache_inspections)
        self._root_dir: str | None = None
        self._images = ImageLabels(wire)

    def observe(self) -> ObservedHost:
        """Return the host's state; fail if one listing fails, because a missing list would look like an empty one."""
        ends_at = time.monotonic() + self._settings.deadline_s
        observed_at = self._clock.now()
        info = self._ask("info", lambda client: client.info(), ends_at)
        containers = self._ask("list of containers", lambda client: client.containers(all=True), ends_at)
        networks = self._ask("list of networks", lambda client: client.networks(), ends_at)
        volumes = self._ask("list of volumes", lambda client: client.volumes(), ends_at)
        images = self._ask("list of images", lambda client: client.images(), ends_at)
        with self._wire.understood("the listings"):
            about = info.result()
            root_dir = self._root_dir = str(about.get("DockerRootDir") or ROOT_DIR)
            instance = self._settings.instance
            owned, foreign = by_ownership(
                self._containers(containers.result(), images.result(), root_dir, ends_at)
            )
            return ObservedHost(
                name=self._wire.host,
                observed_at=observed_at,
                engine_version=str(about.get("ServerVersion") or ""),
                api_version=self._wire.api_version,
                engine_id=self._engine_id(about),
                root_dir=root_dir,
                creates_overlays=bool((about.get("Swarm") or {}).get("ControlAvailable")),
                owned=owned,
                foreign=foreign,
                networks=tuple(parse.listed_network(row, instance) for row in networks.result()),
                volumes=parse.listed_volumes(volumes.result().get("Volumes") or (), instance),
                images=tuple(parse.listed_image(row) for row in images.result()),
            )

    def _engine_id(self, about: Mapping[str, Any]) -> str:
        """Return the Engine's id; "" for Podman, which answers with a new id each time."""
        return "" if self._wire.is_podman else str(about.get("ID") or "")

    def _ask(self, what: str, ask: Callable[[Any], Any], ends_at: float) -> Future[Any]:
        """Send a request from a thread of the pool; `ends_at` also bounds the time that it waits for a thread."""
        try:
            return self._workers.submit(lambda: self._wire.read(what, ask, ends_at=ends_at))
        except RuntimeError as error:  # an executor raises this, and no other type, once it is closed
            raise HostUnreachable(f"{self._wire.host}: {what}: the connection was closed by us") from error

    def _containers(
        self, rows: list[Any], images: list[Any], root_dir: str, ends_at: float
    ) -> tuple[AnyContainer, ...]:
        """Return the listed containers by name, ours with details; without carriers, which only transfer files."""
        of_images = self._images.labels(rows, images, ends_at)
        instance = self._settings.instance
        listed = without_copies(
            parse.listed_container(
                row, self._wire.host, instance, root_dir, of_images[str(row.get("ImageID") or "")]
            )
            for row in rows
        )
        listed = tuple(row for row in listed if labels.CARRIER not in row.labels)
        statuses = {str(row["Id"]): _lasting(str(row.get("Status") or "")) for row in rows}
        # A foreign container that restarts has no port now and will take it again: only an inspection shows which one.
        inspected = [
            row for row in listed if isinstance(row, OwnedContainer) or row.state is State.RESTARTING
        ]
        listed_by_id = {row.id: _listed_state(row, statuses[row.id]) for row in inspected}
        inspections = self._inspections(listed_by_id, ends_at)
        return tuple(
            _with_details(row, inspections.get(row.id))
            for row in sorted(listed, key=lambda row: (row.name, row.id))
            if isinstance(row, ForeignContainer)
            or row.id in inspections  # else it was removed after the listing
        )

    def _inspections(
        self, listed_by_id: Mapping[str, tuple[object, ...]], ends_at: float
    ) -> dict[str, Inspection]:
        with self._cache.observation() as (known, found):
            stale = [
                id_
                for id_, listed in listed_by_id.items()
                if id_ not in known or known[id_].listed_as != listed
            ]
            futures = {id_: self._inspect(id_, ends_at) for id_ in stale}
            fresh = {
                id_: _inspection(row, listed_by_id[id_])
                for id_, future in futures.items()
                if (row := _if_present(future)) is not None
            }
            found.update({id_: known[id_] for id_ in listed_by_id if id_ not in futures})
            # A container that changed after the listing is shown in its new state, and inspected again the next time.
            found.update({id_: seen for id_, seen in fresh.items() if seen.state in seen.listed_as})
            return {**found, **fresh}

    def _inspect(self, id_: str, ends_at: float) -> Future[Any]:
        return self._ask(f"inspect of {id_}", partial(self._inspected, container=id_), ends_at)

    def _inspected(self, client: RawClient, container: str) -> Mapping[str, Any]:
        return inspect_with_ending(client, container, self._settings.instance)

    def inspect(self, container: str) -> AnyContainer:
        """Return one container with details; NotFound if it does not exist."""
        row = self._wire.read(f"inspect of {container}", partial(self._inspected, container=container))
        with self._wire.understood(f"inspect of {container}"):
            of_image = self._images.labels_of(
                str(row.get("Image") or ""), (row.get("Config") or {}).get("Labels")
            )
            return parse.inspected_container(
                row, self._wire.host, self._settings.instance, self.root_dir(), of_image
            )

    def root_dir(self) -> str:
        """Return the Engine's data directory on the host; requested once, since only a new Engine changes it."""
        if self._root_dir is None:
            about = self._wire.read("info", lambda client: client.info())
            with self._wire.understood("info"):
                self._root_dir = str(about.get("DockerRootDir") or ROOT_DIR)
        return self._root_dir

    def forget(self, container: str) -> None:
        """Drop the cached inspection of a container, by id."""
        self._cache.forget(container)

    def forget_all(self) -> None:
        """Drop all cached inspections."""
        self._cache.forget_all()

    def close(self) -> None:
        """Accept no more requests."""
        self._workers.shutdown(wait=False, cancel_futures=True)


def _inspection(row: Mapping[str, Any], listed: tuple[object, ...]) -> Inspection:
    return Inspection(
        listed_as=listed,
        image=str((row.get("Config") or {}).get("Image") or ""),
        state=parse.inspected_state(row),
        health=parse.inspected_health(row),
        details=parse.details(row),
    )


def _if_present(future: Future[Any]) -> Mapping[str, Any] | None:
    """Return an inspection; None if the container was removed after the listing."""
    try:
        row: Mapping[str, Any] = future.result()
    except NotFound:
        return None
    return row


def _listed_state(row: ObservedContainer, status: str) -> tuple[object, ...]:
    return (row.name, row.state, row.health, status, row.image_id, row.networks, row.volumes, row.ports)


def _lasting(status: str) -> str:
    """Return the part of a listing's status that does not change with time: `Exited (3)` of `Exited (3) 2 hours ago`.

    Return "" for a running container (`Up 3 seconds`): events and the next inspection show a restart.
    """
    return status.split(")", maxsplit=1)[0] if status.startswith("Exited (") else ""


def _with_details(row: AnyContainer, inspection: Inspection | None) -> AnyContainer:
    if inspection is None:
        return row
    restarts = inspection.state is State.RESTARTING
    return replace(
        row,
        ports=row.ports or (inspection.details.ports if restarts and inspection.details else ()),
        image=inspection.image,
        state=inspection.state,
        health=inspection.health,
        details=inspection.details,
    )

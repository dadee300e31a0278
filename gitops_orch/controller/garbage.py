"""Removes what nothing needs any more: old images of our apps, and file sets that no service mounts.

It removes only objects that history or labels prove to be ours, and only after a run whose last plan was empty.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial

from gitops_orch.engine import labels
from gitops_orch.engine.base import Engine
from gitops_orch.errors import EngineError, HistoryError
from gitops_orch.history.history import History
from gitops_orch.logs import LOG
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import ObservedHost
from gitops_orch.planner.inputs.world import World

GARBAGE_FAILED = "garbage.internal_error"
GARBAGE_KEPT = "garbage.kept"
GARBAGE_REMOVED = "garbage.removed"


def collect_garbage(world: World, engines: Mapping[str, Engine], history: History, images_kept: int) -> None:
    """Remove garbage on every host that answered.

    If an Engine refuses a removal, the next collection tries it again.
    """
    wanted_sets = _wanted_file_sets(world)
    surplus = _surplus_images(world, history, images_kept)
    for name, host in world.observed.hosts.items():
        if isinstance(host, ObservedHost) and name in engines:
            try:
                _collect_files(host, engines[name], world, wanted_sets)
                _collect_images(host, engines[name], surplus.get(name, set()))
            except HistoryError:
                raise
            except Exception as error:  # noqa: BLE001 - a failed cleanup of one host must not end the run
                LOG.error(GARBAGE_FAILED, host=name, error=str(error), exc_info=error)


def _wanted_file_sets(world: World) -> frozenset[str]:
    return frozenset(
        files.digest
        for chosen in world.releases.targets
        for service in chosen.app.services
        for files in service.files
    )


def _collect_files(host: ObservedHost, engine: Engine, world: World, wanted: frozenset[str]) -> None:
    """Remove unused file sets.

    A volume that any container mounts stays, and so does a volume of an app that cannot be read.
    """
    mounted = {volume for container in host.containers for volume in container.volumes}
    settled = {chosen.app.key for chosen in world.releases.targets}
    kept_apps = {
        *world.desired.invalid_apps,
        *world.findings.retained_apps,
        *world.desired.former.foreign_apps,
    }
    for volume in host.volumes:
        carries = volume.files or labels.LIVE in volume.labels
        if volume.owner is None or not carries or volume.name in mounted or volume.files in wanted:
            continue
        if volume.owner in kept_apps or (volume.owner not in settled and world.desired.invalid_paths):
            continue
        _remove(host.name, "volume", volume.name, partial(engine.remove_volume, volume.name))


def _surplus_images(world: World, history: History, kept: int) -> Mapping[str, set[str]]:
    """Return, by host, ids of images that our apps once ran, except the newest `kept` images of each service."""
    surplus: dict[str, set[str]] = defaultdict(set)
    needed: dict[str, set[str]] = defaultdict(set)
    for chosen in world.releases.targets:
        for (host, _), ids in _images_by_service(chosen.app.key, history).items():
            needed[host].update(ids[:kept])
            surplus[host].update(ids[kept:])
    return {host: ids - needed[host] for host, ids in surplus.items()}


def _images_by_service(app: AppKey, history: History) -> Mapping[tuple[str, str], list[str]]:
    ids: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in sorted(history.images(app), key=lambda record: record.at, reverse=True):
        known = ids[(record.host, record.service)]
        if record.image_id not in known:
            known.append(record.image_id)
    return ids


def _collect_images(host: ObservedHost, engine: Engine, surplus: set[str]) -> None:
    used = {container.image_id for container in host.containers}
    there = {image.id for image in host.images}
    for image in sorted((surplus & there) - used):
        _remove(host.name, "image", image, partial(engine.remove_image, image))


def _remove(host: str, kind: str, name: str, remove: Callable[[], None]) -> None:
    try:
        remove()
    except EngineError as error:
        LOG.info(GARBAGE_KEPT, host=host, kind=kind, name=name, reason=str(error))
    else:
        LOG.info(GARBAGE_REMOVED, host=host, kind=kind, name=name)

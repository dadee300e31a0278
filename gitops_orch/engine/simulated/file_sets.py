"""Executes the requests about file sets on a world; the files have no owners."""

from gitops_orch.engine import labels
from gitops_orch.engine.simulated import requests
from gitops_orch.engine.simulated.settings import SimulatedSettings
from gitops_orch.engine.simulated.world import SimulatedHost
from gitops_orch.model.app import AppKey, FileMount
from gitops_orch.model.names import files_volume_name, live_record_name, live_volume_name


def put_files(world: SimulatedHost, settings: SimulatedSettings, app: AppKey, files: FileMount) -> None:
    """Create the volume of a file set, or a missing data directory, or change a live file set."""
    if files.writable_path is not None:
        world.directories.add(f"{settings.data_root}/{app.namespace}/{app.name}/{files.writable_path}")
    elif files.live is not None:
        _change_live(world, settings.instance, app, files, files.live)
    else:
        created = labels.files_labels(settings.instance, app, files.digest)
        name = files_volume_name(app.project, files.digest)
        requests.add_volume(world, name, driver="local", labels=created)


def _change_live(world: SimulatedHost, instance: str, app: AppKey, files: FileMount, live: str) -> None:
    if live_record_name(app.project, live, files.digest) in world.volumes:
        return
    forget_live(world, app, live)
    name = live_volume_name(app.project, live)
    requests.add_volume(world, name, driver="local", labels=labels.live_labels(instance, app, name))
    world.volumes[name].content = files.digest


def forget_live(world: SimulatedHost, app: AppKey, live: str) -> None:
    """Remove the records of a live file set's content."""
    name = live_volume_name(app.project, live)
    for each in [v for v in world.volumes.values() if v.labels.get(labels.LIVE) == name]:
        if each.name != name:
            requests.remove_volume(world, each.name)


def record_live(world: SimulatedHost, instance: str, app: AppKey, files: FileMount, live: str) -> None:
    """Record that a live file set has this content."""
    name = live_volume_name(app.project, live)
    created = {**labels.live_labels(instance, app, name), labels.FILES: files.digest}
    record = live_record_name(app.project, live, files.digest)
    requests.add_volume(world, record, driver="local", labels=created)

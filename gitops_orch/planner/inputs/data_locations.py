"""Lists the volumes and directories in which a service or a container writes data."""

import posixpath
from collections.abc import Mapping

from gitops_orch.model.app import App, Service
from gitops_orch.model.names import is_anonymous
from gitops_orch.model.observed import ObservedContainer
from gitops_orch.model.rules.data_mounts import holds_data, normal_target

NOTHING_KEPT: Mapping[str, str] = {}


def written_by(container: ObservedContainer) -> set[str]:
    """Return the volumes and paths in which a container can write data."""
    return {
        mount.source if mount.kind == "volume" else posixpath.normpath(mount.source)
        for mount in container.mounts
        if mount.writable and holds_data(mount.kind, mount.source) and not is_anonymous(mount.source)
    }


def written(app: App, service: Service, root: str = "", kept: Mapping[str, str] = NOTHING_KEPT) -> set[str]:
    """Return the volumes and paths in which a service's containers can write data.

    `root` is the host's data root. `kept` has sources by target: they replace what the file leaves open.
    """
    names = {volume.key: volume.name for volume in app.volumes}
    found: set[str] = set()
    volumes = service.compose.get("volumes")
    for entry in volumes if isinstance(volumes, (list, tuple)) else ():
        if isinstance(entry, Mapping) and not entry.get("read_only"):
            kind, source = str(entry.get("type", "")), str(entry.get("source") or "")
            source = kept.get(normal_target(str(entry.get("target", "")))) or names.get(source, source)
            found |= {source} if source and holds_data(kind, source) else set()
    for files in service.files:
        if files.writable_path is not None and (files.directory or not files.entries):
            path = f"{root}/{app.key.namespace}/{app.key.name}/{files.writable_path}"
            found.add(kept.get(normal_target(files.target), path))
    return {posixpath.normpath(source) if source.startswith("/") else source for source in found}

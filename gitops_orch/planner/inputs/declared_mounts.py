"""Lists what a file mounts at each target, and in which form the file declares it."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from gitops_orch.model.app import App, AppKey, Service
from gitops_orch.model.rules.data_mounts import holds_data, normal_target


class MountSource(Enum):
    """The form in which a file declares what is mounted at a target."""

    RELATIVE = "a relative path"  # below the app's data directory, whose path on the host is not in the file
    IMPLICIT = "a volume without a name"  # owned by the app; the project's name is its prefix
    NAMED = "a volume"
    PATH = "a path"
    ANONYMOUS = "an anonymous volume"
    GIT = "files from Git"
    OTHER = "another mount"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a file mounts at a target. `value` is as a person writes it; `data`: a container can leave data there."""

    source: MountSource
    value: str
    data: bool = False

    def is_at(self, app: AppKey, place: str) -> bool:
        """Return whether this is the given volume or path of a host; of a relative path, only the end is compared."""
        if self.source is MountSource.RELATIVE:
            return place.endswith(data_path(app, self.value))
        return self.value == place or (place.startswith("/") and posixpath.normpath(self.value) == place)


def data_path(app: AppKey, relative: str) -> str:
    """Return the end of the path that a relative bind of an app has on each host."""
    return f"/{app.namespace}/{app.name}/{relative.removeprefix('./')}"


def declared_mounts(app: App, service: Service) -> Mapping[str, Declared]:
    """Return what a service mounts, by normalised target."""
    found = {
        normal_target(str(entry.get("target", ""))): _entry(app, entry)
        for entry in _mappings(service, "volumes")
    }
    tmpfs = service.compose.get("tmpfs")
    for each in tmpfs if isinstance(tmpfs, (list, tuple)) else ():
        found[normal_target(str(each).partition(":")[0])] = Declared(MountSource.OTHER, "a tmpfs")
    for files in service.files:
        relative = files.writable_path is not None
        value = f"./{(files.writable_path or '').removeprefix('./')}" if relative else "files from Git"
        # a single file from Git can be written again
        data = relative and (files.directory or not files.entries)
        found[normal_target(files.target)] = Declared(
            MountSource.RELATIVE if relative else MountSource.GIT, value, data
        )
    return found


def _mappings(service: Service, key: str) -> Iterator[Mapping[str, object]]:
    entries = service.compose.get(key)
    for entry in entries if isinstance(entries, (list, tuple)) else ():
        if isinstance(entry, Mapping):
            yield entry


def _entry(app: App, entry: Mapping[str, object]) -> Declared:
    kind, source = str(entry.get("type", "")), str(entry.get("source") or "")
    data = not entry.get("read_only") and (holds_data(kind, source) or kind == "volume")
    if kind == "bind":
        return Declared(MountSource.PATH, source, data)
    if kind != "volume":
        return Declared(MountSource.OTHER, f"a {kind}")
    if not source:
        return Declared(MountSource.ANONYMOUS, "an anonymous volume", data)
    volume = next((each for each in app.volumes if each.key == source), None)
    if volume is None:
        return Declared(MountSource.NAMED, source, data)
    implicit = not volume.external and volume.name == f"{app.key.project}_{volume.key}"
    return Declared(MountSource.IMPLICIT if implicit else MountSource.NAMED, volume.name, data)

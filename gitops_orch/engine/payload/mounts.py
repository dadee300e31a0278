"""Builds an Engine's Binds and Mounts from volumes, binds, tmpfs and files from Git.

Both forms are used as Compose uses them, because an inspection shows the difference: a bind whose host path may be
created is a bind string, everything else is a mount.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops_orch.engine.payload.target import PayloadTarget
from gitops_orch.engine.payload.values import (
    Body,
    bodies,
    integer,
    mapping,
    present,
    size_bytes,
    strings,
    text,
    text_mapping,
)
from gitops_orch.model.app import App, AppKey, FileMount, Service, Volume
from gitops_orch.model.names import files_volume_name, live_volume_name
from gitops_orch.model.rules.data_mounts import normal_target

SINGLE_FILE = "content"  # the name of the file inside the volume of a file set of one file
# The directory in a container where live file sets of one file are mounted.
LIVE_DIRECTORY = "/run/gitops-orch"

Mount = dict[str, object]


@dataclass(slots=True)
class Mounts:
    """Mounts in the two forms that an Engine accepts."""

    binds: list[str] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)

    def fields(self) -> dict[str, object]:
        """Return the fields of HostConfig, sorted independently of the order in the file."""
        return present(
            {
                "Binds": sorted(self.binds),
                "Mounts": sorted(self.mounts, key=lambda mount: str(mount["Target"])),
            }
        )


def mount_fields(
    app: App, service: Service, target: PayloadTarget, kept: Mapping[str, str]
) -> dict[str, object]:
    """Return Binds, Mounts, Tmpfs and VolumesFrom; `kept` are retained sources by target, instead of the file's."""
    mounts = Mounts()
    inherited = {volume.target: volume for volume in target.inherited}
    for entry in bodies(service.compose.get("volumes")):
        anonymous = entry.get("type") == "volume" and not entry.get("source")
        former = inherited.get(text(entry.get("target"))) if anonymous else None
        if not anonymous:
            inherited.pop(text(entry.get("target")), None)
        if former is None:
            _add_entry(mounts, app, entry, target, kept.get(normal_target(text(entry.get("target"))), ""))
    for files in service.files:
        inherited.pop(files.target, None)
        _add_files(mounts, app, files, target, kept.get(normal_target(files.target), ""))
    mounts.mounts += [
        {"Type": "volume", "Source": former.name, "Target": former.target, "ReadOnly": former.read_only}
        for former in inherited.values()
    ]
    return {
        **mounts.fields(),
        **present(
            {
                "Tmpfs": _tmpfs(service.compose),
                "VolumesFrom": _volumes_from(service.compose, target),
            }
        ),
    }


def _add_entry(mounts: Mounts, app: App, entry: Body, target: PayloadTarget, kept: str) -> None:
    kind, source = text(entry.get("type")), text(entry.get("source"))
    if kept and kind == "volume":
        mounts.mounts.append(_mount(entry, kept, target))
        return
    volume = _app_volume(app, source) if kind == "volume" and source else None
    if kind == "bind" and mapping(entry.get("bind")).get("create_host_path"):
        mounts.binds.append(_bind_text(source, entry))
    elif volume is not None and _is_bind_in_disguise(volume):
        mounts.binds.append(_bind_text(volume.name, entry))
    else:
        mounts.mounts.append(_mount(entry, volume.name if volume else source, target))


def _app_volume(app: App, key: str) -> Volume | None:
    return next((volume for volume in app.volumes if volume.key == key), None)


def _is_bind_in_disguise(volume: Volume) -> bool:
    """Return whether a volume is a bind by its driver options; Compose mounts such a volume by a bind string."""
    options = mapping(volume.compose.get("driver_opts"))
    local = text(volume.compose.get("driver")) in {"", "local"}
    return local and text(options.get("o")) == "bind" and "device" in options


def _bind_text(source: str, entry: Body) -> str:
    bind, volume = mapping(entry.get("bind")), mapping(entry.get("volume"))
    options = [
        "ro" if entry.get("read_only") else "rw",
        text(bind.get("selinux")),
        text(bind.get("propagation")),
    ]
    if volume.get("nocopy"):
        options.append("nocopy")
    return f"{source}:{text(entry.get('target'))}:{','.join(option for option in options if option)}"


def _mount(entry: Body, source: str, target: PayloadTarget) -> Mount:
    fields = present(
        {
            "Type": text(entry.get("type")),
            "Source": source,
            "Target": text(entry.get("target")),
            "ReadOnly": bool(entry.get("read_only")),
            "Consistency": text(entry.get("consistency")),
            "BindOptions": _bind_options(mapping(entry.get("bind")), target),
            "TmpfsOptions": _tmpfs_options(mapping(entry.get("tmpfs"))),
            "ImageOptions": _image_options(entry, target),
        }
    )
    if "volume" in entry:
        fields["VolumeOptions"] = _volume_options(mapping(entry.get("volume")), target)
    return fields


def _bind_options(bind: Body, target: PayloadTarget) -> dict[str, object]:
    recursive = text(bind.get("recursive"))
    if recursive in {"writable", "readonly"}:
        target.need(44, "volumes.bind.recursive")
    return present(
        {
            "Propagation": text(bind.get("propagation")),
            "NonRecursive": recursive == "disabled",
            "ReadOnlyNonRecursive": recursive == "writable",
            "ReadOnlyForceRecursive": recursive == "readonly",
        }
    )


def _tmpfs_options(tmpfs: Body) -> dict[str, object]:
    return present({"SizeBytes": size_bytes(tmpfs.get("size")), "Mode": integer(tmpfs.get("mode"))})


def _volume_options(volume: Body, target: PayloadTarget) -> dict[str, object]:
    if volume.get("subpath"):
        target.need(45, "volumes.volume.subpath")
    labels = text_mapping(volume.get("labels"))
    return present(
        {"NoCopy": bool(volume.get("nocopy")), "Subpath": text(volume.get("subpath")), "Labels": labels}
    )


def _image_options(entry: Body, target: PayloadTarget) -> dict[str, object]:
    if entry.get("type") == "image":
        target.need(48, "a volume of type image")
    return present({"Subpath": text(mapping(entry.get("image")).get("subpath"))})


def _add_files(mounts: Mounts, app: App, files: FileMount, target: PayloadTarget, kept: str) -> None:
    if kept and files.writable_path is not None:
        # A mount fails if its source is missing; a bind string would create an empty directory instead.
        mounts.mounts.append({"Type": "bind", "Source": kept, "Target": files.target})
        return
    if files.writable_path is not None:
        source = data_path(target.data_root, app.key, files.writable_path)
        # A missing directory is created again, as Compose does; a missing file must not become a directory.
        if files.directory:
            mounts.binds.append(f"{source}:{files.target}:rw")
        else:
            mounts.mounts.append({"Type": "bind", "Source": source, "Target": files.target})
        return
    if files.live is not None:
        mounts.mounts.append(_live_mount(files, live_volume_name(app.key.project, files.live), files.live))
        return
    mounts.mounts.append(_files_mount(files, files_volume_name(app.key.project, files.digest), target))


def _live_mount(files: FileMount, volume: str, live: str) -> Mount:
    """Mount the directory of a live set. A file mount would not show a changed file, so a link points to the file."""
    return {
        "Type": "volume",
        "Source": volume,
        "Target": files.target if files.directory else f"{LIVE_DIRECTORY}/{live}",
        "ReadOnly": True,
        "VolumeOptions": {"NoCopy": True},
    }


def live_links(service: Service) -> tuple[tuple[str, str], ...]:
    """Return the links for live file sets of one file, each as (path, target of the link)."""
    return tuple(
        (files.target, f"{LIVE_DIRECTORY}/{files.live}/{SINGLE_FILE}")
        for files in service.files
        if files.live is not None and not files.directory
    )


def _files_mount(files: FileMount, volume: str, target: PayloadTarget) -> Mount:
    """Mount a file set, or its single file: by a subpath if the Engine can, else from the volume's directory."""
    mount: Mount = {"Type": "volume", "Source": volume, "Target": files.target, "ReadOnly": True}
    if files.directory:
        return {**mount, "VolumeOptions": {"NoCopy": True}}
    if target.speaks(1, 45):
        return {**mount, "VolumeOptions": {"NoCopy": True, "Subpath": SINGLE_FILE}}
    return {**mount, "Type": "bind", "Source": f"{target.root_dir}/volumes/{volume}/_data/{SINGLE_FILE}"}


def data_path(data_root: str, app: AppKey, path: str) -> str:
    """Return the path of a data directory on a host; an absolute path is that of an adopted container."""
    if path.startswith("/"):
        return path
    return f"{data_root.rstrip('/')}/{app.namespace}/{app.name}/{path}"


def place_of_data(data_root: str, app: AppKey, path: str, git_path: str) -> tuple[str, str]:
    """Return the outermost directory that the app's containers may write in, and the data directory's path below it.

    The app's containers can create links at any path below it, and nowhere else. For an absolute `path`, `git_path`
    (the path in Git) is cut off its end. If `path` does not end in it, the result is the parent directory of `path`.
    """
    if not path.startswith("/"):
        return f"{data_root.rstrip('/')}/{app.namespace}/{app.name}", path.strip("/")
    whole = path.rstrip("/")
    if git_path.strip("/") and whole.endswith(f"/{git_path.strip('/')}"):
        return whole.removesuffix(f"/{git_path.strip('/')}") or "/", git_path.strip("/")
    above, base = posixpath.split(whole)
    return above, base


def _tmpfs(service: Body) -> dict[str, str]:
    pairs = (entry.partition(":") for entry in strings(service.get("tmpfs")))
    return {path: options for path, _, options in pairs}


def _volumes_from(service: Body, target: PayloadTarget) -> list[str]:
    """Return the containers whose volumes are mounted; unlike Compose, which drops it, keep `:ro`."""
    return [_volumes_source(entry, target) for entry in strings(service.get("volumes_from"))]


def _volumes_source(entry: str, target: PayloadTarget) -> str:
    parts = entry.split(":")
    if parts[0] == "container":
        return ":".join(parts[1:])
    return ":".join([peer(parts[0], target), *parts[1:]])


def peer(service: str, target: PayloadTarget) -> str:
    """Return the container of another service on the same host; the service's name if none is known."""
    return target.peers.get(service, service)

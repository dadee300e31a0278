"""Copies file sets from Git to a host, only over the Engine's API, completely or not at all.

Note [Carriers]
An Engine writes an archive through the mounts of a carrier: a container that was created and is never started. This
needs no shell and works with every image (carriers.py). The carrier is removed after the transfer. A carrier that a
crash left behind is removed later, when it is so old that no other process can be using it.

Note [Complete or not at all]
Before anything is written, a marker volume is created (`<name>.filling`, with a label that names the volume being
filled). It is removed last. While it exists, the volume does not count as a file set and is filled again from the
beginning. A label on the volume itself could not do this, since labels cannot change. A marker file in the volume would
be visible to containers.

Note [Live file sets]
A service that reads its files again on a signal keeps its container. So its files are in a volume with a stable name,
and are changed in place. A second volume (`<name>.<digest>`) records the content. It is created only after the
containers were signalled, and removed before the first byte is changed. A crash in between leads to another transfer
and another signal, never to a container that was not signalled.
"""

import hashlib
import posixpath
from collections.abc import Callable
from functools import partial

from gitops_orch.engine import labels
from gitops_orch.engine.connection.api_client import Wire
from gitops_orch.engine.connection.raw_client import RawClient
from gitops_orch.engine.files.archive import (
    first_file,
    removal_archive,
    seed_archive,
    stale_paths,
    volume_archive,
)
from gitops_orch.engine.files.carriers import Carriers
from gitops_orch.engine.files.file_owner import owned
from gitops_orch.engine.files.host_directory import Known, Place
from gitops_orch.engine.payload.mounts import place_of_data
from gitops_orch.errors import Conflict, EngineError, NotFound
from gitops_orch.model.app import AppKey, FileMount
from gitops_orch.model.names import files_volume_name, live_record_name, live_volume_name

MARKER_SUFFIX = ".filling"
MOUNT_POINT = "/gitops-orch"
_SEED_LENGTH = 12


class FileCourier:
    """Copies file sets to one host."""

    def __init__(self, wire: Wire, carriers: Carriers, instance: str, data_root: str) -> None:
        self._wire = wire
        self._carriers = carriers
        self._instance = instance
        self._data_root = data_root

    def put(self, app: AppKey, files: FileMount, image: str) -> str:
        """Copy a file set, or create a missing data directory with its first content; the carrier uses `image`.

        Return a note about the files' owner for people, or "".
        """
        with self._wire.bounded("transfer of files"):
            if files.writable_path is not None:
                self._seed_directory(app, files, image, files.writable_path)
                return ""
            if files.live is not None:
                return self._change_live(app, files, image, files.live)
            return self._fill_volume(app, files, image)

    def forget_live(self, app: AppKey, live: str) -> None:
        """Remove the record that containers know a live set's content; call it before the first byte is changed."""
        for record in self._live_records(live_volume_name(app.project, live)):
            self.remove_volume(record)

    def record_live(self, app: AppKey, files: FileMount, live: str) -> None:
        """Record a live set's content; without it, the next run transfers it and signals its containers again."""
        name = live_volume_name(app.project, live)
        wanted = {**labels.live_labels(self._instance, app, name), labels.FILES: files.digest}
        self._create_volume(live_record_name(app.project, live, files.digest), wanted)

    def _change_live(self, app: AppKey, files: FileMount, image: str, live: str) -> str:
        name = live_volume_name(app.project, live)
        if self._volume_labels(live_record_name(app.project, live, files.digest)) is not None:
            return ""
        self.forget_live(app, live)
        wanted = labels.live_labels(self._instance, app, name)
        found = self._volume_labels(name)
        if found is not None and found.get(labels.LIVE) != name:
            raise Conflict(
                f"{self._wire.host}: volume {name} is there and was not made for these files",
                hint="remove it by hand if nothing needs it",
            )
        self._create_volume(name, wanted)
        mount = {"Type": "volume", "Source": name, "Target": MOUNT_POINT, "VolumeOptions": {"NoCopy": True}}
        with self._carriers.carrier(app, name, {"Mounts": [mount]}, image) as carrier:
            self._clear_stale(carrier, files)
            return self._bring(carrier, files)

    def _live_records(self, name: str) -> list[str]:
        filters = {"label": [f"{labels.LIVE}={name}", f"{labels.INSTANCE}={self._instance}"]}
        answer = self._wire.read(f"list of records of {name}", lambda client: client.volumes(filters=filters))
        return sorted(str(row["Name"]) for row in answer.get("Volumes") or () if row["Name"] != name)

    def _clear_stale(self, carrier: str, files: FileMount) -> None:
        """Remove files that left Git; EngineError if one still exists, so that it never counts as removed."""
        there = self._wire.read(
            "download of files", lambda client: client.download(carrier, f"{MOUNT_POINT}/.")
        )
        for path in stale_paths(there, files):
            archive = removal_archive(path)
            self._wire.call(f"removal of {path}", self._clearing(carrier, archive))
            if self._exists(carrier, path):
                raise EngineError(
                    f"{self._wire.host}: {path} left Git and cannot be removed from a live file set",
                    hint="remove x-gitops.reload from the service, so that its container is recreated",
                )

    def _fill_volume(self, app: AppKey, files: FileMount, image: str) -> str:
        name = files_volume_name(app.project, files.digest)
        found = self._volume_labels(name)
        if found is not None and found.get(labels.FILES) != files.digest:
            raise Conflict(
                f"{self._wire.host}: volume {name} is there and does not carry these files",
                hint="remove it by hand if nothing needs it",
            )
        if found is not None and self._volume_labels(name + MARKER_SUFFIX) is None:
            return ""
        wanted = labels.files_labels(self._instance, app, files.digest)
        self._mark(app, name)
        self._create_volume(name, wanted)
        mount = {"Type": "volume", "Source": name, "Target": MOUNT_POINT, "VolumeOptions": {"NoCopy": True}}
        with self._carriers.carrier(app, name, {"Mounts": [mount]}, image) as carrier:
            note = self._bring(carrier, files)
        self.remove_volume(name + MARKER_SUFFIX)
        return note

    def _bring(self, carrier: str, files: FileMount) -> str:
        image_user = ""
        if files.user is not None:
            row = self._wire.read("inspect of a carrier", lambda client: client.inspect_container(carrier))
            image_user = str((row.get("Config") or {}).get("User") or "")
        found, note = owned(files, image_user, partial(self._text, carrier))
        self._upload(carrier, volume_archive(found))
        return note

    def _text(self, carrier: str, path: str) -> str:
        """Return a file of the carrier's image as text; "" if there is none."""
        try:
            archive = self._wire.read(f"download of {path}", lambda client: client.download(carrier, path))
        except NotFound:
            return ""
        return first_file(archive).decode("utf-8", "replace")

    def _clearing(self, carrier: str, archive: bytes) -> Callable[[RawClient], None]:
        return lambda client: client.clear(carrier, archive, path=MOUNT_POINT)

    def _seed_directory(self, app: AppKey, files: FileMount, image: str, path: str) -> None:
        """Create a missing data directory with its first content; an existing one is never changed."""
        mounted, base = place_of_data(self._data_root, app, path, files.git_path)
        # The name has a digest of the path: an Engine refuses some characters, and long names.
        name = f"{app.project}_seed_{hashlib.sha256(path.encode()).hexdigest()[:_SEED_LENGTH]}"
        with self._carriers.carrier(app, name, {"Binds": [f"{mounted}:{MOUNT_POINT}"]}, image) as carrier:
            around = Place(self._wire, carrier, MOUNT_POINT, mounted, Known()).missing_directories(
                posixpath.dirname(base)
            )
            # While the marker exists, no container uses the directory: an interrupted copy is written again as a whole.
            if self._volume_labels(name + MARKER_SUFFIX) is None and self._exists(carrier, base):
                return
            self._mark(app, name)
            self._upload(carrier, seed_archive(files, base, around))
        self.remove_volume(name + MARKER_SUFFIX)

    def _mark(self, app: AppKey, name: str) -> None:
        marker = {**labels.app_labels(self._instance, app), labels.FILLING: name, labels.FILES: ""}
        self._create_volume(name + MARKER_SUFFIX, marker)

    def _create_volume(self, name: str, volume_labels: dict[str, str]) -> None:
        body = {"Name": name, "Labels": volume_labels}
        self._wire.call(
            f"create of volume {name}", lambda client: client.post_body("/volumes/create", body=body)
        )

    def _volume_labels(self, name: str) -> dict[str, str] | None:
        """Return a volume's labels; None if it does not exist."""
        try:
            found = self._wire.read(f"inspect of volume {name}", lambda client: client.inspect_volume(name))
        except NotFound:
            return None
        return dict(found.get("Labels") or {})

    def _upload(self, carrier: str, archive: bytes) -> None:
        self._wire.call("upload of files", lambda client: client.upload(carrier, archive, path=MOUNT_POINT))

    def _exists(self, carrier: str, name: str) -> bool:
        try:
            self._wire.read(f"look for {name}", lambda client: client.find(carrier, f"{MOUNT_POINT}/{name}"))
        except NotFound:
            return False
        return True

    def remove_volume(self, name: str) -> None:
        """Remove a volume by name; do nothing if it does not exist."""
        try:
            self._wire.call(f"removal of volume {name}", lambda client: client.remove_volume(name))
        except NotFound:
            return

    def release(self, volume: str) -> None:
        """Remove the carriers that still mount a volume."""
        self._carriers.release(volume)

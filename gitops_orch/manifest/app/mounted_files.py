"""Reads the files of the repository that a container mounts: configs, secrets and relative bind mounts."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from posixpath import join, normpath
from typing import Any

from gitops_orch.manifest.app.engine_values import looks_like_file
from gitops_orch.manifest.app.file_owner import owner_of
from gitops_orch.manifest.problems.collector import Findings
from gitops_orch.manifest.problems.limits import TEXT_MAX
from gitops_orch.manifest.problems.positions import KeyPath
from gitops_orch.manifest.repository.git_files import ROOT, GitFiles, data_directory, path_in_tree
from gitops_orch.manifest.repository.opaque_files import disguise
from gitops_orch.model.app import FileEntry, FileMount
from gitops_orch.model.sensitive.secret import Sensitive
from gitops_orch.model.tree import TreeFile

CONFIG_DIRECTORY = "/"
SECRET_DIRECTORY = "/run/secrets/"  # noqa: S105  # a directory, not a password
DEFAULT_MODE = 0o444
_BUILTIN_PROFILES = ("unconfined", "builtin")
LIVE_LENGTH = 12
MOUNT_BYTES_MAX = 64 * 1024 * 1024
MOUNT_FILES_MAX = 10_000  # of one app; MOUNT_BYTES_MAX, too
REFUSED_SHOWN_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mounted:
    """The content of a path of the repository; with `mistakes` there is nothing else."""

    entries: tuple[FileEntry, ...] = ()
    directory: bool = False
    digest: str = ""
    mistakes: tuple[str, ...] = ()


@dataclass(slots=True)
class ContentReader:
    """Reads files for one app, and records which: a change of any of them is a change of the app."""

    git: GitFiles
    base: str  # the Compose file's directory in the repository
    variables: Mapping[str, str]
    contents: Mapping[tuple[str, str], str]  # of configs and secrets that the variables of another file set
    findings: Findings
    paths: set[str] = field(default_factory=set)
    directories: set[str] = field(default_factory=set)
    # Each is read, combined and hashed once: thousands of services may mount the same file.
    _contents: dict[str, bytes] = field(default_factory=dict)  # by path
    _mounted: dict[str, "_Mounted"] = field(default_factory=dict)  # by path
    _objects: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    _profiles: dict[str, str] = field(default_factory=dict)  # by path
    _hashes: dict[bytes, str] = field(default_factory=dict)
    _files_count: int = 0
    _bytes_count: int = 0
    _inlined_length: int = 0

    def mount_bind(self, volume: Mapping[str, Any], where: KeyPath) -> FileMount | None:
        """Return the content of a relative bind mount; None where it has a mistake."""
        source, target = str(volume.get("source", "")), str(volume.get("target", ""))
        path = path_in_tree(source)
        if path is None:
            self.findings.error(where, "leaves the repository; write an absolute path for one on the host")
            return None
        read_only = bool(volume.get("read_only"))
        self.directories.add(path)
        if path not in self._mounted:
            self._mounted[path] = self._collect(path)
        found = self._mounted[path]
        for message in found.mistakes:
            self.findings.error(where, message)
        if not found.entries and read_only and not found.mistakes:
            self.findings.error(
                where, f"{path} is not in Git, and nothing can write to it; add it or make it writable"
            )
        if found.mistakes or (not found.entries and read_only):
            return None
        if not found.entries and looks_like_file(path, target):
            self.findings.warn(
                where,
                f"{path} is not in Git, so it becomes an empty directory on the host; commit the file, "
                "or write an absolute path for a file of the host",
            )
        return FileMount(
            target=target,
            entries=found.entries,
            directory=found.directory,
            secret=False,
            writable_path=None if read_only else data_directory(path, self.base),
            digest=found.digest,
        )

    def mount_object(
        self, kind: str, reference: Mapping[str, Any], model: Mapping[str, Any], where: KeyPath
    ) -> FileMount | None:
        """Return the content of a config or secret for the service of `where`; `kind` is `configs` or `secrets`."""
        objects: Mapping[str, Any] = model.get(kind) or {}
        service: Mapping[str, Any] = model["services"][where[1]]
        source = str(reference.get("source", ""))
        if (kind, source) not in self._objects:
            self._objects[kind, source] = self._object_content(kind, source, objects[source])
        content = self._objects[kind, source]
        given = reference.get("mode")
        mode = DEFAULT_MODE | self._executable_bits(objects[source]) if given is None else int(given)
        owner = owner_of(reference, str(service.get("user") or ""), mode, where, self.findings)
        if content is None or owner is None:
            return None
        entry = FileEntry(
            path="",
            mode=mode,
            content=Sensitive(content),
            uid=owner.uid,
            gid=owner.gid,
        )
        base = SECRET_DIRECTORY if kind == "secrets" else CONFIG_DIRECTORY
        target = str(reference.get("target") or source)
        absolute = target if target.startswith("/") else base + target
        return FileMount(
            target=absolute,
            entries=(entry,),
            directory=False,
            secret=kind == "secrets",
            user=owner.user,
            digest=self._owned_digest(entry, owner.user, str(service.get("image") or "")),
        )

    def _owned_digest(self, entry: FileEntry, user: str | None, image: str) -> str:
        """Return the digest of a single file; a file of an image's user is not shared with other images."""
        digest = self._digest((entry,), directory=False)
        return digest if user is None else hashlib.sha256(f"{digest}\0{user}\0{image}".encode()).hexdigest()

    def inline_profiles(self, options: Sequence[str], where: KeyPath) -> list[str]:
        """Return `security_opt` with each path of a seccomp profile replaced by its content, as Engines expect it."""
        inlined: list[str] = []
        for index, option in enumerate(options):
            name, separator, value = option.partition("=") if "=" in option else option.partition(":")
            if (
                name == "seccomp"
                and separator
                and value not in _BUILTIN_PROFILES
                and not value.startswith("{")
            ):
                inlined.append(f"seccomp={self._profile(value, (*where, index))}")
            else:
                inlined.append(option)
        return inlined

    def _profile(self, source: str, where: KeyPath) -> str:
        """Return a profile as one line; a relative path is relative to the Compose file."""
        path = normpath(join(ROOT, self.base, source))
        if path not in self._profiles:
            content = self._file(where, path)
            self._profiles[path] = "" if content is None else self._one_line(source, content, where)
        self._inlined_length += len(self._profiles[path])
        if self._inlined_length > TEXT_MAX:
            self.findings.error(where, f"an app's profiles have at most {TEXT_MAX} characters; shorten them")
            return ""
        return self._profiles[path]

    def _one_line(self, source: str, content: bytes, where: KeyPath) -> str:
        try:
            return json.dumps(json.loads(content), separators=(",", ":"))
        except (ValueError, RecursionError) as error:
            self.findings.error(where, f"{source} is not JSON: {error}")
            return ""

    def _collect(self, path: str) -> "_Mounted":
        """Return the content of a path, or why it may not be read."""
        refused = [f"{entry} is not read: {why}" for entry, why in self.git.refused_below(path)]
        single = self.git.file(path)
        files = (single,) if single else self.git.below(path)
        size = sum(file.size_bytes for file in files)
        new = sum(file.size_bytes for file in files if file.path not in self._contents)
        self._files_count += len(files)
        if self._files_count > MOUNT_FILES_MAX or self._bytes_count + new > MOUNT_BYTES_MAX:
            refused.append(
                f"{path or '.'} holds {len(files):,} files with {size:,} bytes; "
                f"an app mounts at most {MOUNT_FILES_MAX:,} files with {MOUNT_BYTES_MAX:,} bytes"
            )
        if refused:
            return _Mounted(mistakes=tuple(refused[:REFUSED_SHOWN_MAX]))
        entries = self._entries(files, None if single else path)
        disguised = [
            f"{file.path} {reason}"
            for file, entry in zip(files, entries, strict=True)
            if (reason := disguise(entry.content.reveal()))
        ]
        if disguised:
            return _Mounted(mistakes=tuple(disguised[:REFUSED_SHOWN_MAX]))
        return _Mounted(
            entries=entries,
            directory=single is None,
            digest=self._digest(entries, directory=single is None),
        )

    def _entries(self, files: Sequence[TreeFile], directory: str | None) -> tuple[FileEntry, ...]:
        prefix = directory + "/" if directory else ""
        return tuple(
            FileEntry(
                path="" if directory is None else file.path.removeprefix(prefix),
                mode=file.mode & 0o777,
                content=Sensitive(self._read(file.path)),
            )
            for file in files
        )

    def _read(self, path: str) -> bytes:
        self.paths.add(path)
        if path not in self._contents:
            self._contents[path] = self.git.tree.read(path)
            self._bytes_count += len(self._contents[path])
        return self._contents[path]

    def _digest(self, entries: Sequence[FileEntry], *, directory: bool) -> str:
        """Return a digest over paths, modes, owners and contents."""
        total = hashlib.sha256(b"directory" if directory else b"file")
        for entry in entries:
            content = entry.content.reveal()
            if content not in self._hashes:
                self._hashes[content] = hashlib.sha256(content).hexdigest()
            owner = f"{entry.uid}:{entry.gid}"
            total.update(f"\0{entry.path}\0{entry.mode:o}\0{owner}\0{self._hashes[content]}".encode())
        return total.hexdigest()

    def _object_content(self, kind: str, name: str, definition: Mapping[str, Any]) -> bytes | None:
        where = (kind, name)
        if definition.get("external"):
            self.findings.error(
                where,
                f"external {kind} live in a Swarm, not on a Docker host; give a file, content or environment",
            )
            return None
        if "content" in definition:
            return str(definition["content"]).encode()
        if "environment" in definition:
            return self._variable(kind, name, str(definition["environment"]))
        return self._file((*where, "file"), str(definition.get("file")))

    def _variable(self, kind: str, name: str, variable: str) -> bytes | None:
        value = self.contents.get((kind, name), self.variables.get(variable))
        if value is None:
            self.findings.error(
                (kind, name, "environment"),
                f"the variable {'that it names' if kind == 'secrets' else variable} is not set in a committed file; "
                "set it in .env beside the Compose file, or in the fleet's variables",
            )
            return None
        return value.encode()

    def _file(self, where: KeyPath, source: str) -> bytes | None:
        path = path_in_tree(source)
        if path is None:
            self.findings.error(where, "is not in the repository; only committed files reach a host")
            return None
        self.paths.add(path)
        file = self.git.file(path)
        if file is None:
            why = self.git.tree.why_absent(path)
            self.findings.error(where, f"{path} is not read: {why}" if why else f"{path} is not in Git")
            return None
        if path not in self._contents and self._bytes_count + file.size_bytes > MOUNT_BYTES_MAX:
            self.findings.error(where, f"an app's files from Git have at most {MOUNT_BYTES_MAX:,} bytes")
            return None
        content = self._read(path)
        disguised = disguise(content)
        if disguised:
            self.findings.error(where, f"{path} {disguised}")
            return None
        return content

    def _executable_bits(self, definition: Mapping[str, Any]) -> int:
        """Return the execute bits of a file; as in Compose, a file without an explicit mode keeps them."""
        path = path_in_tree(str(definition.get("file")))
        file = self.git.file(path) if path else None
        return file.mode & 0o111 if file else 0


def live_mount(service: str, files: FileMount) -> FileMount:
    """Return a file mount that is changed in place; its digest is unique to this set in this service."""
    kind = "directory" if files.directory else "file"
    live = hashlib.sha256(f"{service}\0{files.target}\0{kind}".encode()).hexdigest()[:LIVE_LENGTH]
    digest = hashlib.sha256(f"{live}\0{files.digest}".encode()).hexdigest()
    return replace(files, live=live, digest=digest)

"""What a container sees of the repository: configs, secrets and relative binds, with exactly a mount's meaning."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from posixpath import join, normpath
from typing import Any

from gitops_orch.manifest.findings import Findings
from gitops_orch.manifest.git_files import ROOT, GitFiles, data_directory, path_in_tree
from gitops_orch.manifest.positions import KeyPath
from gitops_orch.model.app import FileEntry, FileMount
from gitops_orch.model.secret import Sensitive
from gitops_orch.model.tree import TreeFile

CONFIG_DIRECTORY = "/"
SECRET_DIRECTORY = "/run/secrets/"  # noqa: S105  # a directory, not a password
DEFAULT_MODE = 0o444
_BUILTIN_PROFILES = ("unconfined", "builtin")
LIVE_LENGTH = 12
MOUNT_BYTES_MAX = 64 * 1024 * 1024
MOUNT_FILES_MAX = 10_000


@dataclass(slots=True)
class ContentReader:
    """Reads for one app, and remembers what it looked at: a change of any of it is a change of the app."""

    git: GitFiles
    base: str  # the Compose file's directory in the repository
    variables: Mapping[str, str]
    contents: Mapping[tuple[str, str], str]  # of configs and secrets that another file's variables give
    findings: Findings
    paths: set[str] = field(default_factory=set)
    directories: set[str] = field(default_factory=set)

    def mount_bind(self, volume: Mapping[str, Any], where: KeyPath) -> FileMount | None:
        """Return a relative bind's content; None where it has a mistake."""
        source, target = str(volume.get("source", "")), str(volume.get("target", ""))
        path = path_in_tree(source)
        if path is None:
            self.findings.error(where, "leaves the repository; write an absolute path for one on the host")
            return None
        read_only = bool(volume.get("read_only"))
        self.directories.add(path)
        found = self._collect(path, where)
        if found is None:
            return None
        files, directory = found
        if not files and read_only:
            self.findings.error(
                where, f"{path} is not in Git, and nothing can write to it; add it or make it writable"
            )
            return None
        entries = self._entries(files, path if directory else None)
        return file_mount(
            target,
            entries,
            directory=directory,
            writable_path=None if read_only else data_directory(path, self.base),
        )

    def mount_object(
        self, kind: str, reference: Mapping[str, Any], objects: Mapping[str, Any], where: KeyPath
    ) -> FileMount | None:
        """Return a config's or a secret's content for a service; `kind` is `configs` or `secrets`."""
        source = str(reference.get("source", ""))
        content = self._object_content(kind, source, objects[source])
        owner = self._owner(reference, where)
        if content is None or owner is None:
            return None
        mode = reference.get("mode")
        default = DEFAULT_MODE | self._executable_bits(objects[source])
        entry = FileEntry(
            path="",
            mode=default if mode is None else int(mode),
            content=Sensitive(content),
            uid=owner[0],
            gid=owner[1],
        )
        base = SECRET_DIRECTORY if kind == "secrets" else CONFIG_DIRECTORY
        target = str(reference.get("target") or source)
        absolute = target if target.startswith("/") else base + target
        return file_mount(absolute, (entry,), directory=False, secret=kind == "secrets")

    def inline_profiles(self, options: Sequence[str], where: KeyPath) -> list[str]:
        """Return `security_opt` with the content of seccomp profiles in the place of their paths, as Engines want it."""
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
        """Return a profile as one line; a relative path counts from the Compose file."""
        content = self._file(where, normpath(join(ROOT, self.base, source)))
        if content is None:
            return ""
        try:
            return json.dumps(json.loads(content), separators=(",", ":"))
        except ValueError as error:
            self.findings.error(where, f"{source} is not JSON: {error}")
            return ""

    def _collect(self, path: str, where: KeyPath) -> tuple[tuple[TreeFile, ...], bool] | None:
        """Return the files at a path, and whether it is a directory; None where some may not be read."""
        refused = list(self.git.refused_below(path))
        for entry, why in refused:
            self.findings.error(where, f"{entry} is not read: {why}")
        single = self.git.file(path)
        files = (single,) if single else self.git.below(path)
        size = sum(file.size_bytes for file in files)
        if len(files) > MOUNT_FILES_MAX or size > MOUNT_BYTES_MAX:
            self.findings.error(
                where,
                f"{path or '.'} holds {len(files):,} files with {size:,} bytes; "
                f"a mount has at most {MOUNT_FILES_MAX:,} files with {MOUNT_BYTES_MAX:,} bytes",
            )
            return None
        return None if refused else (files, single is None)

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
        return self.git.tree.read(path)

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
                f"the variable {variable} is not set in a committed file; "
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
        if self.git.file(path) is None:
            why = self.git.tree.refused.get(path)
            self.findings.error(where, f"{path} is not read: {why}" if why else f"{path} is not in Git")
            return None
        return self._read(path)

    def _executable_bits(self, definition: Mapping[str, Any]) -> int:
        """Return what makes a script a script: as in Compose, a file keeps being executable without being told."""
        path = path_in_tree(str(definition.get("file")))
        file = self.git.file(path) if path else None
        return file.mode & 0o111 if file else 0

    def _owner(self, reference: Mapping[str, Any], where: KeyPath) -> tuple[int, int] | None:
        numbers: list[int] = []
        for key in ("uid", "gid"):
            text = str(reference.get(key) or "0")
            if not text.isdecimal():
                self.findings.error((*where, key), f"must be a number, is {text!r}")
                return None
            numbers.append(int(text))
        return numbers[0], numbers[1]


def live_mount(service: str, files: FileMount) -> FileMount:
    """Return a file mount that is changed in place; its digest tells this set in this service from all others."""
    kind = "directory" if files.directory else "file"
    live = hashlib.sha256(f"{service}\0{files.target}\0{kind}".encode()).hexdigest()[:LIVE_LENGTH]
    digest = hashlib.sha256(f"{live}\0{files.digest}".encode()).hexdigest()
    return replace(files, live=live, digest=digest)


def file_mount(
    target: str,
    entries: tuple[FileEntry, ...],
    *,
    directory: bool,
    secret: bool = False,
    writable_path: str | None = None,
) -> FileMount:
    """Return a file mount with its digest over paths, modes, owners and contents."""
    total = hashlib.sha256(b"directory" if directory else b"file")
    for entry in entries:
        content = hashlib.sha256(entry.content.reveal()).hexdigest()
        total.update(f"\0{entry.path}\0{entry.mode:o}\0{entry.uid}:{entry.gid}\0{content}".encode())
    return FileMount(
        target=target,
        entries=entries,
        directory=directory,
        secret=secret,
        writable_path=writable_path,
        digest=total.hexdigest(),
    )

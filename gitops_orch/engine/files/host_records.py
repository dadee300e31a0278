"""Reads and writes the record on a host of which files from Git we wrote into a bind, and with which content.

Note [The record]
The record is stored on the host, outside of everything that an app mounts, so that it survives the loss of our state:
below `<data_root>/.gitops-orch`, one directory for each bind. A record is a JSON file whose name is the digest of its
content, so an incomplete file is no record. Before files are changed, the new record is written beside the old one. The
old one is removed last. If the change is interrupted, each file's content is in one of the two records, and both count.
"""

import hashlib
import json
import posixpath
from collections import defaultdict
from collections.abc import Mapping, Sequence

from gitops_orch.engine.files.archive import file_content, open_archive
from gitops_orch.model.app import AppKey

RECORDS = ".gitops-orch"  # below the data root; no namespace can have this name
RECORD_ENDING = ".json"

Record = Mapping[str, frozenset[str]]


def records_directory(app: AppKey) -> str:
    """Return the directory of an app's records, relative to the data root."""
    return f"{RECORDS}/{app.namespace}/{app.name}"


def record_path(app: AppKey, path: str, *, directory: bool) -> str:
    """Return the directory of a bind's record, relative to the data root."""
    kind = "directory" if directory else "file"
    name = hashlib.sha256(f"{kind}\0{path}".encode()).hexdigest()[:16]
    return f"{records_directory(app)}/{name}"


def record_content(path: str, record: Mapping[str, Sequence[str]]) -> bytes:
    """Return the content of a record's file."""
    files = {name: sorted(versions) for name, versions in sorted(record.items())}
    return json.dumps({"version": 1, "path": path, "files": files}, indent=1).encode()


def parse_record(name: str, content: bytes) -> Record:
    """Parse a record; empty if it is incomplete or invalid. Names that point outside of the bind are ignored."""
    if name != record_name(content):
        return {}
    try:
        rows = json.loads(content)["files"]
        return {
            str(file): frozenset(str(version) for version in versions)
            for file, versions in rows.items()
            if not {"..", "."}.intersection(str(file).split("/")) and not str(file).startswith("/")
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def record_name(content: bytes) -> str:
    """Return the file name of a record with this content."""
    return hashlib.sha256(content).hexdigest() + RECORD_ENDING


def joined_records(records: Sequence[Record]) -> Record:
    """Return several records as one: of each file, all recorded versions."""
    names = {name for record in records for name in record}
    return {name: frozenset().union(*(record.get(name, frozenset()) for record in records)) for name in names}


def records_in(archive: bytes) -> Mapping[str, Mapping[str, Record]]:
    """Return the records in an archive, by directory name and file name; an invalid record is empty.

    ValueError if a part of the archive cannot be read: a record that was not read would count as missing.
    """
    found: dict[str, dict[str, Record]] = defaultdict(dict)
    with open_archive(archive) as tar:
        for member in tar:
            directory, name = posixpath.split(member.name)
            content = file_content(tar, member)
            if content is not None:
                found[posixpath.basename(directory)][name] = parse_record(name, content.read())
        if archive[tar.offset :].strip(b"\0"):
            raise ValueError("an archive of records is damaged")
    return found

"""The record, on a host, of which files from Git we wrote into a bind, and with which content.

Note [The record]
What we last wrote is recorded on the host, outside of all that an app mounts, so that it survives the loss of our state:
below `<data_root>/.gitops-orch`, one directory for each bind.  A record is a JSON file whose name is the digest of its
content, so that a torn one is no record.  Before files are changed the new record is put beside the old one, and the old
one is removed last: whatever breaks off in between, each file's content is in one of the two, and both are in force.
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
    """Return where below the data root the records of an app lie."""
    return f"{RECORDS}/{app.namespace}/{app.name}"


def record_path(app: AppKey, path: str, *, directory: bool) -> str:
    """Return where below the data root a bind's record lies."""
    kind = "directory" if directory else "file"
    name = hashlib.sha256(f"{kind}\0{path}".encode()).hexdigest()[:16]
    return f"{records_directory(app)}/{name}"


def record_content(path: str, record: Mapping[str, Sequence[str]]) -> bytes:
    """Return a record as the file that it is."""
    files = {name: sorted(versions) for name, versions in sorted(record.items())}
    return json.dumps({"version": 1, "path": path, "files": files}, indent=1).encode()


def parse_record(name: str, content: bytes) -> Record:
    """Return what a record says; nothing where it is torn, or is none, and of no file outside of the bind."""
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
    """Return the name of the file that a record is."""
    return hashlib.sha256(content).hexdigest() + RECORD_ENDING


def joined_records(records: Sequence[Record]) -> Record:
    """Return what several records say together."""
    names = {name for record in records for name in record}
    return {name: frozenset().union(*(record.get(name, frozenset()) for record in records)) for name in names}


def records_in(archive: bytes) -> Mapping[str, Mapping[str, Record]]:
    """Return all files of an archive of records, by the name of their directory and their own; what is none says nothing.

    ValueError where a part of the archive cannot be read: a record that is not seen would be taken for none.
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

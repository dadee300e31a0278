"""Parses the entries of a commit below the managed path: files with valid names, links, refusals with reasons."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from gitops_orch.errors import SourceError
from gitops_orch.model.tree import TreeFile

ENTRIES_MAX = 200_000
PATH_BYTES_MAX = 4096

NOTHING_KNOWN: Mapping[bytes, TreeFile] = {}

SUBMODULE = "a submodule is not fetched; put its files into this repository"
_SYMLINK, _SUBMODULE = b"120000", b"160000"
_LISTED_TWICE = "the same name is listed twice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The regular files of a tree, its symbolic links, and its refused entries with the reasons.

    `rows` are the files by the rows that git printed; the next listing, which is almost equal, uses them again.
    `links` are the symbolic links, whose blobs contain their targets.
    """

    files: dict[str, TreeFile]
    links: dict[str, TreeFile]
    refused: dict[str, str]
    rows: dict[bytes, TreeFile]


def parse_listing(output: bytes, where: str, known: Mapping[bytes, TreeFile] = NOTHING_KNOWN) -> Listing:
    """Parse the output of `git ls-tree -r -l -z`; SourceError if there are too many entries.

    `known` are the rows of an earlier listing: for unchanged rows, its values are used again.
    """
    if output.count(b"\0") > ENTRIES_MAX:
        raise SourceError(
            f"{where} holds {output.count(bytes(1))} files, at most {ENTRIES_MAX} are read",
            hint="set repository.path to the directory that holds the configuration",
        )
    files: dict[str, TreeFile] = {}
    refused: dict[str, str] = {}
    rows: dict[bytes, TreeFile] = {}
    links: dict[str, TreeFile] = {}
    for row in filter(None, output.split(b"\0")):
        file = known.get(row)
        if file is None:
            meta, _, raw = row.partition(b"\t")
            reason = _mode_refusal(meta.partition(b" ")[0]) or name_refusal(raw)
            if reason:
                refused[shown_name(raw)] = reason
                continue
            file = _file(meta, shown_name(raw))
            if meta.startswith(_SYMLINK):
                links[file.path] = file
                continue
        if file.path in files:
            refused[file.path] = _LISTED_TWICE
            continue
        files[file.path] = rows[row] = file
    return Listing(files=files, links=links, refused=refused, rows=rows)


def name_refusal(raw: bytes) -> str:
    """Return why a path is refused, or ""."""
    if len(raw) > PATH_BYTES_MAX:
        return f"the path has {len(raw)} bytes, at most {PATH_BYTES_MAX} are read"
    directory, _, name = raw.rpartition(b"/")
    return _directory_refusal(directory) or _segments_refusal(name)


def shown_name(raw: bytes) -> str:
    """Return a path as text; bytes that are not UTF-8, and unprintable characters, are escaped."""
    text = raw.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


@functools.lru_cache(maxsize=4096)
def _directory_refusal(raw: bytes) -> str:
    return _segments_refusal(raw)


def _segments_refusal(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return "the name is not UTF-8"
    if not text.isprintable():
        return "the name holds a character that cannot be printed"
    if any(part in (".", "..") or part.lower() == ".git" for part in text.split("/")):
        return "the name is one that Git reserves"
    return ""


def _mode_refusal(mode: bytes) -> str:
    if mode == _SUBMODULE:
        return SUBMODULE
    return ""


def _file(meta: bytes, path: str) -> TreeFile:
    mode, _, blob, size = meta.split()
    return TreeFile(path=path, blob=blob.decode(), mode=int(mode, 8) & 0o777, size_bytes=int(size))

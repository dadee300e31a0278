"""Finds the numeric owner of files whose user only an image knows, from its `/etc/passwd` and `/etc/group`."""

from collections.abc import Callable
from dataclasses import replace

from gitops_orch.model.app import FileMount

Read = Callable[[str], str]  # returns the text of a file in the image; "" if there is none


def owned(files: FileMount, image_user: str, read: Read) -> tuple[FileMount, str]:
    """Return a file set with a numeric owner, and a note; if the owner is unknown, the files belong to root."""
    if files.user is None:
        return files, ""
    name, _, group = files.user.partition(":")
    own_name, _, own_group = image_user.partition(":")
    found = _numbers(name or own_name, group or ("" if name else own_group), read)
    if found is None:
        subject = f"user {name}" if name else f"the image's user {image_user}"
        note = f"{files.target} belongs to root: {subject} is not in the image; write `uid` and `gid` beside `mode`"
        return files, note
    uid, gid = found
    return replace(files, entries=tuple(replace(each, uid=uid, gid=gid) for each in files.entries)), ""


def _numbers(name: str, group: str, read: Read) -> tuple[int, int] | None:
    """Return a user's and a group's numbers, found like a container runtime does; None if one is unknown."""
    if not name:
        return 0, (_number(group, read("/etc/group")) or 0) if group else 0
    row = _row(name, read("/etc/passwd"))
    if row is None and not name.isdecimal():
        return None
    uid = int(name) if row is None else int(row[2])
    if not group:
        return uid, 0 if row is None else int(row[3])
    gid = _number(group, read("/etc/group"))
    return None if gid is None else (uid, gid)


def _number(name: str, table: str) -> int | None:
    if name.isdecimal():
        return int(name)
    row = _row(name, table)
    return None if row is None else int(row[2])


def _row(name: str, table: str) -> list[str] | None:
    """Return the fields of the entry with that name or number; None if there is no valid one."""
    for line in table.splitlines():
        fields = line.split(":")
        whole = len(fields) > 3 and fields[2].isdecimal() and (len(fields) == 4 or fields[3].isdecimal())  # noqa: PLR2004 - name:password:number:...
        if whole and name in (fields[0], fields[2]):
            return fields
    return None

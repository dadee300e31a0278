"""Finds the first byte of a file that is not UTF-8, or the first character that YAML does not allow."""

import re

from gitops_orch.model.problem import Position, Problem

# YAML 1.1, c-printable
_NOT_IN_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def not_utf8(path: str, content: bytes) -> Problem | None:
    """Return the problem at the first byte that is not UTF-8; None where there is none."""
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8-sig", "replace")
        message = f"the byte 0x{error.object[error.start]:02x} is not UTF-8; save the file as UTF-8 text"
        return Problem(position=_end_of(path, before), message=message)
    return None


def not_printable(path: str, content: bytes) -> Problem | None:
    """Return the problem at the first character that YAML does not allow; None where there is none."""
    text = content.decode("utf-8-sig", "replace")
    found = _NOT_IN_YAML.search(text)
    if found is None:
        return None
    message = f"the character U+{ord(found[0]):04X} is not allowed in YAML; remove it"
    return Problem(position=_end_of(path, text[: found.start()]), message=message)


def _end_of(path: str, text: str) -> Position:
    """Return the position right after a text; lines and columns begin at 1."""
    return Position(path=path, line=text.count("\n") + 1, column=len(text) - text.rfind("\n"))

"""Makes the output of a program fit to show: without control characters and without secrets.

Note [Text that must not be repeated]
A program may print its input. So legible text has the content of the app's files redacted: of a secret file, every line
and every value in it; of any other file, whole lines; and the secrets among the app's variables. Pieces shorter than
the limits below reveal nothing, and redacting them would make every other word illegible.
"""

import re
from collections.abc import Iterable, Iterator

from gitops_orch.model.app import App, FileMount
from gitops_orch.model.display.same_reason import CHECK_FAILS
from gitops_orch.model.display.variable_secrets import forms_of, secrets_of_app
from gitops_orch.model.observed import Details
from gitops_orch.model.rules.start_errors import cause_of
from gitops_orch.model.sensitive.secret_words import without_secrets

CHARS_MAX = 3500  # history keeps this many characters of an event's detail
CHECK_CHARS_MAX = 200
SECRET_CHARS_MIN = 4
LINE_CHARS_MIN = 8
REDACTED = "***"
UNHEALTHY = "its healthcheck reports unhealthy"
_ESCAPES = re.compile(  # colours, titles, modes
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"
)
_ASSIGNMENT = re.compile(r"\s*[\w.\-\"']+\s*[=:]\s*(.+)")
_QUOTES = "\"' \t,;"


def legible(text: str, pieces: Iterable[str] = ()) -> str:
    """Return the last CHARS_MAX characters of a text, without control characters and with `pieces` redacted."""
    seen = _ESCAPES.sub("", text).replace("\r\n", "\n")
    for piece in pieces:
        seen = seen.replace(piece, REDACTED)
    seen = "".join(char if char.isprintable() or char == "\n" else " " for char in seen)
    return seen.strip("\n")[-CHARS_MAX:]


def pieces(app: App | None) -> tuple[str, ...]:
    """Return the strings to redact in an app's texts, longest first: one string may be a part of another."""
    mounts = [files for service in app.services for files in service.files] if app is not None else []
    found = {piece for files in mounts for piece in _pieces_of(files)}
    secrets = secrets_of_app(app) if app is not None else frozenset()
    found |= {form for secret in secrets for form in forms_of(secret)}
    return tuple(sorted(found, key=lambda piece: (-len(piece), piece)))


def why_unhealthy(details: Details | None, app: App | None) -> str:
    """Return the message for a failing healthcheck: the last output of the check, at most 200 characters."""
    output = check_words(details, app)
    return f"{CHECK_FAILS}: {output}" if output else UNHEALTHY


def check_words(details: Details | None, app: App | None) -> str:
    """Return the last output of a failed check, in one line; "" where it printed nothing."""
    if details is None or not details.check_output:
        return ""
    lines = without_secrets(legible(cause_of(details.check_output), pieces(app))).splitlines()
    output = " | ".join(line.strip() for line in lines if line.strip())
    return f"{output[: CHECK_CHARS_MAX - 1]}…" if len(output) > CHECK_CHARS_MAX else output


def _pieces_of(files: FileMount) -> Iterator[str]:
    shortest = SECRET_CHARS_MIN if files.secret else LINE_CHARS_MIN
    texts = (entry.content.reveal().decode(errors="replace") for entry in files.entries)
    lines = [line for text in texts for line in text.splitlines()]
    values = [match[1].strip(_QUOTES) for match in map(_ASSIGNMENT.fullmatch, lines) if match]
    for piece in (*(line.strip() for line in lines), *(values if files.secret else ())):
        if len(piece) >= shortest:
            yield piece

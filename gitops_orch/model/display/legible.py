"""What a program printed, as it may be shown: without control characters, and without what must not be repeated.

Note [What must not be repeated]
A program may print what it was given.  So what the app's files hold is struck out: of a secret every line of it and every
value in them, of any other file whole lines; and the secrets among its variables.  Shorter pieces than the limits below say nothing, and striking them out
would make every other word illegible.
"""

import re
from collections.abc import Iterable, Iterator

from gitops_orch.model.app import App, FileMount
from gitops_orch.model.display.same_reason import CHECK_FAILS
from gitops_orch.model.display.variable_secrets import forms_of, secrets_of_app
from gitops_orch.model.observed import Details
from gitops_orch.model.rules.start_errors import cause_of
from gitops_orch.model.sensitive.secret_words import without_secrets

CHARS_MAX = 3500  # history keeps as many of an event's detail
CHECK_CHARS_MAX = 200
SECRET_CHARS_MIN = 4
LINE_CHARS_MIN = 8
REDACTED = "***"
UNHEALTHY = "its healthcheck says unhealthy"
_ESCAPES = re.compile(  # colours, titles, modes
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"
)
_ASSIGNMENT = re.compile(r"\s*[\w.\-\"']+\s*[=:]\s*(.+)")
_QUOTES = "\"' \t,;"


def legible(text: str, pieces: Iterable[str] = ()) -> str:
    """Return text without control characters and without the pieces that must not be seen, at most its end."""
    seen = _ESCAPES.sub("", text).replace("\r\n", "\n")
    for piece in pieces:
        seen = seen.replace(piece, REDACTED)
    seen = "".join(char if char.isprintable() or char == "\n" else " " for char in seen)
    return seen.strip("\n")[-CHARS_MAX:]


def pieces(app: App | None) -> tuple[str, ...]:
    """Return what must be struck out of an app's words, longest first: a part of a piece is a piece, too."""
    mounts = [files for service in app.services for files in service.files] if app is not None else []
    found = {piece for files in mounts for piece in _pieces_of(files)}
    secrets = secrets_of_app(app) if app is not None else frozenset()
    found |= {form for secret in secrets for form in forms_of(secret)}
    return tuple(sorted(found, key=lambda piece: (-len(piece), piece)))


def why_unhealthy(details: Details | None, app: App | None) -> str:
    """Return what to tell of a container whose healthcheck fails: what the check printed last, at most 200 characters."""
    output = check_words(details, app)
    return f"{CHECK_FAILS}: {output}" if output else UNHEALTHY


def check_words(details: Details | None, app: App | None) -> str:
    """Return what a check that failed printed last, in one line; "" where it printed nothing."""
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

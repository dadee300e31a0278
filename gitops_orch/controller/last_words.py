"""What a container that failed had to say: its last lines, for history and for the message.

Note [What must not be repeated]
A program may print what it was given.  So what the app's files hold is struck out: of a secret every line of it and every
value in them, of any other file whole lines.  Shorter pieces than the limits below say nothing, and striking them out
would make every other word illegible.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

import structlog

from gitops_orch.clock import Clock
from gitops_orch.controller.workers import Awaited, Workers, gather
from gitops_orch.engine.base import Engine
from gitops_orch.errors import EngineError
from gitops_orch.model.app import App, AppKey, FileMount
from gitops_orch.model.plan import Action
from gitops_orch.model.status import ActionResult

LINES_MAX = 20
CHARS_MAX = 3500  # history keeps as many of an event's detail
SHOWN_LINES_MAX = 3  # in a message
SHOWN_CHARS_MAX = 300
PATIENCE_S = 10.0
SECRET_CHARS_MIN = 4
LINE_CHARS_MIN = 8
STRUCK_OUT = "***"
SAID = "; its last words: "  # between our words and the container's
WORDS_LOST = "last_words.lost"
_log = structlog.get_logger()
_ESCAPES = re.compile(  # colours, titles, modes
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"
)
_ASSIGNMENT = re.compile(r"\s*[\w.\-\"']+\s*[=:]\s*(.+)")
_QUOTES = "\"' \t,;"


def with_last_words(
    results: Iterable[ActionResult],
    engines: Mapping[str, Engine],
    workers: Workers,
    clock: Clock,
    apps: Mapping[AppKey, App],
) -> tuple[ActionResult, ...]:
    """Return the results, each failed gate with the last lines of its container; one that cannot be asked said nothing."""
    results = tuple(results)
    failed: dict[str, list[Action]] = defaultdict(list)
    for result in results:
        if result.gate_failed:
            failed[result.action.host].append(result.action)
    if not failed:
        return results
    works: dict[str, Callable[[], object]] = {
        host: partial(_ask, engines[host], actions) for host, actions in failed.items()
    }
    answers = gather(workers, works, Awaited(PATIENCE_S, frozenset(works)), clock.monotonic_s)
    logs: dict[str, str] = {}
    for answer in answers.values():
        if answer.error is not None:
            _log.error(WORDS_LOST, error=str(answer.error), exc_info=answer.error)
        logs |= answer.value if isinstance(answer.value, dict) else {}
    return tuple(
        _told(result, logs.get(result.action.id, ""), _pieces(apps, result.action.app))
        if result.gate_failed
        else result
        for result in results
    )


def _ask(engine: Engine, actions: Iterable[Action]) -> dict[str, str]:
    found: dict[str, str] = {}
    for action in actions:
        with suppress(EngineError):  # it is gone, or its host is: there are no words then
            found[action.id] = engine.logs(action.target, tail=LINES_MAX)
    return found


def _told(result: ActionResult, log: str, pieces: tuple[str, ...]) -> ActionResult:
    text = legible(log, pieces)
    lines = text.splitlines()[-SHOWN_LINES_MAX:]
    said = " | ".join(line.strip() for line in lines if line.strip())[-SHOWN_CHARS_MAX:]
    error = legible(result.error, pieces)
    return replace(result, error=f"{error}{SAID}{said}" if said else error, log=text)


def legible(text: str, pieces: Iterable[str] = ()) -> str:
    """Return text without control characters and without the pieces that must not be seen, at most its end."""
    seen = _ESCAPES.sub("", text).replace("\r\n", "\n")
    for piece in pieces:
        seen = seen.replace(piece, STRUCK_OUT)
    seen = "".join(char if char.isprintable() or char == "\n" else " " for char in seen)
    return seen.strip("\n")[-CHARS_MAX:]


def _pieces(apps: Mapping[AppKey, App], key: AppKey | None) -> tuple[str, ...]:
    """Return what must be struck out of an app's words, longest first: a part of a piece is a piece, too."""
    app = apps.get(key) if key is not None else None
    mounts = [files for service in app.services for files in service.files] if app is not None else []
    found = {piece for files in mounts for piece in _pieces_of(files)}
    return tuple(sorted(found, key=lambda piece: (-len(piece), piece)))


def _pieces_of(files: FileMount) -> Iterator[str]:
    shortest = SECRET_CHARS_MIN if files.secret else LINE_CHARS_MIN
    texts = (entry.content.reveal().decode(errors="replace") for entry in files.entries)
    lines = [line for text in texts for line in text.splitlines()]
    values = [match[1].strip(_QUOTES) for match in map(_ASSIGNMENT.fullmatch, lines) if match]
    for piece in (*(line.strip() for line in lines), *(values if files.secret else ())):
        if len(piece) >= shortest:
            yield piece

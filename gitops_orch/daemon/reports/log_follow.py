"""`logs -f`: prints the log lines of an app's containers as they are written, also of containers created meanwhile."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from gitops_orch.daemon.app_names import AppSelector, find_service
from gitops_orch.daemon.application import Application
from gitops_orch.engine.base import Engine
from gitops_orch.errors import EngineError
from gitops_orch.model.observed import ObservedHost, OwnedContainer, Ownership

LINES_MAX = 10_000  # of a container, between two reads
LIST_EVERY = 5  # turns: the list of containers is read less often than their logs
TURN_S = 1.0

# Only such times begin a line of the Engine: a program may print its lines broken in many ways.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}")

Emit = Callable[[str, str, str], None]  # host, container, line


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which log lines a person wants."""

    tail: int
    since: datetime | None = None
    timestamps: bool = False


def follow_logs(
    application: Application,
    target: str,
    wanted: Wanted,
    emit: Emit,
    should_continue: Callable[[], bool] = lambda: True,
) -> None:
    """Emit the last log lines of every selected container, then each new line, while `should_continue` returns True."""
    meant = find_service(target, application.repository.desired().apps)
    printed: dict[str, str] = {}  # by container: the time of the last line, as the Engine writes it
    turn = 0
    there: list[tuple[str, OwnedContainer]] = []
    while should_continue():
        if turn % LIST_EVERY == 0:
            there = list(_selected(application, meant))
        for host, container in there:
            for line in _lines_of(application, host, container, wanted, printed):
                emit(host, container.name, line)
        turn += 1
        application.clock.sleep(TURN_S)


def _lines_of(
    application: Application, host: str, container: OwnedContainer, wanted: Wanted, printed: dict[str, str]
) -> tuple[str, ...]:
    """Return a container's new lines; none if its host does not answer: it is asked again in the next turn."""
    with suppress(EngineError):
        return tuple(_new_lines(application.engine(host), container.id, wanted, printed))
    return ()


def _selected(application: Application, meant: AppSelector) -> Iterator[tuple[str, OwnedContainer]]:
    for name, host in sorted(application.observe().items()):
        containers = host.owned if isinstance(host, ObservedHost) else ()
        yield from ((name, each) for each in containers if _is_selected(each.owner, meant))


def _is_selected(owner: Ownership, meant: AppSelector) -> bool:
    return owner.app == meant.app and meant.service in (None, owner.service)


def _new_lines(engine: Engine, container: str, wanted: Wanted, printed: dict[str, str]) -> Iterator[str]:
    """Yield the lines after the last one. The Engine's times have a fixed width, so they can be compared as text."""
    last = printed.get(container, "")
    since = datetime.fromisoformat(f"{last[:26]}+00:00") if last else wanted.since
    tail = LINES_MAX if last else wanted.tail
    for line in engine.logs(container, tail=tail, since=since, timestamps=True).split("\n"):
        at, _, text = line.rstrip("\r").partition(" ")
        if at > last and _TIME.match(at):
            printed[container] = max(at, printed.get(container, ""))
            yield f"{at} {text}" if wanted.timestamps else text

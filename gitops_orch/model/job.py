"""Hooks around a container's start and stop, and the schedules of cron services."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum

from gitops_orch.model.sensitive.shown_command import masked_words

MINUTE_S = 60
# The slot of a scheduled run is its time in minutes since the epoch; no service has so many replicas.
RUN_SLOT_MIN = 1_000_000
RUN_SLOT_MAX = 4_000_000_000  # in the year 9575; later times fit no calendar
HISTORY_DEFAULT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A command of `post_start`, `pre_stop` or `pre_start`, and its user (Compose specification, services)."""

    command: tuple[str, ...]
    user: str = ""  # "": the container's
    privileged: bool = False
    working_dir: str = ""  # "": the container's
    environment: tuple[str, ...] = ()  # NAME=value, in addition to the container's own
    image: str = ""  # of a pre_start: "" is the service's
    per_replica: bool = False  # of a pre_start: it runs before each new container, not once for the service

    def __str__(self) -> str:
        """Return the command as readable text, with secret values masked."""
        return " ".join(masked_words(self.command))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The commands that run in a container after each start, and before each stop."""

    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()

    def text(self) -> str:
        """Return the hooks as the text of a label; "" where there are none."""
        rows = {key: [_row(hook) for hook in hooks] for key, hooks in self._present()}
        return json.dumps(rows, sort_keys=True, separators=(",", ":")) if rows else ""

    def _present(self) -> tuple[tuple[str, tuple[Hook, ...]], ...]:
        both = (("post_start", self.post_start), ("pre_stop", self.pre_stop))
        return tuple((key, hooks) for key, hooks in both if hooks)


def _row(hook: Hook) -> dict[str, object]:
    """Return a hook as a label stores it.

    `per_replica` is left out: only a pre_start has it, and older labels stay equal without it.
    """
    return {key: value for key, value in asdict(hook).items() if key != "per_replica"}


def read_hooks_text(text: str) -> Hooks:
    """Return the hooks in a label; none where the text is not from gitops-orch."""
    try:
        rows = {key: tuple(_hook(row) for row in hooks) for key, hooks in json.loads(text).items()}
        return Hooks(**rows)
    except (ValueError, TypeError, AttributeError):
        return Hooks()


def _hook(row: dict[str, object]) -> Hook:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Hook(**values)  # type: ignore[arg-type]  # a field of a wrong type is not ours, and makes its command fail


class Concurrency(Enum):
    """What happens to a run that is due while another run of the service is not finished."""

    ALLOW = "allow"
    FORBID = "forbid"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class CronFields:
    """The five fields of a cron expression, each as the set of values that it allows; Sunday is 0.

    A day must be among `days` and among `weekdays`. With `either_day` it must be among one of them, as cron defines it
    where the expression restricts both.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either_day: bool = False
    # The hour is `*` or `*/n`: the schedule follows elapsed time, not the local clock.
    every_hour: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`x-gitops.job` with a schedule."""

    expression: str
    fields: CronFields
    timezone: str = "UTC"
    concurrency: Concurrency = Concurrency.FORBID
    deadline_s: float | None = None  # None: it may run without limit
    history: int = HISTORY_DEFAULT  # how many finished runs are kept


def is_run_slot(slot: int) -> bool:
    """Return whether a slot is the time of a scheduled run."""
    return slot >= RUN_SLOT_MIN


def run_slot(at: datetime) -> int:
    """Return the slot of the run at a scheduled time."""
    return int(at.timestamp()) // MINUTE_S


def run_time(slot: int) -> datetime:
    """Return the scheduled time of a run's slot."""
    return datetime.fromtimestamp(slot * MINUTE_S, UTC)

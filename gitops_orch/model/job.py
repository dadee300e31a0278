"""What runs beside a service's containers, or instead of them: hooks around a start and a stop, and runs on a schedule."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

MINUTE_S = 60
# A run's slot is its time in minutes since the epoch; no service has so many replicas.
RUN_SLOT_MIN = 1_000_000
HISTORY_DEFAULT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A command of `post_start`, `pre_stop` or `pre_start`, and as whom it runs (Compose specification, services)."""

    command: tuple[str, ...]
    user: str = ""  # "": the container's
    privileged: bool = False
    working_dir: str = ""  # "": the container's
    environment: tuple[str, ...] = ()  # NAME=value, beside the container's own
    image: str = ""  # of a pre_start: "" is the service's

    def __str__(self) -> str:
        """Return the command as one reads it: what it is, not with which values."""
        return " ".join(self.command)


class Concurrency(Enum):
    """What becomes of a run that is due while another one is under way."""

    ALLOW = "allow"
    FORBID = "forbid"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class CronFields:
    """The five fields of a cron expression, each as all the values that it allows; Sunday is 0.

    A day must be among `days` and `weekdays`; with `either_day`, among one of them, as cron has it where both are said.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either_day: bool = False
    every_hour: bool = (
        False  # the hour is `*` or `*/n`: it goes by the time that passes, not by the clock on the wall
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`x-gitops.job` with a schedule."""

    expression: str
    fields: CronFields
    timezone: str = "UTC"
    concurrency: Concurrency = Concurrency.FORBID
    deadline_s: float | None = None  # None: it may run for ever
    history: int = HISTORY_DEFAULT  # finished runs that are kept


def is_run_slot(slot: int) -> bool:
    """Tell whether a slot is the time of a scheduled run."""
    return slot >= RUN_SLOT_MIN


def run_slot(at: datetime) -> int:
    """Return the slot of the run of a scheduled time."""
    return int(at.timestamp()) // MINUTE_S


def run_time(slot: int) -> datetime:
    """Return the scheduled time of a run's slot."""
    return datetime.fromtimestamp(slot * MINUTE_S, UTC)

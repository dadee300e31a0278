"""Counts of the events in histories."""

from dataclasses import dataclass


@dataclass
class Tally:
    """The events of a history, counted, so that a reader sees that the history tests something."""

    commits: int = 0
    passes: int = 0
    crashes: int = 0
    requests: int = 0
    wipes: int = 0
    refusals: int = 0
    quarantines: int = 0
    drifted: int = 0
    holds: int = 0
    runs: int = 0  # of scheduled services
    commands: int = 0  # of hooks
    ended_outside: int = 0  # containers, or whole hosts, during a health gate
    strangers: int = 0  # foreign containers on ports
    taken_over: int = 0  # containers of Compose projects
    tags_moved: int = 0  # pushed again, for services that follow their tag
    pushes: int = 0  # of reverts, by the controller

    def add(self, other: "Tally") -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

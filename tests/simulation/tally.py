"""What histories were made of."""

from dataclasses import dataclass


@dataclass
class Tally:
    """What a history was made of, so that one can see that it tests something."""

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
    ended_outside: int = 0  # containers, or all of a host, while a gate looked
    strangers: int = 0  # on ports
    taken_over: int = 0  # containers of Compose projects
    tags_moved: int = 0  # pushed again, where services ask for that
    pushes: int = 0  # of reverts, by the controller

    def add(self, other: "Tally") -> None:
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

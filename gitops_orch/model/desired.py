"""What one commit wants: hosts, apps, and what is wrong with the rest."""

from dataclasses import dataclass, field

from gitops_orch.model.app import App, AppKey
from gitops_orch.model.host import Fleet, Host
from gitops_orch.model.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The desired state of a whole tree.

    `broken` are apps whose file is there but has mistakes: they keep running what they run, and never count as gone.
    `broken_paths` are files so broken that not even their app's name is known: while there is one, nothing is pruned.
    `complete` is False where the hosts or the fleet could not be read: then nothing may be touched at all.
    """

    commit: str
    hosts: tuple[Host, ...] = ()
    apps: tuple[App, ...] = ()
    fleet: Fleet = field(default_factory=Fleet)
    broken: tuple[AppKey, ...] = ()
    broken_paths: tuple[str, ...] = ()
    complete: bool = True
    problems: tuple[Problem, ...] = ()

"""What one commit wants: hosts, apps, and what is wrong with the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops_orch.model.app import App, AppKey
from gitops_orch.model.host import Fleet, Host
from gitops_orch.model.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenFile:
    """A Compose file that is there, and is no app because of a mistake in it or in what it uses.

    `key` is the app that it declares now; None where that cannot be read.  `named`: by a `name:` of its own, so that
    the app is the same wherever the file lies.  `mistake` is the first one, with its place.
    """

    path: str
    key: AppKey | None
    named: bool
    mistake: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The desired state of a whole tree.

    `broken` are apps whose file is there but has mistakes: they keep running what they run, and never count as gone.
    `broken_paths` are files so broken that not even their app's name is known: while there is one, nothing is pruned.
    `broken_files` are the files of both, and of apps that clash with others; `broken_why` says for an app what is wrong.
    `refused` are all entries of the tree that are not read, each with why: an app may lie below one.
    `left_out` are apps that `.gitops-ignore` leaves out, each with the place of the pattern.
    `complete` is False where the hosts or the fleet could not be read: then nothing may be touched at all.
    """

    commit: str
    hosts: tuple[Host, ...] = ()
    apps: tuple[App, ...] = ()
    fleet: Fleet = field(default_factory=Fleet)
    broken: tuple[AppKey, ...] = ()
    broken_paths: tuple[str, ...] = ()
    broken_files: tuple[BrokenFile, ...] = ()
    broken_why: Mapping[AppKey, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[AppKey, str] = field(default_factory=dict)
    complete: bool = True
    problems: tuple[Problem, ...] = ()

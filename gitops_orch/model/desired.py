"""What one commit wants: hosts, apps, and what is wrong with the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import dirname

from gitops_orch.model.app import App, AppKey
from gitops_orch.model.host import Fleet, Host
from gitops_orch.model.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidFile:
    """A Compose file that is there, and is no app because of a mistake in it or in what it uses.

    `key` is the app that it declares now; None where that cannot be read.  `mistake` is the first one, with its place.
    """

    path: str
    key: AppKey | None
    mistake: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A Compose file that is no app of its own: other files include or extend it.

    `user` is one of those, "" where there is none; `declared`: the file itself says that it is a fragment.  `broken`
    where it cannot be read at all.
    """

    path: str
    key: AppKey | None
    user: str
    declared: bool
    broken: InvalidFile | None = None

    def __str__(self) -> str:
        return f"{self.path}: is a fragment and no app, because {self.reason}"

    @property
    def reason(self) -> str:
        """Return why it is a fragment."""
        reasons = ["it declares x-gitops: {fragment: true}"] if self.declared else []
        reasons += [f"{self.user} reuses it"] if self.user else []
        return " and ".join(reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """What was there before a commit, as far as history or labels tell: files that were apps or fragments, hosts."""

    directories: frozenset[str] = frozenset()  # that hold the file of an app
    apps: frozenset[AppKey] = frozenset()
    fragments: Mapping[str, str] = field(default_factory=dict)  # by path: a file that reuses it
    hosts: bool = False  # there were Host documents at some time

    def held(self, path: str, key: AppKey | None) -> bool:
        """Tell whether a file was an app: by its directory, which may hold it under another name, or by its app."""
        return dirname(path) in self.directories or key in self.apps


NO_FORMER = Former()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The desired state of a whole tree.

    `invalid_apps` are apps whose file is there but has mistakes: they keep running what they run, and never count as gone.
    `invalid_paths` are files so broken that not even their app's name is known: while there is one, nothing is pruned.
    `invalid_files` are the files of both, and of apps that clash with others; `invalid_reasons` says for an app what is wrong.
    `kept` are apps that no file declares any more and that are not removed before somebody allows it, each with why.
    `refused` are all entries of the tree that are not read, each with why: an app may lie below one.
    `left_out` are apps that `.gitops-ignore` leaves out, each with the place of the pattern.
    `complete` is False where the hosts or the fleet could not be read: then nothing may be touched at all.
    """

    commit: str
    hosts: tuple[Host, ...] = ()
    apps: tuple[App, ...] = ()
    fleet: Fleet = field(default_factory=Fleet)
    invalid_apps: tuple[AppKey, ...] = ()
    invalid_paths: tuple[str, ...] = ()
    invalid_files: tuple[InvalidFile, ...] = ()
    invalid_reasons: Mapping[AppKey, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[AppKey, str] = field(default_factory=dict)
    fragments: tuple[Fragment, ...] = ()
    kept: Mapping[AppKey, str] = field(default_factory=dict)
    reuses: bool = False  # a file reuses another one: which are apps depends on which were
    complete: bool = True
    problems: tuple[Problem, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Tell whether what was known of its apps before matters: a file is broken, refused or a fragment."""
        return bool(self.invalid_files or self.refused or self.fragments)

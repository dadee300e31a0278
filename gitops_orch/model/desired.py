"""What one commit declares: hosts and apps, and the problems in all other files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import dirname

from gitops_orch.model.app import App, AppKey
from gitops_orch.model.host import Fleet, Host
from gitops_orch.model.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidFile:
    """A Compose file that is not an app because of a mistake in it, or in a file that it uses.

    `key` is the app that it declares now; None where that cannot be read. `mistake` is the first mistake, with its
    position.
    """

    path: str
    key: AppKey | None
    mistake: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A Compose file that is not an app of its own: other files include or extend it.

    `user` is one of these files; "" where there is none. `declared`: the file itself declares that it is a fragment.
    `broken` is set where the file cannot be read at all.
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
    """What existed before a commit, as recorded in history or labels: apps, fragments and hosts."""

    directories: frozenset[str] = frozenset()  # that contain the file of an app
    apps: frozenset[AppKey] = frozenset()
    fragments: Mapping[str, str] = field(default_factory=dict)  # by path: a file that reuses it
    hosts: bool = False  # there were Host documents before

    def held(self, path: str, key: AppKey | None) -> bool:
        """Return whether a file was an app before.

        The file counts by its app, or by its directory, which may have held the same app under another file name.
        """
        return dirname(path) in self.directories or key in self.apps


NO_FORMER = Former()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The desired state of a whole tree.

    `invalid_apps` are apps whose file exists but has mistakes: their containers stay, and they never count as removed.
    `invalid_paths` are files with such mistakes that not even the app's name is known: while there is one, nothing is
    pruned.
    `invalid_files` are the files of both, and of apps that conflict with others; `invalid_reasons` has the reason for
    each app.
    `kept` are apps that no file declares any more, but that are removed only after an operator allows it; each with the
    reason.
    `refused` are all entries of the tree that are not read, each with the reason: an app may be below one.
    `left_out` are apps that `.gitops-ignore` excludes, each with the position of the pattern.
    `complete` is False where the hosts or the fleet could not be read: then nothing may be changed at all.
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
    reuses: bool = False  # a file reuses another one: which files are apps depends on the apps before
    complete: bool = True
    problems: tuple[Problem, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Return whether the apps of the commit before matter: a file is invalid, refused or a fragment."""
        return bool(self.invalid_files or self.refused or self.fragments)

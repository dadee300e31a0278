"""A repository without Git: its commits are recipes, and the answers of source and loader are built from them."""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

from simulation.recipes import AppRecipe, TreeRecipe, to_app, to_hosts
from simulation.weather import crash_now
from simulation.yaml_tree import app_in, to_tree

from gitops_orch.controller.desired import config_repository as facade
from gitops_orch.errors import SourceError, SourceUnavailable
from gitops_orch.manifest.cache import ManifestCache
from gitops_orch.manifest.compile import compile_tree
from gitops_orch.model.app import AppKey
from gitops_orch.model.desired import Desired, Former
from gitops_orch.model.host import Fleet, PruneBudget
from gitops_orch.model.problem import Position, Problem
from gitops_orch.model.tree import Tree


class Repository:
    """Replaces `source.Source`; `reachable` False means that the remote does not answer.

    With `files`, commits are trees of real files for the real loader; otherwise the loader gets the compiled result.
    """

    def __init__(self, *, files: bool = False) -> None:
        self.files = files
        self.commits: dict[str, TreeRecipe] = {}
        self.order: list[str] = []
        self.recipes: dict[tuple[AppKey, str], AppRecipe] = {}
        self.reachable = True
        self.url = "file:///fleet"
        self.push_count = 0
        # The result of a push: "" (accepted), `lost` (accepted, but the answer is lost), `refused`, `late` (another
        # commit was pushed first); with `before` or `after`, the controller crashes before or after it is accepted.
        self.push_weather: Callable[[], str] = lambda: ""
        self.on_late: Callable[[], None] = lambda: None
        self._desired: dict[tuple[str, bool], Desired] = {}
        self._cache = ManifestCache()
        self.allow_empty = False

    def commit(self, tree: TreeRecipe) -> str:
        """Add a commit and return its id."""
        identity = hashlib.sha1(f"{len(self.order)}".encode()).hexdigest()
        self.commits[identity] = tree
        self._land(identity)
        return identity

    def _land(self, identity: str) -> None:
        self.order.append(identity)
        recipes = {app.key: app for app in self.commits[identity].apps}
        for app in self.desired(identity).apps:
            self.recipes[(app.key, app.digest)] = recipes[app.key]

    @property
    def head(self) -> str:
        return self.order[-1]

    @property
    def head_tree(self) -> TreeRecipe:
        return self.commits[self.head]

    def is_among(self, app: AppRecipe, digests: Iterable[str]) -> bool:
        """Whether one of these releases of an app has this recipe, compiled in either way."""
        return any(self.recipes.get((app.key, digest)) == app for digest in digests)

    def desired(self, commit: str) -> Desired:
        """The desired state that the loader compiles from a commit."""
        if (commit, self.allow_empty) not in self._desired:
            self._desired[(commit, self.allow_empty)] = self._compile(commit)
        return self._desired[(commit, self.allow_empty)]

    def _compile(self, commit: str) -> Desired:
        tree = self.commits[commit]
        if self.files:
            # Apps that other apps reuse were apps before, so they stay apps.
            former = Former(apps=frozenset(app.key for app in tree.apps))
            return compile_tree(self.tree(commit), environment=None, cache=self._cache, former=former)
        broken = [app for app in tree.apps if app.name in tree.broken]
        spoiled = [f"{app.name}/compose.yaml" for app in broken] + (
            ["hosts/h1.yaml"] if tree.unreadable else []
        )
        return Desired(
            commit=commit,
            hosts=to_hosts(tree),
            apps=tuple(to_app(app) for app in tree.apps if app not in broken),
            fleet=Fleet(prune=PruneBudget(allow_empty=self.allow_empty)),
            invalid_apps=tuple(app.key for app in broken),
            complete=not tree.unreadable,
            problems=tuple(Problem(position=Position(path=path), message="no YAML") for path in spoiled),
        )

    # The methods of a source that the controller calls.

    def fetch(self, *, last_commit: str | None, accepted: frozenset[str] = frozenset()) -> str:
        if not self.reachable:
            raise SourceUnavailable("the remote does not answer")
        return self.head

    def tree(self, commit: str) -> Tree | SimpleNamespace:
        if self.files:
            return to_tree(commit, self.commits[commit], allow_empty=self.allow_empty)
        return SimpleNamespace(commit=commit, repository=self)

    def commit_info(self, commit: str) -> SimpleNamespace:
        return SimpleNamespace(commit=commit, author="somebody", subject="", at=None, trailers=(), parents=())

    def touching(self, paths: tuple[str, ...], *, since: str, head: str) -> tuple[str, ...]:
        return (head,)

    def draft_revert(self, *, paths: tuple[str, ...], to_commit: str, head: str, message: str) -> str:
        """A commit on top of head that restores the apps of these files as they were in `to_commit`."""
        then, now = self.commits[to_commit], self.commits[head]
        names = {app_in(path) if self.files else path.partition("/")[0] for path in paths}
        apps = tuple(then.app(app.name) or app if app.name in names else app for app in now.apps)
        created = hashlib.sha1(f"{head} {to_commit} {sorted(names)}".encode()).hexdigest()
        self.commits[created] = replace(now, apps=apps, broken=now.broken - names, message="pushed")
        return created

    def push(self, created: str, *, head: str) -> None:
        weather = self.push_weather() if self.reachable else "refused"
        if weather == "before":
            crash_now()
        if weather == "refused":
            raise SourceError("the server does not take it")
        if weather == "late":
            self.on_late()
        if head != self.head:
            raise SourceUnavailable("the branch moved")
        self.push_count += 1
        self._land(created)
        if weather == "after":
            crash_now()
        if weather == "lost":
            raise SourceError("the answer was lost")

    def reverted_by_user(self, *, since: str, head: str) -> tuple[str, ...]:
        return ()

    def has(self, commit: str) -> bool:
        return commit in self.commits

    def keep(self, commit: str) -> None:
        """All commits stay."""

    def release_kept(self, keep: set[str]) -> None:
        """All commits stay."""


@contextmanager
def without_yaml():
    """Let the controller's loader compile apps from recipes; everything below it is real."""
    real = facade.compile_tree, facade.compile_one, facade.read_fleet
    facade.compile_tree = lambda tree, **_: tree.repository.desired(tree.commit)
    facade.compile_one = _app_at
    facade.read_fleet = lambda tree: tree.repository.desired(tree.commit).fleet
    try:
        yield
    finally:
        facade.compile_tree, facade.compile_one, facade.read_fleet = real


def _app_at(tree, key, **_):
    desired = tree.repository.desired(tree.commit)
    return next((app for app in desired.apps if app.key == key), None)

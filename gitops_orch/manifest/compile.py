"""Compiles a whole tree to the desired state of one commit: all apps, all hosts, and all mistakes at once."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from gitops_orch.errors import GitopsOrchError, internal_error
from gitops_orch.manifest.app.compile_app import CompiledFile, CompileSettings
from gitops_orch.manifest.app.policy import DEFAULT_NAMESPACE, declared_fragment, read_namespace
from gitops_orch.manifest.cache import ManifestCache, settings_fingerprint
from gitops_orch.manifest.compose.loader import ComposeRequest, LoadedCompose, load_compose, printed
from gitops_orch.manifest.cross_checks import check_tree
from gitops_orch.manifest.fleet_documents import Documents, FleetContext, read_documents
from gitops_orch.manifest.fragments import sort_files, users_of
from gitops_orch.manifest.ignored_files import NOTES_MAX, notes_of
from gitops_orch.manifest.problems.collector import has_errors
from gitops_orch.manifest.repository.discover import (
    FLEET_PATH,
    Discovered,
    default_app_name,
    discover,
    is_document,
)
from gitops_orch.manifest.repository.git_files import GitFiles, rooted
from gitops_orch.model.app import App, AppKey
from gitops_orch.model.desired import NO_FORMER, Desired, Former, InvalidFile
from gitops_orch.model.problem import Position, Problem
from gitops_orch.model.tree import Tree

LOCAL_URL = "unix:///var/run/docker.sock"
LEFT_OUT_MAX = 100  # files from which the app's name is read
# For callers that need only variables
_ANY_ORIGIN = FleetContext(local_url=LOCAL_URL, hosts_ever_known=False)


def compile_tree(
    tree: Tree,
    *,
    environment: str | None,
    strict: bool = False,
    cache: ManifestCache | None = None,
    local_url: str = LOCAL_URL,
    former: Former = NO_FORMER,
) -> Desired:
    """Return the desired state of the commit; mistakes are in `problems` and raise nothing; SourceError may be raised.

    `local_url` is the Engine of the host `local`, which exists where the repository declares no hosts. With
    `former.hosts` there is no such host, because a fleet that lost its documents must not move onto the controller's
    machine.
    `former` are the apps before this commit: they stay apps when another file reuses them.
    """
    store = cache or ManifestCache()
    found = discover(tree)
    documents = store.documents(tree, found, FleetContext(local_url=local_url, hosts_ever_known=former.hosts))
    settings = _settings(documents, environment, strict=strict)
    sorted_files = sort_files(_compile_all(tree, found.compose, settings, store), former)
    compiled = sorted_files.apps
    tree_result = check_tree(compiled, documents)
    unread_apps = [path for path in found.unread if not is_document(path)]
    return Desired(
        commit=tree.commit,
        hosts=documents.hosts,
        apps=tree_result.apps,
        fleet=documents.fleet,
        invalid_apps=tree_result.invalid_apps,
        invalid_paths=tuple(sorted([file.path for file in compiled if file.key is None] + unread_apps)),
        invalid_files=(*tree_result.invalid_files, *sorted_files.unread(), *_unread_files(found)),
        invalid_reasons={
            file.key: file.mistake for file in tree_result.invalid_files if file.key is not None
        },
        refused=tree.refused,
        left_out=_left_out(tree, found, settings, store),
        fragments=sorted_files.fragments,
        reuses=sorted_files.reuses,
        complete=documents.complete,
        problems=_ordered(
            [*found.problems, *documents.problems, *tree_result.problems, *sorted_files.problems]
        ),
    )


def compile_one(
    tree: Tree,
    app: AppKey,
    *,
    environment: str | None,
    path: str | None = None,
    cache: ManifestCache | None = None,
) -> App | None:
    """Return one app as that commit declares it; None where it has mistakes or does not exist.

    `path` is the file to try first.
    """
    file = find_app_file(tree, app, environment=environment, path=path, cache=cache)
    return file.app if file is not None else None


def find_app_file(
    tree: Tree,
    app: AppKey,
    *,
    environment: str | None,
    path: str | None = None,
    cache: ManifestCache | None = None,
) -> CompiledFile | None:
    """Return the result of one app's file, with all its dependencies; None where no file declares that app."""
    found = discover(tree)
    documents = read_documents(tree, found, _ANY_ORIGIN)
    settings = _settings(documents, environment, strict=False)
    store = cache or ManifestCache()
    likely = [candidate for candidate in found.compose if candidate == path]
    likely += [candidate for candidate in found.compose if default_app_name(candidate, tree) == app.name]
    for paths in (dict.fromkeys(likely), found.compose):
        # An app that is requested by name counts as an app even where another file reuses it.
        asked = Former(apps=frozenset({app}))
        for file in sort_files(_compile_all(tree, paths, settings, store), asked).apps:
            if file.key == app:
                return file
    return None


def all_app_files(
    tree: Tree, *, environment: str | None, cache: ManifestCache, former: Former = NO_FORMER
) -> tuple[CompiledFile, ...]:
    """Return the results of every app's file, with all their dependencies, without fragments."""
    found = discover(tree)
    settings = _settings(read_documents(tree, found, _ANY_ORIGIN), environment, strict=False)
    return sort_files(_compile_all(tree, found.compose, settings, cache), former).apps


def validate_tree(tree: Tree, *, environment: str | None = None, strict: bool = False) -> tuple[Problem, ...]:
    """Return every mistake of a tree, by file and line, and notes on files that are not read."""
    return examined_tree(tree, environment=environment, strict=strict).problems


def examined_tree(tree: Tree, *, environment: str | None = None, strict: bool = False) -> Desired:
    """Return the desired state of a tree, with notes on files that are not read among its problems."""
    cache = ManifestCache()
    desired = compile_tree(tree, environment=environment, strict=strict, cache=cache)
    files = all_app_files(tree, environment=environment, cache=cache)
    notes = islice(notes_of(tree, files), NOTES_MAX)
    return replace(desired, problems=_ordered([*desired.problems, *notes]))


def render_tree(
    tree: Tree, *, environment: str | None = None
) -> tuple[dict[str, dict[str, Any]], tuple[Problem, ...]]:
    """Return `{"apps": {"<namespace>/<app>": model}}` as Compose resolves it, and Compose's problems."""
    found = discover(tree)
    documents = read_documents(tree, found, _ANY_ORIGIN)
    loaded: dict[str, LoadedCompose] = {}
    for path in found.compose:
        request = ComposeRequest(
            tree=tree,
            path=path,
            variables=documents.fleet.variables,
            environment=environment,
            default_name=default_app_name(path, tree),
        )
        loaded[path] = load_compose(request)
    users = users_of({path: one.included for path, one in loaded.items()})
    apps: dict[str, Any] = {}
    variables = (problem for problem in documents.problems if problem.position.path == FLEET_PATH)
    problems: list[Problem] = [*found.problems, *variables]
    for path, one in loaded.items():
        declared = declared_fragment(one.x_gitops)
        if not (declared or (declared is None and path in users)):
            problems += one.problems
            if not has_errors(one.problems):
                namespace = read_namespace(one.x_gitops) or DEFAULT_NAMESPACE
                apps[str(AppKey(namespace=namespace, name=one.name))] = printed(one.model)
    return {"apps": apps}, _ordered(problems)


def _left_out(
    tree: Tree, found: Discovered, settings: CompileSettings, cache: ManifestCache
) -> dict[AppKey, str]:
    """Return the apps that are left out, so that the reason of a removal can name the pattern."""
    if not found.left_out:
        return {}
    files = _compile_all(tree, tuple(found.left_out)[:LEFT_OUT_MAX], settings, cache)
    return {file.key: found.left_out[file.path] for file in files if file.key is not None}


def _unread_files(found: Discovered) -> Iterator[InvalidFile]:
    """Yield the Compose files that the tree refuses to read."""
    for problem in found.problems:
        path = problem.position.path
        if path in found.unread and not is_document(path):
            yield InvalidFile(path=path, key=None, mistake=str(problem))


def _settings(documents: Documents, environment: str | None, *, strict: bool) -> CompileSettings:
    return CompileSettings(
        variables=documents.fleet.variables,
        defaults=documents.defaults,
        environment=environment,
        strict=strict,
    )


def _compile_all(
    tree: Tree, paths: Iterable[str], settings: CompileSettings, cache: ManifestCache
) -> list[CompiledFile]:
    git = GitFiles.of(rooted(tree))
    fingerprint = settings_fingerprint(settings, tree.name)
    return [_compile(git, path, settings, fingerprint, cache) for path in paths]


def _compile(
    git: GitFiles, path: str, settings: CompileSettings, fingerprint: str, cache: ManifestCache
) -> CompiledFile:
    """Compile a file; an internal error is a problem of that file only, and its app then stays as it is."""
    try:
        return cache.compile(git, path, settings, fingerprint)
    except (GitopsOrchError, OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - the other files are still valid
        place = Position(path=path)
        problem = Problem(position=place, message=internal_error(error))
        return CompiledFile(
            path=path, key=None, app=None, problems=(problem,), included=(), name_place=place, read=(path,)
        )


def _ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    unique = dict.fromkeys(problems)
    return tuple(
        sorted(unique, key=lambda problem: (problem.position, problem.severity.value, problem.message))
    )

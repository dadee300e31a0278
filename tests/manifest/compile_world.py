"""Trees from text, and what they compile to: the words that the compile tests are written in."""

import hashlib
from collections.abc import Mapping
from textwrap import dedent

from gitops_orch.manifest.cache import ManifestCache
from gitops_orch.manifest.compile import compile_tree
from gitops_orch.model.app import App, AppKey, Service
from gitops_orch.model.desired import Desired
from gitops_orch.model.problem import Severity
from gitops_orch.model.tree import Tree, TreeFile

HOSTS = """
apiVersion: gitops-orch/v1
kind: Host
metadata: {name: edge-1, labels: {zone: eu}}
spec: {url: "sim://edge-1"}
---
apiVersion: gitops-orch/v1
kind: Host
metadata: {name: edge-2, labels: {zone: us}}
spec: {url: "sim://edge-2"}
"""


def tree_of(
    files: Mapping[str, str | bytes],
    *,
    modes: Mapping[str, int] | None = None,
    refused: Mapping[str, str] | None = None,
    name: str = "repo",
    root: str = "",
) -> Tree:
    contents = {
        path: text if isinstance(text, bytes) else dedent(text).encode() for path, text in files.items()
    }
    return Tree(
        commit="c" * 40,
        files={
            path: TreeFile(
                path=path,
                blob=hashlib.sha1(content).hexdigest(),
                mode=(modes or {}).get(path, 0o644),
                size_bytes=len(content),
            )
            for path, content in contents.items()
        },
        read=contents.__getitem__,
        refused=refused or {},
        root=root,
        name=name,
    )


def compiled(
    files: Mapping[str, str | bytes],
    *,
    environment: str | None = None,
    strict: bool = False,
    cache: ManifestCache | None = None,
    **tree: object,
) -> Desired:
    return compile_tree(tree_of(files, **tree), environment=environment, strict=strict, cache=cache)


def app_of(text: str, *, others: Mapping[str, str | bytes] | None = None) -> App:
    """The app of `shop/compose.yaml`, which must have no mistake."""
    desired = compiled({"shop/compose.yaml": text, **(others or {})})
    assert not errors(desired), errors(desired)
    return desired.apps[0]


def service_of(text: str, *, others: Mapping[str, str | bytes] | None = None) -> Service:
    """Service `api` of that app."""
    return app_of(text, others=others).service("api")


def errors(desired: Desired) -> list[str]:
    return [str(problem) for problem in desired.problems if problem.severity is Severity.ERROR]


def warnings(desired: Desired) -> list[str]:
    return [str(problem) for problem in desired.problems if problem.severity is Severity.WARNING]


def keys(desired: Desired) -> list[str]:
    return [str(app.key) for app in desired.apps]


def key(text: str) -> AppKey:
    namespace, name = text.split("/")
    return AppKey(namespace=namespace, name=name)

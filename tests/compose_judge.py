"""Loads of trees from text, and what Compose itself prints for the same files: the words of the loader's tests."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

from gitops_orch.manifest.compose.loader import ComposeRequest, LoadedCompose, load_compose, printed
from gitops_orch.model.problem import Severity
from gitops_orch.model.tree import Tree, TreeFile

ROOT = "/srv/proj"  # where recorded answers say that the repository stands


def tree(
    files: Mapping[str, str | bytes], root: str = ROOT, refused: Mapping[str, str] | None = None
) -> Tree:
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    return Tree(
        commit="",
        files={
            path: TreeFile(
                path=path, blob=hashlib.sha1(content).hexdigest(), mode=0o644, size_bytes=len(content)
            )
            for path, content in contents.items()
        },
        read=contents.__getitem__,
        refused=refused or {},
        root=root,
        name="repo",
    )


def load(files: Mapping[str, str | bytes] | str, path: str = "compose.yaml", **request) -> LoadedCompose:
    """Load a Compose file of a tree; a text alone is `compose.yaml`."""
    if isinstance(files, str):
        files = {"compose.yaml": dedent(files)}
    root, refused = request.pop("root", ROOT), request.pop("refused", None)
    return load_compose(ComposeRequest(tree=tree(files, root, refused), path=path, **request))


def errors(loaded: LoadedCompose) -> list[str]:
    return [str(problem) for problem in loaded.problems if problem.severity is Severity.ERROR]


def warnings(loaded: LoadedCompose) -> list[str]:
    return [str(problem) for problem in loaded.problems if problem.severity is Severity.WARNING]


def service(text: str, **request) -> dict:
    """Return the only service `a` of a file, which must have no mistakes."""
    loaded = load(f"services:\n  a:\n    image: i\n{indented(text)}", **request)
    assert not errors(loaded)
    return loaded.model["services"]["a"]


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in dedent(text).strip().splitlines())


def verdict(loaded: LoadedCompose) -> dict | None:
    """Return what `render` prints, or None where the file is refused."""
    return None if loaded.failed else printed(loaded.model)


def judge(program: Path, directory: Path, *files: str) -> dict | None:
    """Return what Compose prints for the files of a directory, or None where it refuses them."""
    arguments = [argument for file in files for argument in ("-f", file)]
    answer = subprocess.run(
        [str(program), *arguments, "config", "--format", "json"],
        cwd=directory,
        env={"HOME": "/root", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return json.loads(answer.stdout) if answer.returncode == 0 else None


def differences(ours: object, theirs: object, path: str = "") -> Iterator[str]:
    """Yield every place where two models differ, in words."""
    if type(ours) is dict and type(theirs) is dict:
        for key in sorted(ours.keys() | theirs.keys()):
            if key not in ours:
                yield f"{path}.{key}: only Compose has it: {theirs[key]!r}"
            elif key not in theirs:
                yield f"{path}.{key}: only we have it: {ours[key]!r}"
            else:
                yield from differences(ours[key], theirs[key], f"{path}.{key}")
    elif type(ours) is list and type(theirs) is list and len(ours) == len(theirs):
        for index, (own, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(own, other, f"{path}[{index}]")
    elif ours != theirs or isinstance(ours, bool) is not isinstance(theirs, bool):
        yield f"{path}: we print {ours!r}, Compose {theirs!r}"

"""The house rules that a machine can hold: sizes, layers, purity. docs/ARCHITECTURE.md tells why they are what they are."""

import ast
import functools
import re
import statistics
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gitops_orch.settings import Settings
from tests.vocabulary import BANNED_PARTS, BANNED_PHRASES

ROOT = Path(__file__).parents[1]
PACKAGE = "gitops_orch"

FILE_LINES_MAX = 400
FOLDER_FILES_MAX = 16
FUNCTION_LINES_MAX = 70
FUNCTION_LINES_MEDIAN_MAX = 10
PARAMETERS_MAX = 6
NESTING_MAX = 3
CLASS_LINES_MAX = 250
CLASS_ATTRIBUTES_MAX = 12
HELP_CHARACTERS_MAX = 60

# From the bottom up. A room may know those on lines below its own; names on one line do not know each other.
LAYERS = (
    ("printable", "units", "version"),
    ("redaction", "private_files", "python_gc"),
    ("log_output",),
    ("errors",),
    ("clock", "logs", "settings_file"),
    ("settings",),
    ("model",),
    ("manifest", "planner"),
    ("engine", "history", "source", "secrets", "notify"),
    ("controller",),
    ("daemon",),
    ("cli", "api"),
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
# `python -m gitops_orch` is the command line under another name.
RANK["__main__"] = len(LAYERS)

# Arrows that exist for the type checker only, and may point up; nothing is imported at run time.
TYPE_ARROWS = {("errors", "model")}  # ManifestError carries Problem values

PURE = ("model/", "manifest/", "planner/", "engine/payload", "api/routes", "cli/render")
IMPURE_MODULES = {
    *(
        "asyncio",
        "concurrent",
        "fcntl",
        "gc",
        "glob",
        "http",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "random",
        "secrets",
    ),
    *("select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile"),
    *("threading", "time", "urllib", "uuid"),
    *("apprise", "apscheduler", "docker", "git", "prometheus_client", "requests", "sdnotify", "sqlalchemy"),
    *("structlog", "urllib3", "uvicorn"),
}
PURE_PARTS = {"urllib.parse"}
CLOCKS = {"now", "utcnow", "today"}


@dataclass(frozen=True, kw_only=True)
class Module:
    """One file of the package."""

    path: Path
    name: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text())

    @property
    def line_count(self) -> int:
        return len(self.path.read_text().splitlines())

    @property
    def room(self) -> str:
        return self.name.split(".")[1] if "." in self.name else ""

    @property
    def place(self) -> str:
        return str(self.path.relative_to(ROOT / PACKAGE))

    @property
    def pure(self) -> bool:
        return self.place.startswith(PURE)


def read_module(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(part for part in parts if part != "__init__")
    return Module(path=path, name=name)


MODULES = tuple(read_module(path) for path in sorted((ROOT / PACKAGE).rglob("*.py")))
NAMES = {module.name for module in MODULES}


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (
        node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


def nesting(node: ast.AST, depth: int = 0) -> int:
    """How deep control flow lies in control flow; an `elif` lies beside its `if`, and a nested function starts anew."""
    deepest = depth
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            beside = isinstance(node, ast.If) and field == "orelse" and isinstance(child, ast.If)
            opens = (
                isinstance(child, ast.If | ast.For | ast.While | ast.With | ast.Try | ast.Match)
                and not beside
            )
            deepest = max(deepest, nesting(child, depth + opens))
    return deepest


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted names that are imported, `from a import b` as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def typing_only(tree: ast.Module) -> set[str]:
    blocks = (node for node in ast.walk(tree) if isinstance(node, ast.If))
    return {name for block in blocks if ast.unparse(block.test) == "TYPE_CHECKING" for name in imports(block)}


def known(names: Iterator[str]) -> set[str]:
    """The modules of ours among imported names: `from gitops_orch.model import app` and `... .app import App` alike."""
    ours = {name for name in names if name.split(".")[0] == PACKAGE}
    return {name if name in NAMES else name.rpartition(".")[0] for name in ours}


def arrows(module: Module, *, run_time: bool) -> set[str]:
    found = set(imports(module.tree))
    return known(iter(found - typing_only(module.tree) if run_time else found)) - {module.name, PACKAGE}


def test_a_file_fits_in_the_head() -> None:
    found = {module.place: module.line_count for module in MODULES if module.line_count > FILE_LINES_MAX}
    assert found == {}, "divide them by what they do"


def test_functions_are_short_flat_and_take_few_parameters() -> None:
    found = [
        f"{module.place}:{function.lineno} {function.name}: {length(function)} lines, "
        f"{len(parameters(function))} parameters, nesting {nesting(function)}"
        for module in MODULES
        for function in functions(module)
        if length(function) > FUNCTION_LINES_MAX
        or len(parameters(function)) > PARAMETERS_MAX
        or nesting(function) > NESTING_MAX
    ]
    assert found == []


def test_the_usual_function_is_a_few_lines() -> None:
    median = statistics.median(length(function) for module in MODULES for function in functions(module))
    assert median < FUNCTION_LINES_MEDIAN_MAX


def test_every_room_has_its_place() -> None:
    rooms = {module.room for module in MODULES if module.name != PACKAGE}
    assert rooms <= RANK.keys(), "a room has no line in LAYERS: say what it may know"


def test_arrows_point_down() -> None:
    found = {module.place: arrows_up(module) for module in MODULES if module.name != PACKAGE}
    assert {place: up for place, up in found.items() if up} == {}, "they know what lies beside or above them"


def arrows_up(module: Module) -> set[str]:
    targets = {name.split(".")[1] for name in arrows(module, run_time=False)} - {module.room}
    up = {target for target in targets if RANK[target] >= RANK[module.room]}
    run_time = {name.split(".")[1] for name in arrows(module, run_time=True)}
    return {target for target in up if (module.room, target) not in TYPE_ARROWS or target in run_time}


def test_no_module_imports_itself_through_others() -> None:
    graph = {module.name: arrows(module, run_time=True) for module in MODULES}
    while leaves := {name for name, targets in graph.items() if not targets & graph.keys()}:
        graph = {name: targets for name, targets in graph.items() if name not in leaves}
    assert graph == {}, "these import each other, or what does"


def test_an_init_file_is_one_sentence_about_its_package() -> None:
    files = [module for module in MODULES if module.path.name == "__init__.py"]
    assert [module.place for module in files if not is_one_sentence(module.tree)] == []


def is_one_sentence(tree: ast.Module) -> bool:
    said = ast.get_docstring(tree) or ""
    return len(tree.body) == 1 and said.endswith(".") and "\n" not in said


def test_a_folder_fits_in_the_head() -> None:
    count = Counter(module.path.parent for module in MODULES)
    found = {str(folder): files for folder, files in count.items() if files > FOLDER_FILES_MAX}
    assert found == {}, "group its files by the question that they answer"


def box(name: str) -> str:
    """The sub-package of a room that has a module, or the module itself where it lies directly in its room."""
    return ".".join(name.split(".")[:3])


def test_arrows_point_down_inside_a_room_too() -> None:
    graph: dict[str, set[str]] = {box(module.name): set() for module in MODULES}
    for module in MODULES:
        graph[box(module.name)] |= {box(name) for name in arrows(module, run_time=True)} - {box(module.name)}
    while leaves := {name for name, targets in graph.items() if not targets & graph.keys()}:
        graph = {name: targets for name, targets in graph.items() if name not in leaves}
    assert graph == {}, "these sub-packages import each other, or what does"


def test_a_pure_room_neither_reads_nor_writes_nor_asks_the_time() -> None:
    found = {module.place: impurities(module) for module in MODULES if module.pure}
    assert {place: impure for place, impure in found.items() if impure} == {}


def impurities(module: Module) -> set[str]:
    outside = {
        name
        for name in imports(module.tree)
        if name.split(".")[0] in IMPURE_MODULES and not any(name.startswith(part) for part in PURE_PARTS)
    }
    calls = [node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    opened = {
        ast.unparse(call)
        for call in calls
        if isinstance(call, ast.Name) and call.id in ("open", "input", "print")
    }
    clocks = {ast.unparse(call) for call in calls if isinstance(call, ast.Attribute) and call.attr in CLOCKS}
    paths = {"pathlib.Path"} & set(imports(module.tree))  # it is PurePosixPath there
    return outside | opened | clocks | paths


def test_only_the_command_line_prints() -> None:
    found = [
        f"{module.place}:{line}" for module in MODULES if module.room != "cli" for line in prints(module)
    ]
    assert found == []


def prints(module: Module) -> Iterator[int]:
    calls = (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    return (call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print")


def attributes(cls: ast.ClassDef) -> set[str]:
    """The attributes that the methods of a class set on `self`."""
    return {
        node.attr
        for method in cls.body
        if isinstance(method, ast.FunctionDef)
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    }


def test_a_class_has_few_lines_and_attributes() -> None:
    classes = [(module, node) for module in MODULES for node in ast.walk(module.tree)]
    found = [
        f"{module.place} {node.name}: {lines} lines, {count} attributes"
        for module, node in classes
        if isinstance(node, ast.ClassDef)
        for lines, count in [((node.end_lineno or 0) - node.lineno + 1, len(attributes(node)))]
        if lines > CLASS_LINES_MAX or count > CLASS_ATTRIBUTES_MAX
    ]
    assert found == [], "divide them by what they do"


def test_every_private_definition_is_used() -> None:
    texts = [module.path.read_text() for module in MODULES]
    counts = Counter(word for text in texts for word in re.findall(r"\b_[A-Za-z]\w*\b", text))
    found = [
        f"{module.place} {node.name}"
        for module in MODULES
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and re.match(r"_[A-Za-z]", node.name)
        if counts[node.name] == 1
    ]
    assert found == [], "delete what is dead"


def test_every_document_that_the_code_names_is_here() -> None:
    here = {path.name for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))}
    found = [
        f"{module.place}: {name}"
        for module in MODULES
        for name in re.findall(r"\b[A-Z]{3,}\.md\b", module.path.read_text())
        if name not in here
    ]
    assert found == []


def test_names_use_no_word_of_the_old_dialect() -> None:
    found = {
        f"{module.place} {name}"
        for module in MODULES
        for name in defined_names(module)
        if BANNED_PARTS & {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)}
    }
    assert found == set(), "docs/GLOSSARY.md has the words"


def defined_names(module: Module) -> Iterator[str]:
    """The names that a module gives: to functions, classes, arguments, variables and attributes."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def test_prose_uses_no_phrase_of_the_old_dialect() -> None:
    banned = re.compile(rf"\b({'|'.join(BANNED_PHRASES)})\b", re.IGNORECASE)
    documents = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").glob("*.md"),
    ]
    texts = [(module.place, text) for module in MODULES for text in (*prose_of(module), *strings_of(module))]
    texts += [(path.name, path.read_text()) for path in documents]
    found = [f"{place}: {match[0]}" for place, text in texts for match in banned.finditer(text)]
    assert found == [], (
        "say it in the words of docs/GLOSSARY.md, so that it is understood at the first reading"
    )


def prose_of(module: Module) -> Iterator[str]:
    """The docstrings and comments of a module."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    with module.path.open() as stream:
        yield from (
            token.string
            for token in tokenize.generate_tokens(stream.readline)
            if token.type == tokenize.COMMENT
        )


def strings_of(module: Module) -> Iterator[str]:
    """The texts of a module's values: messages, hints, help texts and names of log events among them."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_setting_is_read() -> None:
    read = {pair for module in MODULES if module.room != "settings" for pair in attribute_pairs(module)}
    found = [
        key
        for key in Settings().by_key()
        for section, _, name in [key.rpartition(".")]
        if not read & {(owner, name) for owner in ([section] if section else ["settings", "_settings"])}
    ]
    assert found == [], "a setting that is accepted and has no effect misleads its operator"


def attribute_pairs(module: Module) -> Iterator[tuple[str, str]]:
    """The attributes that a module reads, each with the name or attribute that it is read of."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            owner = node.value
            if isinstance(owner, ast.Name | ast.Attribute):
                yield owner.id if isinstance(owner, ast.Name) else owner.attr, node.attr


READERS = {"controller/desired/config_repository.py", "cli/verbs/check.py"}


def test_files_of_commits_are_read_in_one_place() -> None:
    """`validate` reads without a controller; all others read through ConfigRepository, where secrets can be decrypted."""
    sources = {("source", "tree"), ("_source", "tree")}
    found = {module.place for module in MODULES if sources & set(attribute_pairs(module))}
    assert found == READERS


def test_the_help_of_the_command_line_fits_beside_its_names() -> None:
    helps = [
        node.value.value
        for module in MODULES
        if module.room == "cli"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.keyword) and node.arg == "help" and isinstance(node.value, ast.Constant)
    ]
    assert helps
    assert [text for text in helps if len(str(text)) > HELP_CHARACTERS_MAX] == []


# The tests keep rules too: each asserts something, none waits for time to pass, and none is left out in silence.

WAITS = "lab/commands.py"  # `wait_for` waits for a condition
SKIPS = "lab/provided.py"  # `provided` skips with a reason, and fails in CI
ASSERTING = {"raises", "warns", "fail"}  # of pytest
SKIPPING = {"skip", "skipif", "xfail", "importorskip", "skipTest"}
HELPERS_DEEP = 3  # a test may assert through a helper of a helper of a helper


@functools.cache
def files_of_tests() -> Mapping[str, tuple[ast.AST, ...]]:
    """The nodes of each file of the tests, by path; read by the worker that runs these tests, and by no other."""
    return {
        str(path.relative_to(ROOT / "tests")): tuple(ast.walk(ast.parse(path.read_text())))
        for path in sorted((ROOT / "tests").rglob("*.py"))
    }


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A function of the tests: a test, a helper, or a method of one."""

    path: str
    line: int
    name: str
    has_assert: bool
    calls: frozenset[str]  # names of functions and methods, without what they are called on

    def asserts(self, helpers: set[tuple[str, str]]) -> bool:
        """Tell whether it asserts by itself, by pytest, or by a helper of its own file or of any ("")."""
        found = {(self.path, name) for name in self.calls} | {("", name) for name in self.calls}
        return self.has_assert or bool(self.calls & ASSERTING) or bool(found & helpers)


def read_function(path: str, function: ast.FunctionDef) -> Checked:
    nodes = list(ast.walk(function))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    names = (call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in called)
    return Checked(
        path=path,
        line=function.lineno,
        name=function.name,
        has_assert=any(isinstance(node, ast.Assert) for node in nodes),
        calls=frozenset(names),
    )


def asserting_helpers(functions: list[Checked]) -> set[tuple[str, str]]:
    """Return (path, name) of all that assert, and ("", name) of names under which every file has one that asserts."""
    helpers: set[tuple[str, str]] = set()
    for _ in range(HELPERS_DEEP):
        silent = {each.name for each in functions if not each.asserts(helpers)}
        loud = [each for each in functions if each.asserts(helpers)]
        helpers = {(each.path, each.name) for each in loud} | {
            ("", each.name) for each in loud if each.name not in silent
        }
    return helpers


def test_every_test_asserts_something() -> None:
    functions = [
        read_function(path, node)
        for path, nodes in files_of_tests().items()
        for node in nodes
        if isinstance(node, ast.FunctionDef)
    ]
    helpers = asserting_helpers(functions)
    found = [
        f"{each.path}:{each.line} {each.name}"
        for each in functions
        if each.name.startswith("test_") and not each.asserts(helpers)
    ]
    assert found == [], "a test that asserts nothing passes whatever the product does"


def sleeps(node: ast.AST) -> bool:
    """Tell whether it is `time.sleep`, or `Event().wait`, which is the same in disguise."""
    if not isinstance(node, ast.Attribute):
        return False
    of = node.value
    if node.attr == "sleep":
        return isinstance(of, ast.Name) and of.id in {"time", "asyncio"}
    return node.attr == "wait" and isinstance(of, ast.Call) and ast.unparse(of.func).endswith("Event")


def test_no_test_sleeps() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, nodes in files_of_tests().items()
        for node in nodes
        if sleeps(node) and path != WAITS
    ]
    assert found == [], "wait for a condition, with `wait_for`"


def test_no_test_is_skipped_in_ci() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, nodes in files_of_tests().items()
        for node in nodes
        if isinstance(node, ast.Attribute) and node.attr in SKIPPING and path != SKIPS
    ]
    assert found == [], "ask for what the machine may lack within `provided`"

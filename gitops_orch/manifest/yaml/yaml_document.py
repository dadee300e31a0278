"""Parses YAML strictly, with positions: the bytes of a file to values, or to all mistakes.

Note [Budgets]
An alias is one reference in the file and a whole subtree in the model, so a few hundred bytes can expand to 10^10
values. Every value that is built is counted, merged keys too, and the parser stops at `NODES_MAX`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, TypeAlias

from yaml import YAMLError
from yaml.error import MarkedYAMLError
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from gitops_orch.errors import ManifestError
from gitops_orch.manifest.problems.model_problems import shortened
from gitops_orch.manifest.problems.positions import KeyPath, Positions
from gitops_orch.manifest.problems.safe_quotes import may_be_secret, unquoted
from gitops_orch.manifest.syntax.go_values import shown
from gitops_orch.manifest.syntax.yaml_scalars import (
    PLAIN_WORDS,
    Scalar,
    ScalarRefused,
    Timestamp,
    compose_scalar,
    strict_scalar,
)
from gitops_orch.manifest.yaml.encoding import not_printable, not_utf8
from gitops_orch.manifest.yaml.yaml_errors import syntax_problem
from gitops_orch.manifest.yaml.yaml_nodes import NODES_MAX, DocumentLimit, Reader, read_nodes
from gitops_orch.model.problem import Position, Problem

Yaml: TypeAlias = Any  # dict, list or Scalar: the type of a value is unknown until a schema has checked it

FILE_BYTES_MAX = 1_000_000
DOCUMENTS_MAX = 1000
PROBLEMS_MAX = 500  # of one file: more problems are of no use
_VERSION = re.compile(rb"^(?:\xef\xbb\xbf)?%YAML[ \t]+(?!1\.1[ \t\r\n])", re.MULTILINE)
_CORE = "tag:yaml.org,2002:"
_ESCAPED_SLASH = re.compile(r"(?<!\\)(?:\\\\)*\\/")
_RESET, _OVERRIDE = "!reset", "!override"
_NAMES = (["name"], ["version"])  # Compose reads a date as text here


class Dialect(Enum):
    """How scalars are read, and which tags are allowed (Note [Two readings] in yaml_scalars)."""

    COMPOSE = "compose"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class AmbiguousScalar:
    """A scalar without quotes that becomes a different text than the written one when it is converted back to text."""

    path: KeyPath
    written: str
    value: Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML document; `resets` are the paths that have `!reset` or `!override`."""

    value: Yaml
    positions: Positions
    resets: tuple[KeyPath, ...] = ()
    surprises: tuple[AmbiguousScalar, ...] = ()
    has_dollars: bool = True  # False: it has no variables to replace
    size: int = 0  # values in it
    characters: int = 0  # in its texts and keys


def parse_yaml(path: str, content: bytes, *, dialect: Dialect) -> Document:
    """Return the file's only document (None for an empty file); otherwise raise ManifestError with all problems."""
    documents = parse_documents(path, content, dialect=dialect)
    if not documents:
        return Document(value=None, positions=Positions(path, None))
    if len(documents) > 1:
        second = documents[1].positions.at(())
        raise ManifestError(
            (
                Problem(
                    position=second,
                    message=f"expected one document, found {len(documents)}; remove the extra ---",
                ),
            )
        )
    return documents[0]


def parse_documents(path: str, content: bytes, *, dialect: Dialect) -> tuple[Document, ...]:
    """Return every document of the file in order; raise ManifestError with all problems where one has any."""
    problems: list[Problem] = []
    documents: list[Document] = []
    for root in _roots(path, content, problems):
        builder = _Builder(path=path, dialect=dialect, problems=problems, escapes=_escapes(content))
        builder.asks = b"?" in content and dialect is Dialect.COMPOSE
        value = builder.build(root)
        documents.append(
            Document(
                value=value,
                positions=Positions(path, root),
                resets=tuple(builder.resets),
                surprises=tuple(builder.surprises),
                has_dollars=b"$" in content,
                size=NODES_MAX - builder.budget,
                characters=builder.characters,
            )
        )
        if len(documents) > DOCUMENTS_MAX:
            problems.append(
                Problem(
                    position=_position(path, root),
                    message=f"more than {DOCUMENTS_MAX} documents in a file; split it",
                )
            )
            break
    if problems:
        raise ManifestError(tuple(problems))
    return tuple(documents)


def _escapes(content: bytes) -> str:
    """Return the text if it may contain an escaped slash, which libyaml accepts and Compose refuses; else ""."""
    return content.decode("utf-8-sig", "replace") if b"\\/" in content else ""


def _roots(path: str, content: bytes, problems: list[Problem]) -> Iterator[Node]:
    if len(content) > FILE_BYTES_MAX:
        problems.append(
            Problem(
                position=Position(path=path),
                message=f"the file has {len(content)} bytes, at most {FILE_BYTES_MAX} are read; split it",
            )
        )
        return
    version = _VERSION.search(content)
    if version:
        line = content.count(b"\n", 0, version.start()) + 1
        problems.append(
            Problem(
                position=Position(path=path, line=line, column=1),
                message="only %YAML 1.1 is read; remove the line",
            )
        )
        return
    try:
        yield from read_nodes(content)
    except DocumentLimit as error:
        problems.append(
            Problem(position=Position(path=path, line=error.line, column=error.column), message=str(error))
        )
    except MarkedYAMLError as error:
        problems.append(syntax_problem(path, content, error))
    except (YAMLError, UnicodeDecodeError) as error:
        words = " ".join(str(error).split())
        unknown = Problem(position=Position(path=path), message=f"not YAML: {words}; save it as UTF-8 text")
        problems.append(not_utf8(path, content) or not_printable(path, content) or unknown)


def _position(path: str, node: Node) -> Position:
    return Position(path=path, line=node.start_mark.line + 1, column=node.start_mark.column + 1)


class _OutOfBudget(Exception):
    """The document expands to more values than are ever needed."""


@dataclass(slots=True, kw_only=True)
class _Builder:
    """Builds one document's values from its nodes, and counts every value that it builds."""

    path: str
    dialect: Dialect
    problems: list[Problem]
    resets: list[KeyPath] = field(default_factory=list)
    surprises: list[AmbiguousScalar] = field(default_factory=list)
    escapes: str = ""  # the file's text, where a quoted text may contain an escape to check
    asks: bool = False  # there is a question mark, which ends a text between brackets
    budget: int = NODES_MAX
    characters: int = 0
    # An alias of a node that is still being built is a cycle
    open_nodes: set[int] = field(default_factory=set)
    trail: list[str | int] = field(default_factory=list)

    def build(self, root: Node) -> Yaml:
        try:
            if root.tag == _RESET:
                self._error(root, "a whole file cannot be reset; write services:")
            return self._value(root)
        except _OutOfBudget:
            self._error(
                root,
                f"the aliases expand to more than {NODES_MAX} values; write fewer, or fewer levels of them",
            )
            return None

    def _error(self, node: Node, message: str) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            shown = shortened(unquoted(tuple(self.trail), message))
            self.problems.append(Problem(position=_position(self.path, node), message=shown))

    def _value(self, node: Node) -> Yaml:
        self.budget -= 1
        if self.budget < 0:
            raise _OutOfBudget
        if node.tag not in _PLAIN_TAGS and not self._is_known_tag(node):
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if id(node) in self.open_nodes:
            self._error(node, "the value contains itself through an alias; remove the alias")
            return None
        if self.asks and isinstance(node, CollectionNode) and node.flow_style:
            self._check_flow(node)
        self.open_nodes.add(id(node))
        value = self._mapping(node) if isinstance(node, MappingNode) else self._list(node.value)
        self.open_nodes.discard(id(node))
        return value

    def _is_known_tag(self, node: Node) -> bool:
        tag = node.tag
        if self.dialect is Dialect.COMPOSE and tag in (_RESET, _OVERRIDE):
            self.resets.append(tuple(self.trail))
            return True
        kind = _CORE_KINDS.get(tag.removeprefix(_CORE)) if tag.startswith(_CORE) else None
        if kind is not None and isinstance(node, kind):
            return True
        if may_be_secret(tuple(self.trail)):
            self._error(node, "a tag is not allowed here; quote the value as text")
            return False
        shown_tag = f"!!{tag.removeprefix(_CORE)}" if tag.startswith(_CORE) else tag
        self._error(node, f"the tag {shown_tag} is not allowed here; remove it, or quote the value as text")
        return False

    def _scalar(self, node: ScalarNode) -> Scalar:
        text: str = node.value
        tag = node.tag
        self.characters += len(text)
        if self.escapes and node.style == '"':
            self._check_escapes(node)
        if tag == _PLAIN and not node.style:
            if text[:1] not in _NOT_TEXT and text not in PLAIN_WORDS:
                return text
            value = self._plain(node, text)
            if isinstance(value, Timestamp) and self.trail in _NAMES and self.dialect is Dialect.COMPOSE:
                return text
            if value is not None and value != text and shown(value) != text:
                self.surprises.append(AmbiguousScalar(tuple(self.trail), text, value))
            return value
        if not tag.startswith(_CORE) or tag == _CORE + "str":
            return text
        converted = self._plain(node, text)
        wanted = _CORE_TYPES.get(tag.removeprefix(_CORE))
        if wanted is float and type(converted) is int:
            return float(converted)
        if wanted is not None and type(converted) is wanted:
            return converted
        if wanted is None and converted is None:
            return None
        self._error(node, f"{text!r} does not match its tag !!{tag.removeprefix(_CORE)}; remove the tag")
        return None

    def _check_escapes(self, node: ScalarNode) -> None:
        written = self.escapes[node.start_mark.index : node.end_mark.index]
        if _ESCAPED_SLASH.search(written):
            self._error(node, r"\/ is no escape that Compose knows; write / alone")

    def _plain(self, node: Node, text: str) -> Scalar:
        try:
            return compose_scalar(text) if self.dialect is Dialect.COMPOSE else strict_scalar(text)
        except ScalarRefused as error:
            hidden = may_be_secret(tuple(self.trail))
            self._error(
                node, "the value fits into no number; quote it if it is text" if hidden else str(error)
            )
            return None

    def _check_flow(self, node: CollectionNode) -> None:
        children = (
            node.value if isinstance(node, SequenceNode) else [each for pair in node.value for each in pair]
        )
        for child in children:
            if isinstance(child, ScalarNode) and not child.style and "?" in child.value:
                self._error(child, "between brackets or braces Compose ends a text at a ?; quote it")

    def _list(self, children: list[Node]) -> list[Yaml]:
        values: list[Yaml] = []
        for index, child in enumerate(children):
            if child.tag == _RESET and self.dialect is Dialect.COMPOSE:
                continue
            self.trail.append(index)
            values.append(self._value(child))
            self.trail.pop()
        return values

    def _mapping(self, node: MappingNode) -> dict[str, Yaml]:
        values: dict[str, Yaml] = {}
        first: dict[str, Node] = {}
        merges: list[Node] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._error(key_node, "a key must be text, is a list or a mapping")
                continue
            key: str = key_node.value
            earlier = first.get(key)
            if earlier is not None:
                self._duplicate(key, key_node, earlier)
                continue
            first[key] = key_node
            self.characters += len(key)
            is_merge = key == "<<" and not key_node.style and key_node.tag in _MERGE_TAGS
            if is_merge and self.dialect is Dialect.COMPOSE:
                merges.append(value_node)
                continue
            if self.escapes or key_node.tag != _PLAIN or key[:1] in _NOT_TEXT or key in PLAIN_WORDS:
                self._check_key(key_node, key)
            self.trail.append(key)
            if value_node.tag == _RESET and self.dialect is Dialect.COMPOSE:
                self._reset(value_node)
            else:
                values[key] = self._value(value_node)
            self.trail.pop()
        for merge in merges:
            self._merge(merge, values)
        return values

    def _reset(self, node: Node) -> None:
        if self.trail == ["name"]:
            self._error(node, "a project's name cannot be reset; remove the tag, or the line")
        self.resets.append(tuple(self.trail))

    def _duplicate(self, key: str, node: Node, earlier: Node) -> None:
        place = _position(self.path, earlier)
        way_out = "write one <<: [*a, *b]" if key == "<<" else "remove one of the two"
        self._error(node, f"duplicate key {key}: it is already at {place.line}:{place.column}; {way_out}")

    def _check_key(self, node: ScalarNode, key: str) -> None:
        tagged = node.tag not in _PLAIN_TAGS
        if node.tag in (_RESET, _OVERRIDE) and self.dialect is Dialect.COMPOSE:
            self._error(node, f"{node.tag} belongs to a value; write {key}: {node.tag} ...")
            return
        if tagged and not self._is_known_tag(node):
            return
        if self.escapes and node.style == '"':
            self._check_escapes(node)
        if (node.style and not tagged) or node.tag == _CORE + "str":
            return
        converted = self._plain(node, key)
        if not isinstance(converted, str):
            kind = "a number" if isinstance(converted, int | float) else "no text"
            kind = "true or false" if isinstance(converted, bool) else kind
            kind = "a date" if isinstance(converted, Timestamp) else kind
            self._error(node, f"the key {key or '(empty)'} must be text, is {kind}; quote it")

    def _merge(self, node: Node, values: dict[str, Yaml]) -> None:
        sources = node.value if isinstance(node, SequenceNode) else [node]
        for source in sources:
            merged = self._value(source) if isinstance(source, MappingNode) else None
            if not isinstance(merged, dict):
                self._error(source, "<< merges a mapping or a list of mappings, is something else")
                continue
            for key, value in merged.items():
                values.setdefault(key, value)


_PLAIN = Reader.PLAIN
_NOT_TEXT = frozenset(("", *"+-.0123456789"))  # first characters of scalars that may not be text
_PLAIN_TAGS = frozenset((_PLAIN, _CORE + "str", _CORE + "map", _CORE + "seq", "!"))
_MERGE_TAGS = (_PLAIN, "!", _CORE + "merge")
_CORE_TYPES: dict[str, Callable[..., Any]] = {
    "int": int,
    "float": float,
    "bool": bool,
    "timestamp": Timestamp,
}
_CORE_KINDS: dict[str, type[Node]] = {
    **dict.fromkeys(("int", "float", "bool", "null", "timestamp", "str"), ScalarNode),
    "map": MappingNode,
    "seq": SequenceNode,
}
parse_compose_yaml = partial(parse_documents, dialect=Dialect.COMPOSE)

"""Parses YAML text to node graphs with libyaml, under limits on depth and size.

Note [Redefined anchors]
YAML allows a later anchor to reuse a name, and Compose accepts it; libyaml's own composer does not. Such a file, which
is rare, is composed again from events, which takes four times as long.
"""

from collections.abc import Iterator
from typing import Any

from yaml._yaml import CParser
from yaml.composer import ComposerError
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

NODES_MAX = 50_000  # as written, and again after aliases and merge keys are expanded
DEPTH_MAX = 100


class DocumentLimit(Exception):
    """The document is deeper or larger than any configuration; `line` and `column` are the position."""

    def __init__(self, message: str, *, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class Reader(CParser):
    """libyaml's composer with our limits; the caller interprets plain scalars."""

    PLAIN = "?"

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._depth = 0
        self._count = 0

    # The composer calls `resolve` for every node. A method of `str` returns PLAIN without a Python call.
    resolve = PLAIN.format

    def descend_resolver(self, parent: Node | None, _index: object) -> None:
        """Count the nodes that the composer enters, so that it cannot recurse without end."""
        self._depth += 1
        self._count += 1
        if self._depth > DEPTH_MAX or self._count > NODES_MAX:
            raise _limit(parent, self._depth)

    def ascend_resolver(self) -> None:
        """Count the nodes that the composer leaves."""
        self._depth -= 1


def read_nodes(content: bytes) -> Iterator[Node]:
    """Yield the root of every document; raise YAMLError for invalid YAML, DocumentLimit above the limits."""
    try:
        roots = list(_composed(content))
    except ComposerError as error:
        if "duplicate anchor" not in str(error.context or "") + str(error.problem or ""):
            raise
        roots = list(_EventComposer(content).documents())
    yield from roots


def _composed(content: bytes) -> Iterator[Node]:
    reader = Reader(content)
    while reader.check_node():
        root = reader.get_node()
        if root is not None:
            yield root


def _limit(parent: Node | None, depth: int) -> DocumentLimit:
    mark = parent.start_mark if parent is not None else None
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    if depth > DEPTH_MAX:
        return DocumentLimit(f"nested deeper than {DEPTH_MAX} levels; flatten it", line=line, column=column)
    return DocumentLimit(f"more than {NODES_MAX} values in a file; split it", line=line, column=column)


class _EventComposer:
    """Composes nodes from events, so that a later anchor can reuse a name."""

    def __init__(self, content: bytes) -> None:
        self._reader: Any = CParser(content)  # its stubs do not define the kinds of events
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def documents(self) -> Iterator[Node]:
        """Yield the root of every document."""
        while self._reader.check_event():
            event = self._reader.get_event()
            if isinstance(event, ScalarEvent | AliasEvent | SequenceStartEvent | MappingStartEvent):
                yield self._node(event, 1)
                self._anchors = {}

    def _node(self, event: Any, depth: int) -> Node:
        self._count += 1
        if isinstance(event, AliasEvent):
            return self._alias(event)
        node = _empty_node(event)
        if depth > DEPTH_MAX or self._count > NODES_MAX:
            raise _limit(node, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        if isinstance(node, SequenceNode):
            while not isinstance(event := self._reader.get_event(), SequenceEndEvent):
                node.value.append(self._node(event, depth + 1))
        elif isinstance(node, MappingNode):
            while not isinstance(event := self._reader.get_event(), MappingEndEvent):
                key = self._node(event, depth + 1)
                node.value.append((key, self._node(self._reader.get_event(), depth + 1)))
        return node

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self._anchors:
            raise ComposerError(None, None, f"found undefined alias {event.anchor}", event.start_mark)
        return self._anchors[event.anchor]


def _empty_node(event: Any) -> Node:
    start, end = event.start_mark, event.end_mark
    tag = event.tag if event.tag not in (None, "!") else Reader.PLAIN
    if isinstance(event, ScalarEvent):
        value: str = event.value
        return ScalarNode(tag, value, start, end, style=event.style)
    kind = SequenceNode if isinstance(event, SequenceStartEvent) else MappingNode
    return kind(tag, [], start, end)

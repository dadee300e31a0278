"""Finds the position of a value in its file; it searches the YAML nodes only when a message needs it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TypeAlias

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gitops_orch.model.problem import Position

KeyPath: TypeAlias = tuple[str | int, ...]
Step: TypeAlias = tuple[Node, Node]  # the node to report, and the node to search next
MERGE_DEPTH_MAX = 10


class Positions:
    """The positions of one document's values."""

    __slots__ = ("_children", "path", "root")

    def __init__(self, path: str, root: Node | None) -> None:
        self.path = path
        self.root = root
        # By node: a mapping with thousands of keys is searched once
        self._children: dict[int, dict[str, Step]] = {}

    def at(self, key_path: Sequence[str | int]) -> Position:
        """Return the position of the key (or of the list's entry), or of its nearest existing parent."""
        return self.find(key_path)[0]

    def find(self, key_path: Sequence[str | int]) -> tuple[Position, int]:
        """Return the nearest position, and how many keys of the path were found."""
        node, depth = self.reach(key_path)
        return self.position(node), depth

    def reach(self, key_path: Sequence[str | int]) -> tuple[Node | None, int]:
        """Return the nearest node, and how many keys of the path were found."""
        if self.root is None:
            return None, 0
        place, node = self.root, self.root
        for depth, key in enumerate(key_path):
            step = self._child(node, key)
            if step is None:
                return place, depth
            place, node = step
        return place, len(key_path)

    def pairs(self) -> Iterator[KeyPath]:
        """Yield the first two keys of every path of the document."""
        root = self._known(self.root) if isinstance(self.root, MappingNode) else {}
        for first, (_, node) in root.items():
            for second in self._known(node) if isinstance(node, MappingNode) else ():
                yield first, second

    def position(self, node: Node | None) -> Position:
        """Return the position of a node."""
        if node is None:
            return Position(path=self.path)
        mark = node.start_mark
        return Position(path=self.path, line=mark.line + 1, column=mark.column + 1)

    def _child(self, node: Node, key: str | int) -> Step | None:
        if isinstance(node, SequenceNode) and isinstance(key, int):
            return (node.value[key], node.value[key]) if key < len(node.value) else None
        if not isinstance(node, MappingNode | SequenceNode):
            return None
        return self._known(node).get(str(key))

    def _known(self, node: MappingNode | SequenceNode) -> dict[str, Step]:
        known = self._children.get(id(node))
        if known is None:
            known = self._children[id(node)] = {}
            if isinstance(node, MappingNode):
                self._learn(node, known, 0)
            else:
                self._learn_entries(node, known)
        return known

    def _learn(self, node: MappingNode, known: dict[str, Step], depth: int) -> None:
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if isinstance(key_node, ScalarNode) and key_node.value == "<<":
                merged += value_node.value if isinstance(value_node, SequenceNode) else [value_node]
            elif isinstance(key_node, ScalarNode):
                known.setdefault(key_node.value, (key_node, value_node))
        for source in merged:
            if isinstance(source, MappingNode) and depth < MERGE_DEPTH_MAX:
                self._learn(source, known, depth + 1)

    def _learn_entries(self, node: SequenceNode, known: dict[str, Step]) -> None:
        """Index a list of `KEY=value`, `name:option` or names, which is a mapping in the model.

        The last entry of a key counts.
        """
        for entry in node.value:
            if isinstance(entry, ScalarNode):
                for sign in (":", "="):
                    known[entry.value.partition(sign)[0]] = (entry, entry)
                known[entry.value] = (entry, entry)


Layer: TypeAlias = tuple[KeyPath, Positions, KeyPath]


class LayeredPositions:
    """The positions of a model that was merged from several documents; the last one that has a path counts."""

    __slots__ = ("_by_pair", "_by_prefix", "_lengths", "layers")

    def __init__(self, layers: Iterable[Layer]) -> None:
        # Each layer: its path in the model, its positions, and its path in its own document.
        self.layers = tuple(layers)
        self._by_prefix: dict[KeyPath, list[tuple[int, Layer]]] = defaultdict(list)
        self._by_pair: dict[KeyPath, list[tuple[int, Layer]]] = defaultdict(list)  # of whole documents
        self._lengths: set[int] = set()

    def at(self, key_path: Sequence[str | int]) -> Position:
        """Return the position in the document that has the longest part of the path."""
        best: tuple[Positions, Node | None] | None = None
        best_depth = -1
        for prefix, positions, own in self._around(key_path):
            node, found = positions.reach((*own, *key_path[len(prefix) :]))
            depth = found - len(own) + len(prefix)
            if depth >= best_depth:
                best, best_depth = (positions, node), depth
        if best is None:
            return Position(path=self.layers[0][1].path if self.layers else "")
        return best[0].position(best[1])

    def has_value(self, key_path: Sequence[str | int]) -> bool:
        """Return whether a document has a value at exactly this path, even one that the model leaves out, such as 0."""
        for prefix, positions, own in self._around(key_path):
            rest = (*own, *key_path[len(prefix) :])
            if positions.reach(rest)[1] == len(rest):
                return True
        return False

    def _around(self, key_path: Sequence[str | int]) -> Sequence[Layer]:
        """Return the layers that may have a path, in their order: few, even of thousands."""
        if len(self.layers) == 1 and not self.layers[0][0]:
            return self.layers
        if not self._lengths:
            for order, layer in enumerate(self.layers):
                self._by_prefix[layer[0]].append((order, layer))
                for pair in layer[1].pairs() if layer[0] == layer[2] == () else ():
                    self._by_pair[pair].append((order, layer))
            self._lengths = {len(prefix) for prefix in self._by_prefix}
        # A document with two keys of the path has more of it than all documents without them.
        found = [*(self._by_pair.get(tuple(map(str, key_path[:2])), []) or self._by_prefix.get((), []))]
        for length in self._lengths - {0}:
            found += self._by_prefix.get(tuple(key_path[:length]), ())
        return [layer for _, layer in sorted(found, key=itemgetter(0))]

"""Lays out tables and sentences for the terminal's width: no broken words, no padding, no line too long. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console, ConsoleOptions
from rich.text import Text

GAP = "  "
ELLIPSIS = "…"
NARROWEST = 20  # columns: the minimum that is readable

Block: TypeAlias = Callable[[int], Iterable[Text]]  # returns the lines for a width


@dataclass(frozen=True, slots=True)
class Cell:
    """A text in a table or in a block, with its style."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. With `drop` 0 it is always shown; if space is short, the highest `drop` is omitted first.

    With `least`, the column may be cut to that many characters before a column is omitted.
    """

    title: str
    drop: int = 0
    least: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, and the sentences below it."""

    cells: Sequence[Cell]
    notes: Sequence[Cell] = field(default=())


class Page:
    """The output of a verb: blocks of lines, laid out when the terminal's width is known."""

    def __init__(self, *blocks: Block) -> None:
        self._blocks = blocks

    def lines(self, width: int) -> Iterator[Text]:
        """Yield the lines for a width in columns, without trailing blanks."""
        for block in self._blocks:
            for line in block(max(NARROWEST, width)):
                line.rstrip()
                yield line

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the lines that rich prints."""
        yield from self.lines(options.max_width)


def nothing(_width: int) -> Iterator[Text]:
    """Show nothing."""
    yield from ()


def blank(_width: int) -> Iterator[Text]:
    """Show an empty line."""
    yield Text("")


def sentence(text: str, style: str = "", *, indent: int = 0, hang: int = 2) -> Block:
    """Show a text over the whole width; further lines are indented by `hang` more columns."""

    def lay_out(width: int) -> Iterator[Text]:
        for line in _wrapped(text, width, indent, hang):
            yield Text(line, style=style)

    return lay_out


def sentences(cells: Iterable[Cell], *, indent: int = 0) -> Block:
    """Show several texts, each on new lines."""
    blocks = [sentence(cell.text, cell.style, indent=indent) for cell in cells]
    return lambda width: (line for block in blocks for line in block(width))


def head(*cells: Cell) -> Block:
    """Show a few words on one line, or on several lines if they do not fit."""

    def lay_out(width: int) -> Iterator[Text]:
        line = Text("")
        for cell in cells:
            if line and cell_len(line.plain) + len(GAP) + cell_len(cell.text) > width:
                yield line
                line = Text("")
            line.append(GAP if line else "").append(cell.text, style=cell.style)
        yield line

    return lay_out


def table(columns: Sequence[Column], rows: Iterable[Row], *, empty: str) -> Block:
    """Show rows in columns, or `empty`; if they do not fit, omit columns, and finally cut the first column."""
    listed = list(rows)
    if not listed:
        return sentence(empty)

    def lay_out(width: int) -> Iterator[Text]:
        shown = _that_fit(columns, listed, width)
        widths = _widths(columns, listed, shown, width)
        widths[0] = min(widths[0], max(NARROWEST, width - sum(widths[1:]) - len(GAP) * (len(widths) - 1)))
        titles = [Cell(columns[index].title, "bold") for index in shown]
        yield _line(titles, widths)
        for row in listed:
            yield _line([row.cells[index] for index in shown], widths)
            hang = 2 if len(row.notes) > 1 else 0  # so that a reader can distinguish the sentences
            for note in row.notes:
                yield from sentence(note.text, note.style, indent=4, hang=hang)(width)

    return lay_out


def _widths(columns: Sequence[Column], rows: Sequence[Row], shown: Sequence[int], width: int) -> list[int]:
    """Return the width of each shown column; columns that may be cut share the space that the others leave."""
    left = width - _total(columns, rows, shown)
    widths = []
    for index in shown:
        least = _least(columns, rows, index)
        extra = max(0, min(left, _width(columns, rows, index) - least))
        left -= extra
        widths.append(least + extra)
    return widths


def _that_fit(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[int]:
    """Return the numbers of the shown columns; an empty column is not shown."""
    shown = [
        index
        for index, column in enumerate(columns)
        if not column.drop or any(row.cells[index].text for row in rows)
    ]
    droppable = sorted(
        (index for index in shown if columns[index].drop), key=lambda index: columns[index].drop
    )
    while droppable and _total(columns, rows, shown) > width:
        shown.remove(droppable.pop())
    return shown


def _total(columns: Sequence[Column], rows: Sequence[Row], shown: Sequence[int]) -> int:
    return sum(_least(columns, rows, index) for index in shown) + len(GAP) * (len(shown) - 1)


def _least(columns: Sequence[Column], rows: Sequence[Row], index: int) -> int:
    full = _width(columns, rows, index)
    return min(full, columns[index].least or full)


def _width(columns: Sequence[Column], rows: Sequence[Row], index: int) -> int:
    return max((cell_len(columns[index].title), *(cell_len(row.cells[index].text) for row in rows)))


def _line(cells: Sequence[Cell], widths: Sequence[int]) -> Text:
    line = Text("")
    for cell, width in zip(cells, widths, strict=True):
        text = cell.text
        if cell_len(text) > width:
            text = set_cell_size(text, width - 1) + ELLIPSIS
        line.append(GAP if line else "").append(text, style=cell.style)
        line.append(" " * (width - cell_len(text)))
    line.rstrip()
    return line


def _wrapped(text: str, width: int, indent: int, hang: int) -> Iterator[str]:
    """Yield lines of whole words; widths are terminal columns, and a character may take two."""
    for number, paragraph in enumerate(text.splitlines() or [""]):
        line = " " * (indent + hang if number else indent)
        for word in _words(paragraph, width - indent - hang):
            if line.strip() and cell_len(line + word) > width:
                yield line
                line, word = " " * (indent + hang), word.lstrip()  # noqa: PLW2901  the line break replaces the blank
            line += word
        yield line


def _words(text: str, width: int) -> Iterator[str]:
    """Yield the words of a text, each with the blanks before it; split a word that is wider than `width`."""
    for word in re.findall(r"\s*\S+", text):
        yield from [word] if cell_len(word) <= width else chop_cells(word, width)

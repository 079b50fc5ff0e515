"""Tables on a terminal of any width: a number is never cut, and what doesn't fit beside stands below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

GAP = 2  # between two columns
_NARROWEST_TEXT = 16  # columns that a text which wraps needs to be readable
Cell = str | Text


@dataclass(frozen=True)
class Column:
    """A column of a table. One that `wraps` may be narrower than its cells; any other is as wide as the widest."""

    name: str
    justify: Literal["left", "right"] = "left"
    wraps: bool = False


def number_column(name: str) -> Column:
    """A column of numbers."""
    return Column(name, justify="right")


def print_table(
    console: Console,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    title: str = "",
    caption: str = "",
    keys: int = 1,
) -> None:
    """Print the rows. Where they are wider than the console, as several tables, each with the first `keys` columns."""
    widths = [_width(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    if title:
        console.print(title, style="bold", highlight=False)
    for block in _blocks(widths, keys, console.width):
        table = _table()
        for place in block:
            column = columns[place]
            least = None if column.wraps else widths[place]
            table.add_column(column.name, justify=column.justify, no_wrap=not column.wraps, min_width=least)
        for row in rows:
            table.add_row(*(row[place] for place in block))
        console.print(table)
        console.print()
    if caption:
        console.print(caption, style="dim", highlight=False)


def print_with_notes(
    console: Console, columns: Sequence[Column], rows: Sequence[tuple[Sequence[Cell], RenderableType]], *, title: str
) -> None:
    """Print rows, and below each of them a note that may be long, over the whole width."""
    full = [_widest(column, [row[place] for row, _ in rows]) for place, column in enumerate(columns)]
    fixed = sum(width for column, width in zip(columns, full, strict=True) if not column.wraps)
    room = max(console.width - fixed - GAP * (len(columns) - 1), _NARROWEST_TEXT)
    console.print(title, style="bold", highlight=False)
    for count, (row, note) in enumerate(rows):
        table = _table(header=count == 0)
        for column, width in zip(columns, full, strict=True):
            fitting = min(width, room) if column.wraps else width
            table.add_column(column.name, justify=column.justify, width=fitting, overflow="fold")
        table.add_row(*row)
        console.print(table)
        console.print(Padding(note, (0, 0, 0, 4)), highlight=False)
    console.print()


def print_record(console: Console, title: str, fields: Sequence[tuple[str, Cell]]) -> None:
    """Print fields as lines of name and value."""
    console.rule(title, align="left", style="dim")
    record = Table.grid(padding=(0, GAP, 0, 0))
    record.add_column(style="dim", no_wrap=True)
    record.add_column(overflow="fold")
    for name, value in fields:
        record.add_row(name, value)
    console.print(record)


def natural_width(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> int:
    """How wide a table of the rows has to be."""
    widths = [_width(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    return sum(widths) + GAP * (len(widths) - 1)


def _table(*, header: bool = True) -> Table:
    return Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=header, header_style="bold dim")


def _width(column: Column, cells: Sequence[Cell]) -> int:
    """How wide the column has to be at the least."""
    widest = _widest(column, cells)
    return min(widest, max(_NARROWEST_TEXT, cell_len(column.name))) if column.wraps else widest


def _widest(column: Column, cells: Sequence[Cell]) -> int:
    return max((cell_len(line) for cell in (column.name, *cells) for line in str(cell).splitlines()), default=0)


def _blocks(widths: Sequence[int], keys: int, room: int) -> list[list[int]]:
    """The columns of each table: the first `keys`, and of the others as many as fit beside them."""
    first = list(range(keys))
    blocks, used = [first.copy()], sum(widths[:keys]) + GAP * (keys - 1)
    start = used
    for place in range(keys, len(widths)):
        needed = widths[place] + GAP
        if used + needed > room and len(blocks[-1]) > keys:
            blocks.append(first.copy())
            used = start
        blocks[-1].append(place)
        used += needed
    return blocks

"""Tables for a terminal of any width: a number is never cut, and columns that don't fit follow in a table below."""

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
_NARROWEST_TEXT = 16  # the width that a wrapped text needs to be readable, in characters
Cell = str | Text


@dataclass(frozen=True)
class Column:
    """A column of a table. A column that `wraps` may be narrower than its cells; any other is as wide as its widest."""

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
    """Print the rows; as several tables, each with the first `keys` columns, where they are wider than the console."""
    widths = [_width(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    if title:
        console.print(title, style="bold", highlight=False)
    for block in _blocks(widths, keys, console.width):
        table = _table()
        for place in block:
            column = columns[place]
            min_width = None if column.wraps else widths[place]
            table.add_column(column.name, justify=column.justify, no_wrap=not column.wraps, min_width=min_width)
        for row in rows:
            table.add_row(*(row[place] for place in block))
        console.print(table)
        console.print()
    if caption:
        console.print(caption, style="dim", highlight=False)


def print_with_notes(
    console: Console, columns: Sequence[Column], rows: Sequence[tuple[Sequence[Cell], RenderableType]], *, title: str
) -> None:
    """Print rows, and below each row its note, which may be long, over the whole width."""
    full_widths = [_widest(column, [row[place] for row, _ in rows]) for place, column in enumerate(columns)]
    fixed = sum(width for column, width in zip(columns, full_widths, strict=True) if not column.wraps)
    room = max(console.width - fixed - GAP * (len(columns) - 1), _NARROWEST_TEXT)
    console.print(title, style="bold", highlight=False)
    for count, (row, note) in enumerate(rows):
        table = _table(header=count == 0)
        for column, full_width in zip(columns, full_widths, strict=True):
            width = min(full_width, room) if column.wraps else full_width
            table.add_column(column.name, justify=column.justify, width=width, overflow="fold")
        table.add_row(*row)
        console.print(table)
        console.print(Padding(note, (0, 0, 0, 4)), highlight=False)
    console.print()


def print_record(console: Console, title: str, fields: Sequence[tuple[str, Cell]]) -> None:
    """Print fields as lines, each with a name and a value."""
    console.rule(title, align="left", style="dim")
    record = Table.grid(padding=(0, GAP, 0, 0))
    record.add_column(style="dim", no_wrap=True)
    record.add_column(overflow="fold")
    for name, value in fields:
        record.add_row(name, value)
    console.print(record)


def natural_width(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> int:
    """The width that a table of the rows needs, in characters."""
    widths = [_width(column, [row[place] for row in rows]) for place, column in enumerate(columns)]
    return sum(widths) + GAP * (len(widths) - 1)


def _table(*, header: bool = True) -> Table:
    return Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=header, header_style="bold dim")


def _width(column: Column, cells: Sequence[Cell]) -> int:
    """The least width that the column needs, in characters."""
    widest = _widest(column, cells)
    return min(widest, max(_NARROWEST_TEXT, cell_len(column.name))) if column.wraps else widest


def _widest(column: Column, cells: Sequence[Cell]) -> int:
    return max((cell_len(line) for cell in (column.name, *cells) for line in str(cell).splitlines()), default=0)


def _blocks(widths: Sequence[int], keys: int, room: int) -> list[list[int]]:
    """The places of the columns of each table: the first `keys` columns, and as many others as fit into `room`."""
    key_columns = list(range(keys))
    key_width = sum(widths[:keys]) + GAP * (keys - 1)
    blocks, used_width = [key_columns.copy()], key_width
    for place in range(keys, len(widths)):
        width = widths[place] + GAP
        if used_width + width > room and len(blocks[-1]) > keys:
            blocks.append(key_columns.copy())
            used_width = key_width
        blocks[-1].append(place)
        used_width += width
    return blocks

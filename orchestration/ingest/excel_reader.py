"""Excel sheets as one chunk of text columns; a sheet has at most a million rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from metrics.definitions.feeds import ColumnType, Feed
from orchestration.ingest.chunk import Chunk, UnreadRow
from orchestration.ingest.excel_errors import CellError, errors_can_be_seen, errors_of, place
from orchestration.ingest.faults import FileFault
from orchestration.ingest.header import as_stored, header_row_hint, required_columns, settled_names

_EXACT = 2**53
"""Up to this size every whole number is one that a floating-point number can be."""


def read_excel(path: Path, feed: Feed, known: Iterable[str], note: Callable[[str], None]) -> Iterator[Chunk]:
    """The rows of the sheet below its header; empty rows are none. Cell values become ISO text.

    Raises FileFault: no such sheet, an empty one, columns that aren't those of the feed.
    """
    from python_calamine import CalamineError, CalamineWorkbook  # a native library that only this format needs

    if path.stat().st_size == 0:
        raise FileFault("the file is empty (0 bytes)")
    workbook = CalamineWorkbook.from_path(str(path))
    sheet = feed.options.sheet or workbook.sheet_names[0]
    if sheet not in workbook.sheet_names:
        near = get_close_matches(sheet, workbook.sheet_names, n=1)
        hint = f", of which sheet {workbook.sheet_names.index(near[0]) + 1} is spelt nearly like it" if near else ""
        raise FileFault(f"there is no sheet '{sheet}'; the workbook has {len(workbook.sheet_names)}{hint}")
    # The name of a sheet that the feed doesn't declare may be anybody's.
    label = f"sheet '{sheet}'" if feed.options.sheet else "the first sheet"
    if not errors_can_be_seen(path):
        note("errors in cells, such as #N/A, can't be told from empty cells in this format: deliver .xlsx")
    errors = errors_of(path, sheet)
    try:
        cells = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except CalamineError:
        if not errors:
            raise
        places = ", ".join(f"{place(*cell)} ({error})" for cell, error in list(errors.items())[:3])
        raise FileFault(f"{label} has errors that can't be read past, such as in {places}") from None
    for (number, column), error in errors.items():
        cells[number - 1][column - 1] = CellError(error)
    above = feed.options.header_row
    found = [str(cell).strip() for cell in cells[above - 1]] if len(cells) >= above else []
    # Trailing cells without a name count only when there is something below them.
    width = max((position for row in cells[above:] for position, one in enumerate(row, 1) if one != ""), default=0)
    while len(found) > width and not found[-1]:
        found.pop()
    if not set(required_columns(feed)) <= set(found):
        try:
            settled_names(found, feed, (), lambda _: None)
        except FileFault as fault:
            texts = ([str(cell).strip() for cell in row] for row in cells)
            raise FileFault(f"{label}: {fault}{header_row_hint(texts, feed)}") from None
    names = settled_names(found, feed, known, note)
    feed = as_stored(feed)
    nulls = frozenset(feed.options.null_values)
    rows, unread = [], []
    for number, row in enumerate(cells[above:], start=above + 1):
        if reason := _error_in(row, number, names, feed, nulls):
            text = feed.options.delimiter.join(str(cell) for cell in row)
            unread.append(UnreadRow(number, reason, text))
        elif any(cell != "" for cell in row):
            rows.append((number, row))
    columns = zip(*(row for _, row in rows), strict=True) if rows else iter([()] * len(names))
    arrays = [
        pa.array([_text(cell, feed.columns.get(name), nulls) for cell in column], pa.string())
        for name, column in zip(names, columns, strict=False)
    ]
    yield Chunk(pa.table(arrays, names=names), pa.array([number for number, _ in rows], pa.int64()), tuple(unread))


def _error_in(row: Sequence[Any], number: int, names: Sequence[str], feed: Feed, nulls: frozenset[str]) -> str | None:
    """Why the row can't be read: the first error in a declared column, unless the feed declares it as a NULL."""
    for position, (cell, name) in enumerate(zip(row, names, strict=False), start=1):
        if isinstance(cell, CellError) and name in feed.columns and cell.text not in nulls:
            return f"column {name}: cell {place(number, position)} holds the error {cell.text}"
        if isinstance(cell, float) and abs(cell) > _EXACT and name in feed.columns and _is_key(feed.columns[name]):
            where = f"column {name}: cell {place(number, position)}"
            return f"{where} holds a number of so many digits that Excel has rounded it: enter it as text"
    return None


def _is_key(declared: ColumnType) -> bool:
    return declared.type in ("text", "integer")


def _text(cell: Any, declared: ColumnType | None, nulls: frozenset[str]) -> str | None:
    """A cell as the text that the feed's column type reads, so that typed and typed-in cells come out alike."""
    if isinstance(cell, CellError):
        return None if cell.text in nulls else cell.text
    if isinstance(cell, str):
        return None if cell in nulls or cell == "" else cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        text = str(int(cell)) if cell.is_integer() else repr(cell)
        return text.replace(".", declared.decimal) if declared else text
    if isinstance(cell, datetime | date):
        if declared and declared.format and declared.type in ("date", "timestamp"):
            return cell.strftime(declared.format)
        return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
    if isinstance(cell, time):
        return cell.isoformat()
    return str(cell)

"""Reads a sheet of an Excel or OpenDocument workbook as one chunk of text columns (at most a million rows)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from metrics.definitions.feeds import ColumnType, Feed
from orchestration.ingest.faults import FileFault
from orchestration.ingest.parsing.chunk import Chunk, UnreadRow
from orchestration.ingest.parsing.excel_errors import CellError, cell_name, errors_can_be_seen, errors_of
from orchestration.ingest.parsing.header import header_row_hint, names_in_raw, required_columns, with_raw_names

EXTENSIONS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
_EXACT = 2**53  # up to this size a 64-bit float represents every whole number exactly


def read(path: Path, feed: Feed, note: Callable[[str], None]) -> Iterator[Chunk]:
    """The rows of the sheet below its header, without empty rows. Dates and times become ISO text.

    Raises FileFault for an empty file, a sheet that isn't there, or missing columns.
    """
    from python_calamine import CalamineError, CalamineWorkbook  # a native library that only this format needs

    if path.stat().st_size == 0:
        raise FileFault("the file is empty (0 bytes)")
    workbook = CalamineWorkbook.from_path(str(path))
    sheet = feed.options.sheet or workbook.sheet_names[0]
    if sheet not in workbook.sheet_names:
        closest = get_close_matches(sheet, workbook.sheet_names, n=1)
        place = workbook.sheet_names.index(closest[0]) + 1 if closest else 0
        hint = f"; the name of sheet {place} is similar" if closest else ""
        raise FileFault(f"there is no sheet '{sheet}'; sheets in the workbook: {len(workbook.sheet_names)}{hint}")
    # A sheet's name that the feed doesn't declare may be a person's name, so it isn't shown.
    label = f"sheet '{sheet}'" if feed.options.sheet else "the first sheet"
    if not errors_can_be_seen(path):
        note("in this format, cells with an error such as #N/A can't be distinguished from empty cells: deliver .xlsx")
    errors = errors_of(path, sheet)
    try:
        cells = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except CalamineError:
        if not errors:
            raise
        places = ", ".join(f"{cell_name(*cell)} ({error})" for cell, error in list(errors.items())[:3])
        raise FileFault(f"{label} has cells with errors, so that it can't be read: {places}") from None
    for (number, column), error in errors.items():
        cells[number - 1][column - 1] = CellError(error)
    header_row = feed.options.header_row
    header = [str(cell).strip() for cell in cells[header_row - 1]] if len(cells) >= header_row else []
    # A trailing cell without a name is a column only where a row below has a value in it.
    filled = (position for row in cells[header_row:] for position, cell in enumerate(row, 1) if cell != "")
    width = max(filled, default=0)
    while len(header) > width and not header[-1]:
        header.pop()
    if not set(required_columns(feed)) <= set(header):
        try:
            names_in_raw(header, feed, lambda _: None)
        except FileFault as fault:
            texts = ([str(cell).strip() for cell in row] for row in cells)
            raise FileFault(f"{label}: {fault}{header_row_hint(texts, feed)}") from None
    names = names_in_raw(header, feed, note)
    feed = with_raw_names(feed)
    nulls = frozenset(feed.options.null_values)
    rows, unread = [], []
    for number, row in enumerate(cells[header_row:], start=header_row + 1):
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


def _error_in(
    row: Sequence[Any], row_number: int, names: Sequence[str], feed: Feed, nulls: frozenset[str]
) -> str | None:
    """The reason why the row can't be read, from its first faulty cell in a declared column; None: it can be read.

    A cell is faulty if it has an error, unless the feed declares this text as NULL, or if it is a number above 2^53 in
    a text or integer column, as Excel has rounded it.
    """
    for position, (cell, name) in enumerate(zip(row, names, strict=False), start=1):
        if isinstance(cell, CellError) and name in feed.columns and cell.text not in nulls:
            return f"column {name}: cell {cell_name(row_number, position)} holds the error {cell.text}"
        if (
            isinstance(cell, float)
            and abs(cell) > _EXACT
            and name in feed.columns
            and _must_be_exact(feed.columns[name])
        ):
            place = f"column {name}: cell {cell_name(row_number, position)}"
            return f"{place} holds a number of so many digits that Excel has rounded it: enter it as text"
    return None


def _must_be_exact(declared: ColumnType) -> bool:
    return declared.type in ("text", "integer")


def _text(cell: Any, declared: ColumnType | None, nulls: frozenset[str]) -> str | None:
    """A cell as text in the form that the feed declares: a date cell and a date entered as text give the same text."""
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

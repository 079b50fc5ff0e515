"""Excel sheets as one chunk of text columns; a sheet has at most a million rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa

from metrics.errors import did_you_mean
from metrics.feeds import ColumnType, Feed
from orchestration.ingest.chunk import Chunk
from orchestration.ingest.faults import FileFault, named
from orchestration.ingest.header import header_row_hint, required_columns, settled_names


def read_excel(path: Path, feed: Feed, known: Iterable[str], note: Callable[[str], None]) -> Iterator[Chunk]:
    """The rows of the sheet below its header; empty rows are none. Cell values become ISO text.

    Raises FileFault: no such sheet, an empty one, columns that aren't those of the feed.
    """
    from python_calamine import CalamineWorkbook  # a native library that only this format needs

    if path.stat().st_size == 0:
        raise FileFault("the file is empty (0 bytes)")
    workbook = CalamineWorkbook.from_path(str(path))
    sheet = feed.options.sheet or workbook.sheet_names[0]
    if sheet not in workbook.sheet_names:
        near = did_you_mean(sheet, workbook.sheet_names)
        raise FileFault(f"there is no sheet '{sheet}' (found: {named(workbook.sheet_names)}){near}")
    cells = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
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
            raise FileFault(f"sheet '{sheet}': {fault}{header_row_hint(texts, feed)}") from None
    names = settled_names(found, feed, known, note)
    rows = [(number, row) for number, row in enumerate(cells[above:], start=above + 1) if any(one != "" for one in row)]
    columns = zip(*(row for _, row in rows), strict=True) if rows else iter([()] * len(names))
    nulls = frozenset(feed.options.null_values)
    arrays = [
        pa.array([_text(cell, feed.columns.get(name), nulls) for cell in column], pa.string())
        for name, column in zip(names, columns, strict=False)
    ]
    yield Chunk(pa.table(arrays, names=names), pa.array([number for number, _ in rows], pa.int64()))


def _text(cell: Any, declared: ColumnType | None, nulls: frozenset[str]) -> str | None:
    """A cell as the text that the feed's column type reads, so that typed and typed-in cells come out alike."""
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

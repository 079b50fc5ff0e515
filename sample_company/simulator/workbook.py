"""An Excel workbook, the same bytes for the same content: openpyxl makes the shell, this module the rows, fast."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.writer.excel import ExcelWriter

FIXED_TIME = datetime(2020, 1, 1)
DAY_ZERO = date(1899, 12, 30).toordinal()
DATE_STYLE = 1
"""The style that openpyxl gives the first cell with a date in it."""


def workbook(sheet: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A workbook with one sheet and its header in row 1. Cells are text, numbers, dates or None."""
    book = Workbook()
    book.properties.created = book.properties.modified = FIXED_TIME
    page = book.active
    page.title = sheet
    page["A1"] = FIXED_TIME.date()
    sink = io.BytesIO()
    archive = _Archive(sink, _sheet(header, rows))
    # Workbook.save() would stamp the present time into the file.
    ExcelWriter(book, archive).save()
    return sink.getvalue()


class _Archive(ZipFile):
    """A zip archive whose members all have the same time, and whose sheet is the one given."""

    def __init__(self, sink: io.BytesIO, sheet: str) -> None:
        super().__init__(sink, "w", ZIP_DEFLATED)
        self._sheet = sheet

    def writestr(self, zinfo_or_arcname: Any, data: Any, *args: Any, **kwargs: Any) -> None:
        member = ZipInfo(str(zinfo_or_arcname), FIXED_TIME.timetuple()[:6])
        member.compress_type = ZIP_DEFLATED
        super().writestr(member, data)

    def write(self, filename: Any, arcname: Any = None, *args: Any, **kwargs: Any) -> None:
        self.writestr(arcname, self._sheet)


def _sheet(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    columns = [get_column_letter(number) for number in range(1, len(header) + 1)]
    parts = ['<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>']
    for number, row in enumerate((header, *rows), start=1):
        cells = "".join(_cell(f"{column}{number}", value) for column, value in zip(columns, row, strict=True))
        parts.append(f'<row r="{number}">{cells}</row>')
    parts.append("</sheetData></worksheet>")
    return "".join(parts)


def _cell(place: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    if isinstance(value, date):
        return f'<c r="{place}" s="{DATE_STYLE}"><v>{value.toordinal() - DAY_ZERO}</v></c>'
    return f'<c r="{place}"><v>{value}</v></c>'

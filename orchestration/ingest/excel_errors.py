"""Cells of an Excel sheet that hold an error, such as #N/A, which the reader of values takes for empty ones."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ERRORS = (
    "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!",
    "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#EXTERNAL!", "#PYTHON!",
)  # fmt: skip
_BLOCK = 1 << 20


@dataclass(frozen=True)
class CellError:
    """What a cell holds in place of a value."""

    text: str

    def __str__(self) -> str:
        return self.text


def place(row: int, column: int) -> str:
    """The cell's name, such as B2; both numbers begin at 1."""
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def errors_can_be_seen(path: Path) -> bool:
    """Whether errors in the file's cells can be told from empty ones: in .xlsx and .xlsm they can."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as parts:
        return any(name.startswith("xl/worksheets/") and name.endswith(".xml") for name in parts.namelist())


def errors_of(path: Path, sheet: str) -> dict[tuple[int, int], str]:
    """The errors in a sheet of an .xlsx or .xlsm file by row and column, from 1; other files give none."""
    if not zipfile.is_zipfile(path) or not _has_errors(path):
        return {}
    from openpyxl import load_workbook  # slow, and most files have no errors

    workbook = load_workbook(path, read_only=True, data_only=True)
    try:
        workbook[sheet].reset_dimensions()  # which the file states, and often wrongly
        cells = (cell for row in workbook[sheet].iter_rows() for cell in row if cell.data_type == "e")
        return {(cell.row, cell.column): str(cell.value) if cell.value in _ERRORS else "an error" for cell in cells}
    finally:
        workbook.close()


def _has_errors(path: Path) -> bool:
    """Whether a sheet in the file may hold an error, without taking it apart."""
    with zipfile.ZipFile(path) as parts:
        return any(
            b't="e"' in block or b"t='e'" in block
            for name in parts.namelist()
            if name.startswith("xl/worksheets/") and name.endswith(".xml")
            for block in _blocks(parts, name)
        )


def _blocks(parts: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The part's content in blocks that overlap a little."""
    tail = b""
    with parts.open(name) as content:
        while block := content.read(_BLOCK):
            yield tail + block
            tail = block[-8:]

"""Cells of an Excel sheet that hold an error, such as #N/A, which the reader of values takes for empty ones."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

_ERRORS = (
    "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!",
    "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#EXTERNAL!", "#PYTHON!",
)  # fmt: skip
_BLOCK = 1 << 20
_VALUE_TYPE = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"


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
    """Whether errors in the file's cells can be told from empty ones: in .xlsx, .xlsm and .ods they can."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as parts:
        names = parts.namelist()
    return "content.xml" in names or any(_is_sheet(name) for name in names)


def errors_of(path: Path, sheet: str) -> dict[tuple[int, int], str]:
    """The errors in a sheet of an .xlsx, .xlsm or .ods file by row and column, from 1; other files give none."""
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as parts:
        if "content.xml" in parts.namelist():
            return {place: _named(text) for place, text in _in_open_document(parts, sheet)}
        if not _has_errors(parts):
            return {}
    from openpyxl import load_workbook  # slow, and most files have no errors

    workbook = load_workbook(path, read_only=True, data_only=True)
    try:
        workbook[sheet].reset_dimensions()  # which the file states, and often wrongly
        cells = (cell for row in workbook[sheet].iter_rows() for cell in row if cell.data_type == "e")
        return {(cell.row, cell.column): _named(str(cell.value)) for cell in cells}
    finally:
        workbook.close()


def _named(text: str) -> str:
    """The error, if it is one of those that Excel knows: a file may have any text there."""
    return text if text in _ERRORS else "an error"


def _in_open_document(parts: zipfile.ZipFile, sheet: str) -> Iterator[tuple[tuple[int, int], str]]:
    """The errors of a sheet of an .ods file, whose rows and cells say how often they are repeated."""
    with parts.open("content.xml") as content:
        here, row, column = False, 1, 1
        for event, element in ElementTree.iterparse(content, events=("start", "end")):
            kind = element.tag.rpartition("}")[2]
            facts = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
            if event == "start" and kind == "table":
                here, row = facts.get("name") == sheet, 1
            elif event == "start" and kind == "table-row":
                column = 1
            elif event == "end" and kind in ("table-cell", "covered-table-cell"):
                if here and element.get(_VALUE_TYPE) == "error":
                    yield (row, column), "".join(element.itertext())
                column += int(facts.get("number-columns-repeated", 1))
            elif event == "end" and kind == "table-row":
                row += int(facts.get("number-rows-repeated", 1))
                element.clear()


def _is_sheet(name: str) -> bool:
    return name.startswith("xl/worksheets/") and name.endswith(".xml")


def _has_errors(parts: zipfile.ZipFile) -> bool:
    """Whether a sheet in the file may hold an error, without taking it apart."""
    return any(
        b't="e"' in block or b"t='e'" in block
        for name in parts.namelist()
        if _is_sheet(name)
        for block in _blocks(parts, name)
    )


def _blocks(parts: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The part's content in blocks that overlap a little."""
    tail = b""
    with parts.open(name) as content:
        while block := content.read(_BLOCK):
            yield tail + block
            tail = block[-8:]

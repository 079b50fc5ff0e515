"""Finds cells of a sheet that hold an error, such as #N/A. calamine, which reads the values, shows them as empty."""

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
    """An error, such as #N/A, that a cell has instead of a value."""

    text: str

    def __str__(self) -> str:
        return self.text


def cell_name(row: int, column: int) -> str:
    """The cell's name, such as B2. `row` and `column` begin at 1."""
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def errors_can_be_seen(path: Path) -> bool:
    """Whether `errors_of` can find errors in the file: it can in .xlsx, .xlsm and .ods."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as parts:
        names = parts.namelist()
    return "content.xml" in names or any(_is_sheet(name) for name in names)


def errors_of(path: Path, sheet: str) -> dict[tuple[int, int], str]:
    """The errors in a sheet of an .xlsx, .xlsm or .ods file, by (row, column) from 1; empty for other formats."""
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as parts:
        if "content.xml" in parts.namelist():
            return {cell: _known_error(text) for cell, text in _in_open_document(parts, sheet)}
        if not _has_errors(parts):
            return {}
    from openpyxl import load_workbook  # slow, so only for files with errors

    workbook = load_workbook(path, read_only=True, data_only=True)
    try:
        workbook[sheet].reset_dimensions()  # the dimensions that a file states are often wrong
        cells = (cell for row in workbook[sheet].iter_rows() for cell in row if cell.data_type == "e")
        return {(cell.row, cell.column): _known_error(str(cell.value)) for cell in cells}
    finally:
        workbook.close()


def _known_error(text: str) -> str:
    """The text if it is an error that Excel knows, else "an error": a file may have any text there."""
    return text if text in _ERRORS else "an error"


def _in_open_document(parts: zipfile.ZipFile, sheet: str) -> Iterator[tuple[tuple[int, int], str]]:
    """((row, column), text) of each error in a sheet of an .ods file; of repeated cells the first."""
    with parts.open("content.xml") as content:
        in_sheet, row, column = False, 1, 1
        for event, element in ElementTree.iterparse(content, events=("start", "end")):
            tag = element.tag.rpartition("}")[2]
            attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
            if event == "start" and tag == "table":
                in_sheet, row = attributes.get("name") == sheet, 1
            elif event == "start" and tag == "table-row":
                column = 1
            elif event == "end" and tag in ("table-cell", "covered-table-cell"):
                if in_sheet and element.get(_VALUE_TYPE) == "error":
                    yield (row, column), "".join(element.itertext())
                column += int(attributes.get("number-columns-repeated", 1))
            elif event == "end" and tag == "table-row":
                row += int(attributes.get("number-rows-repeated", 1))
                element.clear()


def _is_sheet(name: str) -> bool:
    return name.startswith("xl/worksheets/") and name.endswith(".xml")


def _has_errors(parts: zipfile.ZipFile) -> bool:
    """Whether a sheet in the file may hold an error, by a search in the bytes: quicker than parsing the XML."""
    return any(
        b't="e"' in block or b"t='e'" in block
        for name in parts.namelist()
        if _is_sheet(name)
        for block in _blocks(parts, name)
    )


def _blocks(parts: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The part's content in blocks that overlap by 8 bytes, so that no match is lost at the border of two blocks."""
    tail = b""
    with parts.open(name) as content:
        while block := content.read(_BLOCK):
            yield tail + block
            tail = block[-8:]

"""Hashes of the ledger's rows and of files, and the manifest of a release: one line for each row that it covers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from data_quality.ledger.schemas import FIRST_FORMAT, KEY_COLUMNS, SCHEMAS, Rows


def canonical(name: str, rows: Rows) -> list[str]:
    """The text that is hashed for each row: a JSON object of the schema's columns.

    A column that wasn't in the ledger's first format is left out where it is NULL, so that hashes made before it
    existed stay valid.
    """
    first, columns = FIRST_FORMAT[name], SCHEMAS[name].names
    texts = []
    for row in rows:
        cells = ((column, row.get(column)) for column in columns)
        texts.append(
            _ENCODER.encode({column: value for column, value in cells if value is not None or column in first})
        )
    return texts


def content_hash(observations: Sequence[str], verdicts: Sequence[str], catalog: str) -> str:
    """The hash of a release's content, from the canonical texts of its rows, in any order, and its catalogue."""
    digest = hashlib.sha256()
    for texts in (observations, verdicts):
        digest.update(f"{len(texts)}\n".encode())
        digest.update("".join(f"{text}\n" for text in sorted(texts)).encode("utf-8"))
    digest.update(catalog.encode("utf-8"))
    return digest.hexdigest()


def sealed(release: dict[str, Any], rows: Mapping[str, Rows], decisions: Sequence[str]) -> dict[str, Any]:
    """The release row with its content hash and its manifest: lines for itself, its rows and its decisions.

    `rows` are its observations and verdicts by table; `decisions` are the manifest lines of the decisions it covers.
    """
    texts = {name: canonical(name, rows[name]) for name in rows}
    row = {**release, "content_hash": content_hash(texts["observations"], texts["verdicts"], release["catalog"])}
    content = (line for name in rows for line in lines(name, rows[name], texts[name]))
    return {**row, "manifest": "\n".join([*lines("releases", [row]), *content, *decisions])}


def row_hash(release: dict[str, Any]) -> str:
    """The hash of a release row, which the next release row holds as its previous_hash."""
    return _hash(canonical("releases", [release])[0])


def lines(name: str, rows: Rows, texts: Sequence[str] | None = None) -> list[str]:
    """The manifest line of each row: `<table> <first eight digits of the row's hash> <key>`.

    The key is the row's key columns joined by slashes. The hash of a release row doesn't cover its manifest. `texts`
    are the canonical texts of the rows, computed here if not passed.
    """
    manifest_lines = []
    for row, text in zip(rows, texts or canonical(name, [{**row, "manifest": None} for row in rows]), strict=True):
        key = _ENCODER.encode("/".join(str(row[column]) for column in KEY_COLUMNS[name]))[1:-1]
        manifest_lines.append(f"{name} {_hash(text)[:8]} {key}")
    return manifest_lines


def sealed_lines(release: dict[str, Any]) -> list[str]:
    """The lines of a release's manifest; empty for a release of an older version, which wrote no manifest."""
    return release["manifest"].split("\n") if release["manifest"] else []


def file_hash(file: Path) -> str:
    """The SHA-256 of a file's bytes. Raises OSError when it can't be read."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _text(value: date | datetime) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value.isoformat()


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=_text)

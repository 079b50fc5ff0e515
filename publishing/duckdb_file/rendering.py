"""The record of how the published file was rendered: its hash, and the hashes of what it was made from.

The record is `published.json` in the data folder, and has no published value. A file that doesn't match it is rendered
whole.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from data_quality.ledger.manifest import file_hash, row_hash
from data_quality.ledger.store import Ledger
from metrics.core import deployment

MOST_ADDED = 0.25
"""The part of a file's vintages that may be added before it is rendered whole again, sorted for its readers."""


@dataclass(frozen=True)
class Rendering:
    """A file as it was rendered. Hashes are SHA-256, in hexadecimal digits.

    `file` is the hash of its bytes, `catalog` the hash of its newest release's catalogue, `code` the hash of the code
    that rendered it. `sequence` and `row_hash` are those of its newest release. `whole` is how many vintages it had
    when it was last rendered whole.
    """

    file: str
    sequence: int
    row_hash: str
    catalog: str
    code: str
    whole: int


def of(ledger: Ledger, file: Path, whole: int) -> Rendering:
    """The rendering of a file that holds the ledger's newest release."""
    assert ledger.newest is not None
    newest = ledger.newest
    catalog = _hash(newest["catalog"].encode())
    return Rendering(file_hash(file), newest["sequence"], row_hash(newest), catalog, _code(), whole)


def keep(path: Path, rendered: Rendering) -> None:
    """Remember the rendering of the deployment's published file."""
    if path == deployment.published_path():
        draft = _place().with_suffix(".new")
        draft.write_text(json.dumps(vars(rendered)), encoding="utf-8")
        draft.replace(_place())


def read(path: Path) -> Rendering | None:
    """The rendering of the file; None where the file is missing, or isn't the one that was rendered last."""
    if path != deployment.published_path():
        return None
    try:
        rendered = Rendering(**json.loads(_place().read_text(encoding="utf-8")))
        is_whole = isinstance(rendered.sequence, int) and isinstance(rendered.whole, int)
        return rendered if is_whole and rendered.file == file_hash(path) else None
    except (OSError, ValueError, TypeError):
        return None


def is_current(last: Rendering, ledger: Ledger) -> bool:
    """Whether the file holds the ledger's newest release, as this code renders it."""
    return ledger.newest is not None and (last.row_hash, last.code) == (row_hash(ledger.newest), _code())


def continues(last: Rendering, ledger: Ledger) -> bool:
    """Whether the ledger's newest release can be rendered as an addition to that file.

    The ledger must have the same releases up to that one, and none after it that changes the times of these; the
    definitions and the code must be the same.
    """
    assert ledger.newest is not None
    new = [row for row in ledger.releases if row["sequence"] > last.sequence]
    before = [row for row in ledger.releases if row["sequence"] <= last.sequence]
    if not new or not before or new[0]["previous_hash"] != last.row_hash:
        return False
    newest_before = before[-1]
    is_later = all(row[name] >= newest_before[name] for row in new for name in ("published_at", "realtime_start"))
    added = sum(row["n_observations"] for row in ledger.releases) - last.whole
    same_definitions = last.catalog == _hash(ledger.newest["catalog"].encode())
    return is_later and same_definitions and last.code == _code() and added <= MOST_ADDED * last.whole


def _place() -> Path:
    return deployment.data_dir() / "published.json"


@cache
def _code() -> str:
    """The hash of what a file depends on besides the ledger: this package, the packages below, DuckDB's version."""
    packages = ("publishing", "data_quality", "metrics")
    modules = sorted(module for name in packages for module in (deployment.PROJECT / name).rglob("*.py"))
    return _hash(b"".join([duckdb.__version__.encode(), *(module.read_bytes() for module in modules)]))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

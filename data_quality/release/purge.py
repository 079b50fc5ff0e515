"""Purging a text, such as a person's address, from the ledger: a copy of the ledger is written without it.

Rows of an append-only table can't be changed, and Delta keeps old versions. So every release is written again in
another place, with the text replaced and the chain of hashes recomputed. A last release records who purged, when, why
and in which rows. The old ledger isn't changed.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, Transaction

from data_quality.ledger import tables
from data_quality.ledger.lock import releasing
from data_quality.ledger.manifest import lines, row_hash, sealed, sealed_lines
from data_quality.ledger.schemas import SCHEMAS
from data_quality.ledger.store import TRANSACTION, Ledger
from data_quality.ledger.verify import Purge, PurgedRow, verify
from data_quality.release import readiness
from metrics.core import clock
from metrics.core.errors import NyckeltalError
from metrics.definitions.company import Company
from metrics.definitions.roles import listed_spelling

SHORTEST = 4  # characters; a shorter text would be part of many others
# The columns that can hold a text of a source or a person. In JSON columns each string value is replaced on its own.
_PLAIN = {
    "observations": ("member", "revision_reason"),
    "verdicts": (),
    "decisions": ("reason", "decided_by"),
    "releases": ("note",),
}
_JSON = {"observations": (), "verdicts": ("checks",), "decisions": (), "releases": ("catalog", "purge", "company")}
Rows = dict[str, list[dict[str, Any]]]


def purge(root: str, target: str, texts: Sequence[str], company: Company, *, reason: str, by: str) -> dict[str, Any]:
    """Write the ledger at `root` to `target` without the texts; the row of the release that records the purge.

    Each text is replaced by `[purged …]` everywhere, also inside longer texts; upper and lower case matter. Rows of
    interrupted releases aren't copied. The old ledger isn't changed; deleting it is up to the person.
    Raises NyckeltalError when a text is too short, is not in the ledger or is in a column that can't be purged, the
    person isn't named in roles.yml, `target` isn't empty, or the old ledger is damaged.
    """
    replacements = {text: f"[purged {secrets.token_hex(4)}]" for text in _required(texts)}
    reason, person = _stated(company, replacements, reason, by)
    with releasing():
        ledger = Ledger.open(root, make=False)
        verify(ledger).require_sound(root)
        readiness.require_clock(ledger, company)
        if ledger.newest is None:
            raise NyckeltalError("the ledger has no release", file=root)
        if tables.has_files(target) or Ledger.find(target) is not None:
            problem = "there are files already; a purged ledger needs an empty place"
            raise NyckeltalError(problem, file=target, field="to")
        rows = _committed(ledger)
        replaced = [_replace_in_row(table, row, replacements, rows) for table in rows for row in rows[table]]
        purged_rows = tuple(row for row in replaced if row is not None)
        if not purged_rows:
            raise NyckeltalError("the text is not in the ledger", file=root)
        _require_gone(rows, replacements)
        purge_record = Purge(person, reason, row_hash(ledger.newest), purged_rows)
        row = _chain(rows, purge_record, company)
        _write(target, rows)
        verify(Ledger.open(target, make=False)).require_sound(target)
    return row


def _required(texts: Sequence[str]) -> list[str]:
    """The texts, stripped, the longest first. Raises NyckeltalError when one is too short, or there is none."""
    stripped = [text.strip() for text in texts if text.strip()]
    if not stripped or any(len(text) < SHORTEST for text in stripped):
        raise NyckeltalError("the text to purge is too short", expected=f"at least {SHORTEST} characters")
    return sorted(set(stripped), key=len, reverse=True)  # a text that contains another one is replaced first


def _stated(company: Company, replacements: Mapping[str, str], reason: str, by: str) -> tuple[str, str]:
    """The reason and the person's name, as they are published."""
    reason = " ".join(reason.split())
    named = tuple(dict.fromkeys(name for names in company.roles.decides.values() for name in names))
    person = listed_spelling(by, named)
    if person is None:
        expected = " or ".join(named) or "names under `decides`"
        file = company.path / "roles.yml"
        raise NyckeltalError("may not purge the ledger", file=file, field="by", found=by, expected=expected)
    if not reason or any(text in reason or text in person for text in replacements):
        raise NyckeltalError("is published: it must not be empty or contain what is purged", field="reason")
    return reason, person


def _committed(ledger: Ledger) -> Rows:
    """The rows of committed releases and all decisions, by table; releases in their sequence."""
    rows: Rows = {name: ledger.rows(name).to_pylist() for name in ("observations", "verdicts", "decisions")}
    known = {release["release_id"] for release in ledger.releases}
    for name in ("observations", "verdicts"):
        rows[name] = [row for row in rows[name] if row["release_id"] in known]
    return {**rows, "releases": sorted(ledger.rows("releases").to_pylist(), key=lambda row: row["sequence"])}


def _replace_in_row(table: str, row: dict[str, Any], replacements: Mapping[str, str], rows: Rows) -> PurgedRow | None:
    """Replace the texts in the row, in place; which row it is if something was replaced, else None."""
    before = dict(row)
    for column in _PLAIN[table]:
        row[column] = _replaced(row[column], replacements)
    for column in _JSON[table]:
        if row[column] is not None:
            parsed = json.loads(row[column])
            purged = _replaced(parsed, replacements)
            row[column] = json.dumps(purged, ensure_ascii=False) if purged != parsed else row[column]
    if row == before:
        return None
    sequences = {release["release_id"]: release["sequence"] for release in rows["releases"]}
    key = lines(table, [row])[0].split(" ", 2)[2]
    return PurgedRow(table, sequences.get(row.get("release_id", "")), key)


def _replaced(value: Any, replacements: Mapping[str, str]) -> Any:
    """The JSON value with the texts replaced in every string of it; keys of objects are not changed."""
    if isinstance(value, str):
        for text, mark in replacements.items():
            value = value.replace(text, mark)
        return value
    if isinstance(value, list):
        return [_replaced(element, replacements) for element in value]
    if isinstance(value, dict):
        return {name: _replaced(element, replacements) for name, element in value.items()}
    return value


def _require_gone(rows: Rows, replacements: Mapping[str, str]) -> None:
    """Raises NyckeltalError when one of the texts is left in any column."""
    for table, table_rows in rows.items():
        for row in table_rows:
            for column, value in row.items():
                if column == "manifest" or not isinstance(value, str):  # manifests are written again
                    continue
                parts = _texts(json.loads(value)) if column in _JSON[table] else (value,)
                if any(text in part for part in parts for text in replacements):
                    raise NyckeltalError(f"the text is in {table}.{column}, which can't be purged")


def _texts(value: Any) -> Iterator[str]:
    """Every string of a JSON value, keys of objects included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for element in value:
            yield from _texts(element)
    elif isinstance(value, dict):
        yield from value
        for element in value.values():
            yield from _texts(element)


def _chain(rows: Rows, purge_record: Purge, company: Company) -> dict[str, Any]:
    """Recompute content hashes, chain and manifests, and append the release that records the purge; its row."""
    decisions = {row["decision_id"]: row for row in rows["decisions"]}
    content = {name: _by_release(rows[name]) for name in ("observations", "verdicts")}
    covered: set[str] = set()
    chain: list[dict[str, Any]] = []
    for release in rows["releases"]:
        release_rows = {name: content[name].get(release["release_id"], []) for name in content}
        ids = [line.split(" ", 2)[2] for line in sealed_lines(release) if line.startswith("decisions ")]
        covered.update(ids)
        linked = {**release, "previous_hash": row_hash(chain[-1]) if chain else None}
        new_row = sealed(linked, release_rows, lines("decisions", [decisions[key] for key in ids]))
        chain.append(new_row if release["manifest"] else {**new_row, "manifest": None})
    previous = chain[-1]
    count = len(purge_record.rows)
    last: dict[str, Any] = {
        "release_id": secrets.token_hex(16),
        "sequence": previous["sequence"] + 1,
        "realtime_start": clock.today(company.time_zone),
        "published_at": clock.now(),
        "n_observations": 0,
        "n_verdicts": 0,
        "previous_hash": row_hash(previous),
        "catalog": previous["catalog"],
        "company": previous["company"],
        "batch_id": None,
        "note": f"A text was purged from {count:,} rows of the ledger: {purge_record.reason} ({purge_record.by})",
        "purge": json.dumps(asdict(purge_record), ensure_ascii=False),
    }
    uncovered = [row for key, row in decisions.items() if key not in covered]
    last = sealed(last, {"observations": [], "verdicts": []}, lines("decisions", uncovered))
    rows["releases"] = [*chain, last]
    return last


def _by_release(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["release_id"]].append(row)
    return groups


def _write(target: str, rows: Rows) -> None:
    """Write the tables, the releases last and in one commit: without them there is no ledger."""
    ledger = Ledger.open(target)
    newest = rows["releases"][-1]["sequence"]
    commits = {"releases": CommitProperties(app_transactions=[Transaction(TRANSACTION, newest)])}
    for name, schema in SCHEMAS.items():
        if rows[name]:
            tables.append(ledger.tables[name], pa.Table.from_pylist(rows[name], schema=schema), commits.get(name))

"""Purging a text, such as a person's address, from the ledger: a new ledger made from the old one, which isn't changed.

Rows of an append-only table can't be changed, and Delta keeps what was. So every release is written again, elsewhere,
with the text replaced and the chain of hashes made anew. A last release says who purged, when, why and in which rows.
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
from data_quality.ledger.store import SCHEMAS, TRANSACTION, Ledger, lines, row_hash, sealed, sealed_lines
from data_quality.ledger.verify import Purge, PurgedRow, verify
from data_quality.release import readiness
from metrics.core import clock
from metrics.core.errors import NyckeltalError
from metrics.definitions.company import Company
from metrics.definitions.roles import among

SHORTEST = 4  # characters; a shorter text would be part of many others
# Where a text can stand that came from a source or a person. What is JSON is replaced within its texts.
_PLAIN = {
    "observations": ("member", "revision_reason"),
    "verdicts": (),
    "decisions": ("reason", "decided_by"),
    "releases": ("note",),
}
_JSON = {"observations": (), "verdicts": ("checks",), "decisions": (), "releases": ("catalog", "purge")}
Rows = dict[str, list[dict[str, Any]]]


def purge(root: str, target: str, texts: Sequence[str], company: Company, *, reason: str, by: str) -> dict[str, Any]:
    """Write the ledger at `root` to `target` without the texts; the row of the release that says so.

    Each text gives way to `[purged …]` wherever it stands, also within others, in the spelling given. Rows of
    interrupted releases are left behind. The old ledger stays as it is; to delete it is up to the person.
    Raises NyckeltalError when a text is too short, stands nowhere or in a column that can't be purged, the person isn't
    named in roles.yml, there is something at `target`, or the old ledger isn't sound.
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
            raise NyckeltalError("there is something already; a purged ledger is written anew", file=target, field="to")
        rows = _committed(ledger)
        purged = [_mark(table, row, replacements, rows) for table in rows for row in rows[table]]
        touched = tuple(row for row in purged if row is not None)
        if not touched:
            raise NyckeltalError("the text stands nowhere in the ledger", file=root)
        _require_gone(rows, replacements)
        stated = Purge(person, reason, row_hash(ledger.newest), touched)
        row = _chain(rows, stated, company)
        _write(target, rows)
        verify(Ledger.open(target, make=False)).require_sound(target)
    return row


def _required(texts: Sequence[str]) -> list[str]:
    stripped = [text.strip() for text in texts if text.strip()]
    if not stripped or any(len(text) < SHORTEST for text in stripped):
        raise NyckeltalError("the text to purge is too short", expected=f"at least {SHORTEST} characters")
    return sorted(set(stripped), key=len, reverse=True)  # a text that holds another is replaced as a whole


def _stated(company: Company, replacements: Mapping[str, str], reason: str, by: str) -> tuple[str, str]:
    """The reason and the person's name, as they are published."""
    reason = " ".join(reason.split())
    named = tuple(dict.fromkeys(name for names in company.roles.decides.values() for name in names))
    person = among(by, named)
    if person is None:
        expected = " or ".join(named) or "names under `decides`"
        file = company.path / "roles.yml"
        raise NyckeltalError("may not purge the ledger", file=file, field="by", found=by, expected=expected)
    if not reason or any(text in reason or text in person for text in replacements):
        raise NyckeltalError("is published: it may not be empty, nor hold what is purged", field="reason")
    return reason, person


def _committed(ledger: Ledger) -> Rows:
    """The rows that count, by table, releases in sequence."""
    rows: Rows = {name: ledger.rows(name).to_pylist() for name in ("observations", "verdicts", "decisions")}
    known = {release["release_id"] for release in ledger.releases}
    for name in ("observations", "verdicts"):
        rows[name] = [row for row in rows[name] if row["release_id"] in known]
    return {**rows, "releases": [dict(release) for release in ledger.releases]}


def _mark(table: str, row: dict[str, Any], replacements: Mapping[str, str], rows: Rows) -> PurgedRow | None:
    """Replace the texts in the row, in place; what names the row when something was replaced."""
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
    """The value with the texts replaced in every text of it; a key of JSON stays."""
    if isinstance(value, str):
        for text, mark in replacements.items():
            value = value.replace(text, mark)
        return value
    if isinstance(value, list):
        return [_replaced(one, replacements) for one in value]
    if isinstance(value, dict):
        return {name: _replaced(one, replacements) for name, one in value.items()}
    return value


def _require_gone(rows: Rows, replacements: Mapping[str, str]) -> None:
    for table, table_rows in rows.items():
        for row in table_rows:
            for column, value in row.items():
                if column == "manifest" or not isinstance(value, str):  # manifests are made anew
                    continue
                parts = _texts(json.loads(value)) if column in _JSON[table] else (value,)
                if any(text in part for part in parts for text in replacements):
                    raise NyckeltalError(f"the text stands in {table}.{column}, which can't be purged")


def _texts(value: Any) -> Iterator[str]:
    """Every text of a JSON value, its keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        yield from value
        for one in value.values():
            yield from _texts(one)


def _chain(rows: Rows, stated: Purge, company: Company) -> dict[str, Any]:
    """Make content hashes, chain and manifests anew, and append the release that states the purge; its row."""
    decisions = {row["decision_id"]: row for row in rows["decisions"]}
    content = {name: _by_release(rows[name]) for name in ("observations", "verdicts")}
    covered: set[str] = set()
    chain: list[dict[str, Any]] = []
    for release in rows["releases"]:
        own = {name: content[name].get(release["release_id"], []) for name in content}
        ids = [line.split(" ", 2)[2] for line in sealed_lines(release) if line.startswith("decisions ")]
        covered.update(ids)
        linked = {**release, "previous_hash": row_hash(chain[-1]) if chain else None}
        remade = sealed(linked, own, lines("decisions", [decisions[key] for key in ids]))
        chain.append(remade if release["manifest"] else {**remade, "manifest": None})
    previous = chain[-1]
    count = len(stated.rows)
    last: dict[str, Any] = {
        "release_id": secrets.token_hex(16),
        "sequence": previous["sequence"] + 1,
        "realtime_start": clock.today(company.time_zone),
        "published_at": clock.now(),
        "n_observations": 0,
        "n_verdicts": 0,
        "previous_hash": row_hash(previous),
        "catalog": previous["catalog"],
        "batch_id": None,
        "note": f"A text was purged from {count:,} rows of the ledger: {stated.reason} ({stated.by})",
        "purge": json.dumps(asdict(stated), ensure_ascii=False),
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
    """The releases come last and all at once: before them there is no ledger."""
    ledger = Ledger.open(target)
    newest = rows["releases"][-1]["sequence"]
    commits = {"releases": CommitProperties(app_transactions=[Transaction(TRANSACTION, newest)])}
    for name, schema in SCHEMAS.items():
        if rows[name]:
            tables.append(ledger.tables[name], pa.Table.from_pylist(rows[name], schema=schema), commits.get(name))

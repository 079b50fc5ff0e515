"""What is to be read of a feed: its files against what raw has of them. Reads no rows and writes nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from metrics.definitions.feeds import Feed
from orchestration.ingest.bookkeeping import Bookkeeping, KnownFile
from orchestration.ingest.column_values import typed
from orchestration.ingest.faults import FileFault, named
from orchestration.ingest.feed_reading import stored_columns
from orchestration.ingest.header import is_storable
from orchestration.ingest.personal import PseudonymKey
from orchestration.ingest.source_files import Delivery, NoFiles, SourceFile, delivery, listed, passed_over


@dataclass
class FeedPlan:
    """A feed's files sorted by what is to be done with them.

    `declaration` and `shape` identify the feed's definition, `shape` only what can't change under loaded rows.
    `columns` are those of the raw table now (empty: none). `anew`: forget the table and read everything again.
    `redelivered` are known files that came again with the same content; `gone` are faulty ones that are no longer
    there; `standing` has the problems of files that stay as they are; `blocked` is why the feed can't be read.
    """

    feed: Feed
    declaration: str
    shape: str
    key: PseudonymKey | None
    known: dict[str, KnownFile]
    columns: dict[str, pa.DataType]
    anew: bool = False
    to_read: list[Delivery] = field(default_factory=list)
    redelivered: list[KnownFile] = field(default_factory=list)
    gone: list[KnownFile] = field(default_factory=list)
    unchanged: int = 0
    standing: dict[str, str] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def contents(self) -> dict[str, str]:
        """The sha256 of every file that has rows in raw, with the file's name."""
        return {
            one.loaded_sha256: one.source_file for one in self.known.values() if one.loaded_sha256 and one.rows_loaded
        }


def planned(feed: Feed, books: Bookkeeping, key: PseudonymKey | None, copies: Path) -> FeedPlan:
    """The plan for one feed; remote files that are to be read are copied below `copies`."""
    shape = _shape(feed, key)
    plan = FeedPlan(
        feed=feed,
        declaration=_declaration(feed, shape),
        shape=shape,
        key=key,
        known=books.known_files(feed.name),
        columns=books.table_columns(feed.name),
    )
    if problem := _wrong_declaration(feed):
        plan.blocked.append(problem)
        return plan
    files: list[SourceFile] = []
    try:
        files = listed(feed)
    except NoFiles as none:
        if feed.ended is None or not plan.known:  # what a system that is used no more brought may have been cleared
            plan.blocked.append(str(none))
    if missed := passed_over(feed):
        plan.notes.append(f"passed over, as '{feed.path}' doesn't match: {named(missed, 3)}")
    if _needs_table_anew(plan, files):
        if plan.blocked:
            return plan
        plan.known, plan.columns, plan.anew = {}, {}, True
    elif not plan.columns:
        plan.known, plan.anew = {}, bool(plan.known)
    if not plan.blocked:
        _sort(plan, files, copies)
    return plan


def _sort(plan: FeedPlan, files: list[SourceFile], copies: Path) -> None:
    same_as_another: list[SourceFile] = []
    present = {file.name for file in files}
    for file in files:
        known = plan.known.get(file.name)
        as_declared = known is not None and known.declaration == plan.declaration
        if known and as_declared and (known.size, known.modified) == (file.size, file.modified):
            if known.same_as:
                same_as_another.append(file)
            elif known.problem:
                plan.standing[file.name] = known.problem
            else:
                plan.unchanged += 1
            continue
        try:
            read = delivery(file, copies)
        except FileFault as fault:
            plan.standing[file.name] = str(fault)
            continue
        if known and as_declared and not known.same_as and known.sha256 == read.sha256:
            again = replace(known, size=file.size, modified=file.modified)
            if known.problem:
                plan.standing[file.name] = known.problem
            else:
                again = replace(again, delivered_at=file.modified)
                plan.unchanged += 1
            plan.redelivered.append(again)
        else:
            plan.to_read.append(read)
    changing = {one.name for one in plan.to_read}
    for file in same_as_another:
        known = plan.known[file.name]
        twin = plan.known.get(known.same_as or "")
        if twin and twin.loaded_sha256 == known.sha256 and twin.source_file not in changing:
            plan.unchanged += 1
            continue
        try:
            plan.to_read.append(delivery(file, copies))
        except FileFault as fault:
            plan.standing[file.name] = str(fault)
    # Files that are known come first: of two that are the same, it is the new name that is the double.
    plan.to_read.sort(key=lambda one: (one.name not in plan.known, one.name))
    plan.gone = [one for name, one in plan.known.items() if name not in present and (one.problem or one.same_as)]


def _needs_table_anew(plan: FeedPlan, files: list[SourceFile]) -> bool:
    """Whether the rows in raw were stored in a way that the feed's definition no longer allows.

    They can't be changed in place, so all files are read again; `blocked` says so when some are no longer there.
    """
    loaded = [one for one in plan.known.values() if one.loaded_sha256]
    other = [
        f"column {name} is {plan.columns[name]} there"
        for name, kind in stored_columns(plan.feed).items()
        if name in plan.columns and plan.columns[name] != kind
    ]
    if not all(map(is_storable, plan.columns)):
        other.append("a column's name has signs that can't be written")
    if any(one.shape != plan.shape for one in loaded):
        other.append("personal columns, their key or the format differ")
    if not other or not plan.columns:
        return False
    lost = sorted({one.source_file for one in loaded} - {file.name for file in files})
    if lost:
        plan.blocked.append(
            f"the feed's definition changed ({'; '.join(other)}), and files that were loaded under the old one are no "
            f"longer there ({named(lost, 3)}): put them back, or drop table raw.{plan.feed.name} to go on without "
            "their rows"
        )
    return True


def _wrong_declaration(feed: Feed) -> str | None:
    probe = pa.chunked_array([pa.nulls(1, pa.string())])
    for name, declared in feed.columns.items():
        try:
            typed(probe, declared)
        except (FileFault, pa.ArrowException, duckdb.Error) as error:
            return f"column {name}: {error}"
    return None


def _shape(feed: Feed, key: PseudonymKey | None) -> str:
    hashed = "hash" in feed.personal.values()
    facts = {
        "format": feed.format,
        "personal": feed.personal,
        "key": key.fingerprint if key and hashed else None,
    }
    return json.dumps(facts, sort_keys=True)


def _declaration(feed: Feed, shape: str) -> str:
    columns = {name: declared.model_dump() for name, declared in feed.columns.items()}
    text = json.dumps({"columns": columns, "options": feed.options.model_dump(), "shape": shape}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()

"""Decides which files of a feed are to be read, by comparing the files with raw's records. Reads and writes no rows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from metrics.definitions.feeds import Feed
from orchestration.ingest.column_values import to_declared_type
from orchestration.ingest.faults import FileFault, quoted_names
from orchestration.ingest.feed_reading import stored_columns
from orchestration.ingest.personal import PseudonymKey
from orchestration.ingest.raw.bookkeeping import Bookkeeping, FileRecord
from orchestration.ingest.sources.files import Delivery, Listing, NoFiles, SourceFile, compressed_beside, delivery


@dataclass
class FeedPlan:
    """What an ingest is to do with a feed's files.

    - `declaration` and `shape` identify the feed's definition: `shape` only the part that can't change while rows are
      loaded.
    - `file_records` are the records of its files, by name; `columns` are the columns of the raw table (empty: there is
      no table).
    - `reload`: drop the table and read all files again.
    - `to_read` are the files to read, `unchanged` is the number of files that aren't to be read.
    - `redelivered` are the new records of files that were delivered again with the same content.
    - `removed` are the records of rejected files that are no longer there.
    - `problems` has the problems of files that aren't read, by file name.
    - `blocked` says why the feed can't be read; `notes` are messages for its report.
    """

    feed: Feed
    declaration: str
    shape: str
    key: PseudonymKey | None
    file_records: dict[str, FileRecord]
    columns: dict[str, pa.DataType]
    reload: bool = False
    to_read: list[Delivery] = field(default_factory=list)
    redelivered: list[FileRecord] = field(default_factory=list)
    removed: list[FileRecord] = field(default_factory=list)
    unchanged: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def contents(self) -> dict[str, str]:
        """The name of each file that has rows in raw, by the sha256 of its content."""
        return {
            record.loaded_sha256: record.source_file
            for record in self.file_records.values()
            if record.loaded_sha256 and record.rows_loaded
        }


def plan_feed(feed: Feed, books: Bookkeeping, key: PseudonymKey | None, copies: Path, listing: Listing) -> FeedPlan:
    """The plan for a feed. Remote files that are to be read are copied below `copies`."""
    shape = _shape(feed, key)
    plan = FeedPlan(
        feed=feed,
        declaration=_declaration(feed, shape),
        shape=shape,
        key=key,
        file_records=books.file_records(feed.name),
        columns=books.table_columns(feed.name),
    )
    if problem := _wrong_declaration(feed):
        plan.blocked.append(problem)
        return plan
    files: list[SourceFile] = []
    try:
        files = listing.files(feed)
    except NoFiles as error:
        if feed.ended is None or not plan.file_records:  # the files of a feed that has ended may have been deleted
            plan.blocked.append(str(error))
    if not_matched := compressed_beside(feed):
        plan.notes.append(f"not read, because '{feed.path}' doesn't match: {quoted_names(not_matched, 3)}")
    if _needs_reload(plan, files):
        if plan.blocked:
            return plan
        plan.file_records, plan.columns, plan.reload = {}, {}, True
    elif not plan.columns:
        plan.file_records, plan.reload = {}, bool(plan.file_records)
    if not plan.blocked:
        _sort(plan, files, copies)
    return plan


def _sort(plan: FeedPlan, files: list[SourceFile], copies: Path) -> None:
    """Puts each file into the plan by what is to be done with it."""
    duplicates: list[SourceFile] = []
    present = {file.name for file in files}
    for file in files:
        record = plan.file_records.get(file.name)
        as_declared = record is not None and record.declaration == plan.declaration
        if record and as_declared and (record.size, record.modified) == (file.size, file.modified):
            if record.same_as:
                duplicates.append(file)
            elif record.problem:
                plan.problems[file.name] = record.problem
            else:
                plan.unchanged += 1
            continue
        try:
            new_delivery = delivery(file, copies)
        except FileFault as fault:
            plan.problems[file.name] = str(fault)
            continue
        if record and as_declared and not record.same_as and record.sha256 == new_delivery.sha256:
            updated_record = replace(record, size=file.size, modified=file.modified)
            if record.problem:
                plan.problems[file.name] = record.problem
            else:
                updated_record = replace(updated_record, delivered_at=file.modified)
                plan.unchanged += 1
            plan.redelivered.append(updated_record)
        else:
            plan.to_read.append(new_delivery)
    changed = {to_read.name for to_read in plan.to_read}
    for file in duplicates:
        record = plan.file_records[file.name]
        original = plan.file_records.get(record.same_as or "")
        if original and original.loaded_sha256 == record.sha256 and original.source_file not in changed:
            plan.unchanged += 1
            continue
        try:
            plan.to_read.append(delivery(file, copies))
        except FileFault as fault:
            plan.problems[file.name] = str(fault)
    # Known files come first: of two files with the same content, the new name is the duplicate.
    plan.to_read.sort(key=lambda to_read: (to_read.name not in plan.file_records, to_read.name))
    plan.removed = [
        record
        for name, record in plan.file_records.items()
        if name not in present and (record.problem or record.same_as)
    ]


def _needs_reload(plan: FeedPlan, files: list[SourceFile]) -> bool:
    """Whether the rows in raw were stored in a way that doesn't fit the feed's present definition.

    Stored rows can't be changed in place, so all files must be read again. Where a file is no longer in the source
    folder, the reason is appended to `plan.blocked`.
    """
    loaded = [record for record in plan.file_records.values() if record.loaded_sha256]
    differences = [
        f"column {name} is {plan.columns[name]} there"
        for name, sql_type in stored_columns(plan.feed).items()
        if name in plan.columns and plan.columns[name] != sql_type
    ]
    if undeclared := len(plan.columns.keys() - stored_columns(plan.feed).keys()):
        differences.append(f"{undeclared} of the columns there aren't declared (declare them to keep them)")
    if any(record.shape != plan.shape for record in loaded):
        differences.append("personal columns, their key or the format differ")
    if not differences or not plan.columns:
        return False
    missing_files = sorted({record.source_file for record in loaded} - {file.name for file in files})
    if missing_files:
        plan.blocked.append(
            f"the feed's definition changed ({'; '.join(differences)}), and files that were loaded under the old one"
            f" are no longer there ({quoted_names(missing_files, 3)}): put them back, or drop table"
            f" raw.{plan.feed.name} to go on without their rows"
        )
    return True


def _wrong_declaration(feed: Feed) -> str | None:
    """The first declared column type that can't be used, such as one with an unknown date format."""
    probe = pa.chunked_array([pa.nulls(1, pa.string())])
    for name, declared in feed.columns.items():
        try:
            to_declared_type(probe, declared)
        except (FileFault, pa.ArrowException, duckdb.Error) as error:
            return f"column {name}: {error}"
    return None


def _shape(feed: Feed, key: PseudonymKey | None) -> str:
    hashed = "hash" in feed.personal.values()
    shape = {
        "format": feed.format,
        "personal": feed.personal,
        "key": key.fingerprint if key and hashed else None,
    }
    return json.dumps(shape, sort_keys=True)


def _declaration(feed: Feed, shape: str) -> str:
    columns = {name: declared.model_dump() for name, declared in feed.columns.items()}
    text = json.dumps({"columns": columns, "options": feed.options.model_dump(), "shape": shape}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()

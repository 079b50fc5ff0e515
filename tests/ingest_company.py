"""A company that has only feeds, in folders of its own, for the tests of ingest."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from metrics.definitions.calendar import Calendar
from metrics.definitions.company import Company
from metrics.definitions.feeds import Feed
from orchestration.ingest import FeedReport, ingest

COLUMNS = {"order_id": "text", "ordered_at": "timestamp", "amount": "decimal"}


class IngestCompany:
    """Methods to write source files, declare feeds, run an ingest, and query raw."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "sources"
        self.data = folder / "data"
        self.source.mkdir(parents=True, exist_ok=True)
        self.feeds: dict[str, Feed] = {}

    def feed(self, name: str, path: str | None = None, **fields: Any) -> None:
        """Adds or replaces a feed; by default its files are CSV files with COLUMNS in a folder of its name."""
        columns = fields.pop("columns", COLUMNS)
        stated = {
            "name": name,
            "system": "test",
            "file": Path("feeds/test.yml"),
            "line": 1,
            "description": "",
            "path": path or f"{name}/*.csv",
            "format": "csv",
            "columns": columns,
            "time_column": "ordered_at" if "ordered_at" in columns else None,
            "watermark": "event" if "ordered_at" in columns else "delivery",
            "history_from": date(2026, 1, 1),
            **fields,
        }
        self.feeds[name] = Feed.model_validate(stated)

    def write(self, name: str, content: str | bytes, modified: float | None = None) -> Path:
        """Writes a source file; `modified` is its time of delivery in seconds since 1970."""
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        if modified is not None:
            os.utime(path, (modified, modified))
        return path

    def run(self, *names: str) -> dict[str, FeedReport]:
        """One ingest of the named feeds, or of all."""
        company = Company(
            path=self.source,
            name="Test",
            reporting_currency="SEK",
            calendar=Calendar(time_zone="Europe/Stockholm", country="SE", closes_after={"default": 5}),
            objectives={},
            feeds=self.feeds,
        )
        return {report.feed: report for report in ingest(company, names or None)}

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """The rows that the query returns from the warehouse."""
        with duckdb.connect(str(self.data / "warehouse.duckdb"), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(query).fetchall()

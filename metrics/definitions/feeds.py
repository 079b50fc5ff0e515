"""Feeds: what a company's source systems deliver, where it is, and how its completeness is known."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from metrics.core.yaml_file import Strict

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
# Windows reserves these file names, so dlt refuses them as names of tables.
_RESERVED = {"con", "prn", "aux", "nul", *(f"{device}{digit}" for device in ("com", "lpt") for digit in range(10))}
# YAML and SQL read these as values, not as names.
_VALUES = {"null", "true", "false"}

# Characters that a column's name can't have in raw: dlt replaces them, and splits SQL at a semicolon.
_UNSTORABLE = str.maketrans(dict.fromkeys("\n\r'\"▶;\0", "_"))


def _feed_name(name: str) -> str:
    """The name, if a table of raw, a dbt source and a Dagster asset may have it. Raises ValueError."""
    if name.startswith("_"):
        raise ValueError("a feed's name may not begin with _: such tables of raw are the project's own")
    if not _NAME.fullmatch(name):
        raise ValueError(
            "a feed's name has letters a to z, digits and _, begins with a letter, and is at most 63 characters long"
        )
    if name.lower() in _RESERVED | _VALUES:
        raise ValueError(f"a feed can't be named '{name}', which is a reserved name: try '{name}_data'")
    return name


FeedName = Annotated[str, AfterValidator(_feed_name)]


class ColumnType(Strict):
    """How a source column is read. Instead of a mapping, the type alone may be written: `amount: decimal`."""

    type: Literal["text", "integer", "decimal", "number", "boolean", "date", "timestamp"] = Field(
        description="The type that the column has in raw. `decimal` is exact, `number` is binary floating point. A"
        " row with a value that can't be read as this type is rejected."
    )
    format: str | None = Field(
        default=None,
        description="How dates and timestamps are written, as a strptime format such as `%d/%m/%Y`. Without it ISO"
        " 8601.",
    )
    decimal: str = Field(default=".", description="The decimal sign of numbers.")
    thousands: str | None = Field(
        default=None,
        description="The thousands separator, such as a blank in `1 234,50`. Without it none is allowed.",
    )


class FeedOptions(Strict):
    """How the files of a feed are written."""

    delimiter: str = Field(
        default=",", description='CSV: the one character between fields, such as `;` or a tab (`"\\t"`).'
    )
    encoding: str = Field(
        default="utf-8",
        description="CSV and JSON lines: the encoding of the text, by a name that Python knows, such as `cp1252` or"
        " `utf-16`. A file with bytes that aren't valid in it is refused.",
    )
    null_values: tuple[str, ...] = Field(
        default=("",),
        description='CSV, JSON lines and Excel: the texts that mean a missing value, such as `["", NULL, n/a]`. A list'
        " replaces the default, so write the empty text too where it is meant.",
    )
    sheet: str | None = Field(default=None, description="Excel: the sheet that is read. Without it the first one.")
    header_row: int = Field(
        default=1,
        ge=1,
        description="CSV and Excel: the number of the row with the column names, from 1. Rows above it are ignored.",
    )


class CompleteThrough(Strict):
    """A watermark that the company states: the feed is complete up to and including that day."""

    complete_through: date = Field(description="The last day of which nothing is missing.")


class Paused(Strict):
    """A pause in the deliveries: they will come later."""

    since: date = Field(alias="from", description="The first day of the pause.")
    why: str = Field(
        min_length=10, description="Why nothing is delivered, and when it will be. It is shown with the KPIs."
    )


def stored_name(column: str) -> str:
    """The name that a column of a file has in raw: quotes, semicolons and line breaks are written `_` there."""
    return column.translate(_UNSTORABLE)


def _column(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class FeedSpec(Strict):
    """One feed, by its name. Its table is `raw.<name>`; staging selects from it by `{{ source('raw', '<name>') }}`."""

    description: str = Field(description="What a row is, and how the files are delivered.")
    path: str = Field(
        description="The files: a path below the source folder (`NYCKELTAL_SOURCE_DIR`) with `*` and `?`, a folder,"
        " or an fsspec URL. With `*` or `?`, upper and lower case in a file's name are the same. Names that begin with"
        " `.` or `~$` are ignored."
    )
    format: str = Field(
        description="The files' format: `csv`, `excel`, `jsonl`, `parquet`, or another one that has a reader."
        " CSV and JSON lines may be compressed by gzip (`.gz`)."
    )
    options: FeedOptions = Field(default=FeedOptions(), description="How the files are written.")
    columns: dict[str, Annotated[ColumnType, BeforeValidator(_column)]] = Field(
        min_length=1,
        description="The columns to store, by their names in the files, with their types; others aren't stored. A name"
        " that stands twice in a header is declared as `x` and `x_2`. In raw, quotes, semicolons and line breaks in a"
        " name are `_`.",
    )
    time_column: str | None = Field(
        default=None,
        description="The declared date or timestamp column with the time of a row's event. Checks count the feed's rows"
        " by it. Required where `watermark` is `event`.",
    )
    grain: Literal["instant", "day", "week", "month"] = Field(
        default="day",
        description="The time span that a row covers: a row dated 1 November covers that day with `day` and `instant`,"
        " the week from that day with `week`, all of November with `month`.",
    )
    cadence: Literal["hourly", "daily", "weekly", "monthly", "yearly", "once"] = Field(
        default="daily",
        description="How often the source delivers. Dagster shows the feed as overdue when no run has read it for as"
        " long and a little longer; nothing else depends on it.",
    )
    history_from: date = Field(
        description="The first day that the feed covers. Periods that begin before it can't be complete."
    )
    watermark: Literal["event", "delivery"] | CompleteThrough = Field(
        default="event",
        description="How it is known up to which day the feed is complete; today at the latest. `event`: the newest"
        " time in `time_column`, among rows dated no later than their delivery. `delivery`: the day before the newest"
        " file was written. `{complete_through: 2026-10-31}`: the day given here. A period that ends later is"
        " incomplete and is held.",
    )
    ended: date | None = Field(
        default=None,
        description="The last day of the feed, if its system is no longer used and its last delivery is in. After that"
        " day the feed counts as complete, so a KPI that also reads other feeds continues without it. A KPI has no"
        " periods after the last day of all feeds with its events: the feeds upstream with a `time_column` (or all, if"
        " none has one), except those in which it only looks up values through a dimension (`dim_`).",
    )
    paused: Paused | None = Field(
        default=None,
        description="A pause in the deliveries. No KPI that reads the feed has periods that end on its first day or"
        " later (for a cohort: whose window ends then); they are neither judged nor held. Remove this key when"
        " deliveries continue: the periods are judged then.",
    )
    personal: dict[str, Literal["drop", "hash"]] = Field(
        default_factory=dict,
        description="Columns with personal data. `drop`: not stored. `hash`: stored as a pseudonym, the keyed hash"
        " of the value, the same for the same value in every feed.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> FeedSpec:
        if self.watermark == "event" and self.time_column is None:
            raise ValueError("a feed whose watermark is its newest event needs a time_column")
        if self.time_column is not None:
            column = self.columns.get(self.time_column)
            if column is None or column.type not in ("date", "timestamp"):
                raise ValueError(f"time_column '{self.time_column}' must be declared in columns as a date or timestamp")
            if stored_name(self.time_column) != self.time_column:
                raise ValueError("a time_column can't have a quote, a semicolon or a line break in its name")
        if len({stored_name(name) for name in self.columns}) < len(self.columns):
            raise ValueError("two columns have the same name in raw, where quotes, semicolons and line breaks are _")
        if self.ended is not None and self.paused is not None:
            raise ValueError("a feed that has ended isn't paused: state one of the two")
        paused_from = self.paused.since if self.paused else None
        for name, day in (("ended", self.ended), ("paused.from", paused_from)):
            if day is not None and day < self.history_from:
                raise ValueError(f"{name} can't be before history_from")
        return self


class FeedFile(Strict):
    """What one source system delivers."""

    system: str = Field(description="The name of the source system.")
    description: str = Field(default="", description="What the system is, and what is true of all its feeds.")
    feeds: dict[FeedName, FeedSpec] = Field(
        min_length=1,
        description="The feeds, by name: letters a to z, digits and `_`, beginning with a letter; no name that"
        " Windows reserves (`con`, `aux`, `nul`), nor `null`, `true` or `false`.",
    )


class Feed(FeedSpec):
    """A feed with its name, its system, and the file and line where it is defined."""

    name: str
    system: str
    file: Path
    line: int

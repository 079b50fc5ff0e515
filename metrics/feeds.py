"""Feeds: what a company's source systems deliver, where, and how we know that it is all there."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from metrics.yaml_file import Strict


class ColumnType(Strict):
    """How a source column is read. `format` is strptime's; `decimal` and `thousands` are separators."""

    type: Literal["text", "integer", "decimal", "number", "boolean", "date", "timestamp"]
    format: str | None = None
    decimal: str = "."
    thousands: str | None = None


class FeedOptions(Strict):
    """How the files of a feed are written."""

    delimiter: str = ","
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ("",)
    sheet: str | None = None
    header_row: int = Field(default=1, ge=1)


class CompleteThrough(Strict):
    """A watermark that the company states: nothing is missing up to and including that day."""

    complete_through: date


def _column(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class FeedSpec(Strict):
    """One feed as its file states it."""

    description: str
    path: str
    format: Literal["csv", "parquet", "jsonl", "excel"]
    options: FeedOptions = FeedOptions()
    columns: dict[str, Annotated[ColumnType, BeforeValidator(_column)]] = Field(min_length=1)
    time_column: str | None = None
    grain: Literal["instant", "day", "week", "month"] = "day"
    cadence: Literal["hourly", "daily", "weekly", "monthly", "yearly", "once"] = "daily"
    history_from: date
    watermark: Literal["event", "delivery"] | CompleteThrough = "event"
    personal: dict[str, Literal["drop", "hash"]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _time_column_is_declared(self) -> FeedSpec:
        if self.watermark == "event" and self.time_column is None:
            raise ValueError("a feed whose watermark is its newest event needs a time_column")
        if self.time_column is not None:
            column = self.columns.get(self.time_column)
            if column is None or column.type not in ("date", "timestamp"):
                raise ValueError(f"time_column '{self.time_column}' must be declared in columns as a date or timestamp")
        return self


class FeedFile(Strict):
    """`<company>/feeds/<system>.yml`."""

    system: str
    description: str = ""
    feeds: dict[str, FeedSpec] = Field(min_length=1)


class Feed(FeedSpec):
    """A feed with its name and where it is defined."""

    name: str
    system: str
    file: Path
    line: int

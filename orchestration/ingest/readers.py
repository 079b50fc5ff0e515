"""Which reader reads which format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from metrics.definitions.feeds import Feed
from orchestration.ingest.chunk import Chunk
from orchestration.ingest.csv_reader import read_csv
from orchestration.ingest.excel_reader import read_excel
from orchestration.ingest.jsonl_reader import read_jsonl
from orchestration.ingest.parquet_reader import read_parquet


class Reader(Protocol):
    """Reads a local file; `known` are the columns of the feed's table, `note` takes what is good to know."""

    def __call__(
        self, path: Path, feed: Feed, known: Iterable[str], note: Callable[[str], None]
    ) -> Iterator[Chunk]: ...


READERS: dict[str, Reader] = {
    "csv": read_csv,
    "jsonl": read_jsonl,
    "excel": read_excel,
    "parquet": read_parquet,
}

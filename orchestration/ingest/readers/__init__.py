"""The readers of file formats, found by themselves: a feed's `format` is the name of a module in this package.

To add a format, add a module that follows `Reader`; no other file lists the formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, cast

from metrics.core.errors import NyckeltalError, Problems, did_you_mean
from metrics.definitions.feeds import Feed
from orchestration.ingest.parsing.chunk import Chunk


class Reader(Protocol):
    """What a reader module has.

    `EXTENSIONS` are the endings of the format's file names, in lower case: in a folder, other files are not the feed's.
    """

    EXTENSIONS: tuple[str, ...]

    def read(self, path: Path, feed: Feed, note: Callable[[str], None]) -> Iterator[Chunk]:
        """The rows of a local file, in the order of the file. Columns that the feed doesn't declare may be left out.

        `note` takes messages for the feed's report.
        Raises FileFault for a file that can't be read as the feed declares.
        """


FORMATS = sorted(module.name for module in iter_modules(__path__))


def require_known_formats(feeds: Iterable[Feed]) -> None:
    """Raises Problems when a feed has a format without a reader."""
    problems = [
        NyckeltalError(
            f"there is no such format{did_you_mean(feed.format, FORMATS)}",
            file=feed.file,
            line=feed.line,
            field=f"feeds.{feed.name}.format",
            found=feed.format,
            expected=" or ".join(FORMATS),
        )
        for feed in feeds
        if feed.format not in FORMATS
    ]
    if problems:
        raise Problems(problems)


def reader(file_format: str) -> Reader:
    """The reader of one of the formats; its module is imported at the first use."""
    return cast(Reader, import_module(f"{__name__}.{file_format}"))

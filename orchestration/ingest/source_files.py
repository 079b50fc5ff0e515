"""Where the files of a feed are and which version of each lies there. Reads no rows."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from metrics.core.deployment import source_dir
from metrics.core.errors import did_you_mean, without_values
from metrics.definitions.feeds import Feed
from orchestration.ingest.faults import FileFault

_SUFFIXES = {
    "csv": (".csv", ".csv.gz", ".txt", ".txt.gz", ".tsv", ".tsv.gz"),
    "parquet": (".parquet",),
    "jsonl": (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz"),
    "excel": (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"),
}
# The keys under which fsspec's file systems tell when a file was last written.
_TIME_KEYS = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")


@dataclass(frozen=True)
class SourceFile:
    """One version of a delivered file.

    `name` is its path below the source folder, or its URL; `size` is in bytes; `modified` (UTC) is its delivery.
    """

    name: str
    location: str
    size: int
    modified: datetime
    filesystem: Any


class NoFiles(Exception):
    """A feed whose files can't be found or listed; the text says where they were looked for."""


def listed(feed: Feed) -> list[SourceFile]:
    """The feed's files, by name. Hidden and temporary ones (`.x`, `~$x`) are passed over.

    Raises NoFiles when nothing matches or the place can't be listed.
    """
    place = feed.path if "://" in feed.path else str(source_dir() / feed.path)
    try:
        filesystem, pattern = fsspec.core.url_to_fs(place)
        found = _matching(filesystem, pattern, feed)
    except NoFiles:
        raise
    # Every store has its own errors (no driver, no access, no such bucket); none may stop the other feeds.
    except Exception as error:
        raise NoFiles(f"'{feed.path}' can't be listed: {type(error).__name__}: {error}") from error
    if not found:
        raise NoFiles(_why_nothing(filesystem, pattern, feed))
    return sorted(found, key=lambda file: file.name)


def newest_delivery(feeds: Iterable[Feed]) -> datetime | None:
    """When the newest file of those feeds was delivered; None where none can be listed."""
    found = []
    for feed in feeds:
        with suppress(NoFiles):
            found += [file.modified for file in listed(feed)]
    return max(found, default=None)


def _matching(filesystem: Any, pattern: str, feed: Feed) -> list[SourceFile]:
    suffixes: tuple[str, ...] = ()
    if not _has_wildcard(pattern) and filesystem.isdir(pattern):
        pattern, suffixes = pattern.rstrip("/") + "/*", _SUFFIXES[feed.format]
    below = str(source_dir()) + "/"
    files = []
    for location, found in filesystem.glob(_in_any_case(pattern), detail=True).items():
        info = found
        if found.get("islink"):  # it is what it leads to; one that leads nowhere is a file that can't be read
            info = filesystem.info(location) if filesystem.exists(location) else {**found, "type": "file"}
        if not _is_delivery(location, info):
            continue
        if suffixes and not location.lower().endswith(suffixes):
            continue
        if isinstance(filesystem, LocalFileSystem):
            name = location.removeprefix(below)
        else:
            name = filesystem.unstrip_protocol(location)
        name = name.encode("utf-8", "backslashreplace").decode()  # no database takes a name that isn't UTF-8
        files.append(SourceFile(name, location, int(info["size"]), _modified(info), filesystem))
    return files


def passed_over(feed: Feed) -> list[str]:
    """Names of files beside the feed's that its pattern misses by their compression only, such as x.csv.gz by *.csv.

    They are not read, since they may be copies of files that are. Empty when the place can't be listed.
    """
    if feed.format not in ("csv", "jsonl") or not _has_wildcard(feed.path) or feed.path.lower().endswith((".gz", "*")):
        return []
    place = feed.path if "://" in feed.path else str(source_dir() / feed.path)
    try:
        filesystem, pattern = fsspec.core.url_to_fs(place)
        beside = filesystem.glob(_in_any_case(pattern + ".gz"), detail=True)
    except Exception:  # `listed` has said why
        return []
    return sorted(location.rsplit("/", 1)[-1] for location, info in beside.items() if _is_delivery(location, info))


def _is_delivery(location: str, info: dict[str, Any]) -> bool:
    return info["type"] == "file" and not location.rsplit("/", 1)[-1].startswith((".", "~$"))


def _has_wildcard(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")


def _in_any_case(pattern: str) -> str:
    """The pattern with its file name in either case, as *.csv means 2026-11.CSV too; a name without wildcards stays."""
    folder, slash, name = pattern.rpartition("/")
    if not _has_wildcard(name):
        return pattern
    parts = re.split(r"(\[[^\]]*\])", name)  # what stands in brackets lists its signs itself
    letters = [
        part if part.startswith("[") else re.sub("[A-Za-z]", lambda sign: f"[{sign[0].lower()}{sign[0].upper()}]", part)
        for part in parts
    ]
    return folder + slash + "".join(letters)


def _modified(info: dict[str, Any]) -> datetime:
    for key in _TIME_KEYS:
        value = info.get(key)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    raise NoFiles(f"'{info.get('name')}': the store doesn't say when the file was written")


def _why_nothing(filesystem: Any, pattern: str, feed: Feed) -> str:
    """No file: is it the folder that lacks, or only the files in it?"""
    if not isinstance(filesystem, LocalFileSystem):
        return f"no file matches '{feed.path}'"
    folder = Path(pattern)
    while _has_wildcard(str(folder)) or folder == Path(pattern):
        folder = folder.parent
    where = f"below the source folder {source_dir()}" if "://" not in feed.path else ""
    if folder.is_dir():
        near = did_you_mean(Path(pattern).name, [one.name for one in folder.iterdir()])
        return f"no file matches '{feed.path}' {where}".rstrip() + near
    existing = folder
    while not existing.is_dir():
        folder, existing = existing, existing.parent
    near = did_you_mean(folder.name, [one.name for one in existing.iterdir() if one.is_dir()])
    return f"no file matches '{feed.path}' {where}: there is no folder '{folder.name}' in {existing}{near}"


@dataclass(frozen=True)
class Delivery:
    """A file version with its content's sha256 (hex) and a local path from which it is read."""

    file: SourceFile
    sha256: str
    path: Path

    @property
    def name(self) -> str:
        return self.file.name

    def check_unchanged(self) -> None:
        """Raises FileFault when a local file was written to since it was listed, or is no longer there."""
        if not isinstance(self.file.filesystem, LocalFileSystem):
            return
        try:
            now = self.path.stat()
        except OSError as error:
            raise FileFault(f"the file can't be read to its end: {error.strerror}") from None
        if (now.st_size, datetime.fromtimestamp(now.st_mtime, UTC)) != (self.file.size, self.file.modified):
            raise FileFault("the file changed while it was being read; the next run takes it in")


def delivery(file: SourceFile, folder: Path) -> Delivery:
    """The file ready to be read: a local one where it is, another one copied into `folder`.

    Raises FileFault when it can't be opened.
    """
    try:
        path = Path(file.location)
        if not isinstance(file.filesystem, LocalFileSystem):
            folder.mkdir(parents=True, exist_ok=True)
            copies = Path(tempfile.mkdtemp(dir=folder))
            path = copies / path.name
            file.filesystem.get_file(file.location, str(path))
        with path.open("rb") as content:
            return Delivery(file, hashlib.file_digest(content, "sha256").hexdigest(), path)
    # Stores have errors of their own, and one file that can't be fetched is that file's fault only.
    except Exception as error:
        raise FileFault(f"the file can't be opened: {type(error).__name__}: {error}") from error


@contextmanager
def faults_of_reading() -> Iterator[None]:
    """Turns what libraries raise for an unreadable file into FileFault."""
    try:
        yield
    except FileFault:
        raise
    except Exception as error:
        # The libraries' own errors have no common type (pyarrow, calamine's are from Rust), and many quote what they
        # read; a fault of the program's own shows here too, in the feed's outstanding text, with its type.
        raise FileFault(f"the file can't be read: {without_values(error)}") from error

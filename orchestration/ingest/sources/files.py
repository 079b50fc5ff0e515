"""Lists the files of feeds, in folders and object stores, and gets them ready for a reader. Reads no rows."""

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
from orchestration.ingest.readers import reader

# The keys by which fsspec's file systems report when a file was last written.
_TIME_KEYS = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")


@dataclass(frozen=True)
class SourceFile:
    """One version of a delivered file.

    `name` is its path below the source folder, or its URL; `location` is its path in `filesystem` (fsspec); `size` is
    in bytes; `modified` (UTC) is the time of its delivery.
    """

    name: str
    location: str
    size: int
    modified: datetime
    filesystem: Any


class NoFiles(Exception):
    """A feed whose files can't be found or listed; the text says where they were expected."""


def feed_files(feed: Feed) -> list[SourceFile]:
    """The feed's files, in the order of their names. Hidden and temporary files (`.x`, `~$x`) are left out.

    Raises NoFiles when no file matches or the folder or store can't be listed.
    """
    place = feed.path if "://" in feed.path else str(source_dir() / feed.path)
    try:
        filesystem, pattern = fsspec.core.url_to_fs(place)
        files = _matching(filesystem, pattern, feed)
    except NoFiles:
        raise
    # Each store has errors of its own (no driver, no access, no such bucket). None of them may stop other feeds.
    except Exception as error:
        raise NoFiles(f"'{feed.path}' can't be listed: {type(error).__name__}: {error}") from error
    if not files:
        raise NoFiles(_why_no_files(filesystem, pattern, feed))
    return sorted(files, key=lambda file: file.name)


class Listing:
    """The files of feeds; each feed is listed once, when its files are first asked for."""

    def __init__(self) -> None:
        self._files: dict[str, list[SourceFile] | NoFiles] = {}

    def files(self, feed: Feed) -> list[SourceFile]:
        """As `feed_files`."""
        if feed.name not in self._files:
            try:
                self._files[feed.name] = feed_files(feed)
            except NoFiles as error:
                self._files[feed.name] = error
        listed = self._files[feed.name]
        if isinstance(listed, NoFiles):
            raise listed
        return listed

    def newest_delivery(self, feeds: Iterable[Feed]) -> datetime | None:
        """When the newest file of the feeds was delivered; None where none of their files can be listed."""
        delivered_at = []
        for feed in feeds:
            with suppress(NoFiles):
                delivered_at += [file.modified for file in self.files(feed)]
        return max(delivered_at, default=None)


def _matching(filesystem: Any, pattern: str, feed: Feed) -> list[SourceFile]:
    """The files that match the pattern, or the files in the folder with this name."""
    extensions: tuple[str, ...] = ()
    if not _has_wildcard(pattern) and filesystem.isdir(pattern):
        pattern, extensions = pattern.rstrip("/") + "/*", reader(feed.format).EXTENSIONS
    source_folder = str(source_dir()) + "/"
    files = []
    for location, entry in filesystem.glob(_in_any_case(pattern), detail=True).items():
        info = entry
        if entry.get("islink"):  # a link counts as its target; one without a target is a file that can't be read
            info = filesystem.info(location) if filesystem.exists(location) else {**entry, "type": "file"}
        if not _is_delivery(location, info):
            continue
        if extensions and not location.lower().endswith(extensions):
            continue
        if isinstance(filesystem, LocalFileSystem):
            name = location.removeprefix(source_folder)
        else:
            name = filesystem.unstrip_protocol(location)
        name = name.encode("utf-8", "backslashreplace").decode()  # databases accept only names in UTF-8
        files.append(SourceFile(name, location, int(info["size"]), _modified(info), filesystem))
    return files


def compressed_beside(feed: Feed) -> list[str]:
    """Names of compressed files that the feed's pattern would match without `.gz`, such as x.csv.gz for *.csv.

    They are not read, because they may be copies of files that are. Empty when the folder or store can't be listed.
    """
    can_be_compressed = any(extension.endswith(".gz") for extension in reader(feed.format).EXTENSIONS)
    if not can_be_compressed or not _has_wildcard(feed.path) or feed.path.lower().endswith((".gz", "*")):
        return []
    place = feed.path if "://" in feed.path else str(source_dir() / feed.path)
    try:
        filesystem, pattern = fsspec.core.url_to_fs(place)
        entries = filesystem.glob(_in_any_case(pattern + ".gz"), detail=True)
    except Exception:  # `feed_files` reports the reason
        return []
    return sorted(location.rsplit("/", 1)[-1] for location, info in entries.items() if _is_delivery(location, info))


def _is_delivery(location: str, info: dict[str, Any]) -> bool:
    return info["type"] == "file" and not location.rsplit("/", 1)[-1].startswith((".", "~$"))


def _has_wildcard(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")


def _in_any_case(pattern: str) -> str:
    """The pattern with the letters of its file name in both cases, so that *.csv matches 2026-11.CSV too.

    A file name without wildcards stays as it is.
    """
    folder, slash, name = pattern.rpartition("/")
    if not _has_wildcard(name):
        return pattern
    parts = re.split(r"(\[[^\]]*\])", name)  # brackets list their characters already
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
    raise NoFiles(f"'{info.get('name')}': the store doesn't report when the file was written")


def _why_no_files(filesystem: Any, pattern: str, feed: Feed) -> str:
    """A message: whether the folder is missing or only files in it, and a similar name if there is one."""
    if not isinstance(filesystem, LocalFileSystem):
        return f"no file matches '{feed.path}'"
    folder = Path(pattern)
    while _has_wildcard(str(folder)) or folder == Path(pattern):
        folder = folder.parent
    where = f"below the source folder {source_dir()}" if "://" not in feed.path else ""
    if folder.is_dir():
        suggestion = did_you_mean(Path(pattern).name, [path.name for path in folder.iterdir()])
        return f"no file matches '{feed.path}' {where}".rstrip() + suggestion
    existing = folder
    while not existing.is_dir():
        folder, existing = existing, existing.parent
    suggestion = did_you_mean(folder.name, [path.name for path in existing.iterdir() if path.is_dir()])
    return f"no file matches '{feed.path}' {where}: there is no folder '{folder.name}' in {existing}{suggestion}"


@dataclass(frozen=True)
class Delivery:
    """A version of a file with the sha256 of its content (hex) and the local path from which it is read."""

    file: SourceFile
    sha256: str
    path: Path

    @property
    def name(self) -> str:
        return self.file.name

    def check_unchanged(self) -> None:
        """Raises FileFault when a local file was written to after it was listed, or is no longer there."""
        if not isinstance(self.file.filesystem, LocalFileSystem):
            return
        try:
            now = self.path.stat()
        except OSError as error:
            raise FileFault(f"the file can't be read to its end: {error.strerror}") from None
        if (now.st_size, datetime.fromtimestamp(now.st_mtime, UTC)) != (self.file.size, self.file.modified):
            raise FileFault("the file changed while it was being read; the next run loads it")


def delivery(file: SourceFile, folder: Path) -> Delivery:
    """The file ready to be read: a local file stays where it is, any other is copied into `folder`.

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
    # Each store has errors of its own. A file that can't be fetched must not stop other files.
    except Exception as error:
        raise FileFault(f"the file can't be opened: {type(error).__name__}: {error}") from error


@contextmanager
def library_errors_as_faults() -> Iterator[None]:
    """Turns an error that a library raises for an unreadable file into a FileFault."""
    try:
        yield
    except FileFault:
        raise
    except Exception as error:
        # The libraries' errors have no common type (pyarrow; calamine's come from Rust), and many quote values. A bug
        # of this program shows here too: its type is in the feed's `outstanding` text.
        raise FileFault(f"the file can't be read: {without_values(error)}") from error

"""The text of a file as a stream of UTF-8 bytes, whatever its encoding and compression. Knows nothing of rows."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from orchestration.ingest.faults import FileFault

BLOCK_BYTES = 4 << 20
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class Lines:
    """The physical lines of a text file, for a second look at some. It is opened when the first is asked for."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._path, self._encoding = path, encoding
        self._stream: Utf8Stream | None = None
        self._lines: Iterator[bytes] = iter(())
        self._next = 1

    def text(self, first: int, count: int) -> str:
        """That many lines from line `first` on (from 1), which must lie after those that were asked for before."""
        if self._stream is None:
            self._stream = Utf8Stream(self._path, self._encoding)
            self._lines = _lines(self._stream)
        found = b"".join(islice(self._lines, first - self._next, first - self._next + count))
        self._next = first + count
        return found.decode("utf-8")

    def close(self) -> None:
        """Closes the file."""
        if self._stream is not None:
            self._stream.close()


def _lines(stream: Utf8Stream) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(BLOCK_BYTES):
        *whole, rest = (rest + block).splitlines(keepends=True)  # the last may go on in the next block
        yield from whole
    yield rest


class Utf8Stream(io.RawIOBase):
    """A text file's bytes in UTF-8, without byte-order mark; `.gz` files are unpacked.

    Raises FileFault, naming the byte, where the bytes aren't of the declared encoding.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        super().__init__()
        try:
            self._encoding = codecs.lookup(encoding).name
        except LookupError:
            raise FileFault(f"options.encoding: there is no encoding '{encoding}'") from None
        self._file: gzip.GzipFile | io.BufferedReader = (
            gzip.GzipFile(path) if path.suffix.lower() == ".gz" else path.open("rb")
        )
        self._decoder = codecs.getincrementaldecoder(self._encoding)()
        self._ready = b""
        self._decoded = 0  # bytes of the file that the decoder was given
        self._ended = False
        self._last: deque[bytes] = deque(maxlen=3)
        self.fault: FileFault | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, and fewer only at the end."""
        while not self._ended and (size < 0 or len(self._ready) < size):
            self._fill()
        size = len(self._ready) if size < 0 else size
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken

    def peek_text(self, size: int) -> str:
        """The next `size` bytes, or all if there are fewer, as text; they stay unread."""
        while not self._ended and len(self._ready) < size:
            self._fill()
        return self._ready[:size].decode("utf-8", errors="ignore")

    def tail(self) -> bytes:
        """The last bytes that were read from the file so far, in UTF-8: at least a block's worth."""
        return b"".join(self._last)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _fill(self) -> None:
        # pyarrow may swallow or dress up an exception that crosses it, so the fault is kept as well.
        try:
            self._ready += self._next_block()
        except FileFault as fault:
            self.fault, self._ended = fault, True
            raise

    def _next_block(self) -> bytes:
        try:
            block = self._file.read(BLOCK_BYTES)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise FileFault(f"not a whole gzip file ({type(error).__name__})") from error
        first = self._decoded == 0
        self._ended = not block
        held_back = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(block, final=self._ended)
        except UnicodeDecodeError as error:
            raise FileFault(self._wrong_encoding(error, self._decoded - held_back, block if first else b"")) from None
        self._decoded += len(block)
        if self._encoding == "utf-8" and not held_back and not self._decoder.getstate()[0]:
            utf8 = block
        else:
            utf8 = text.encode("utf-8")
        if first:
            utf8 = utf8.removeprefix(codecs.BOM_UTF8)
        self._last.append(utf8)
        return utf8

    def _wrong_encoding(self, error: UnicodeDecodeError, offset: int, start: bytes) -> str:
        at = offset + error.start
        value = error.object[error.start]
        seems = next((f"; it begins like {name}" for mark, name in _MARKS.items() if start.startswith(mark)), "")
        if not seems and self._encoding == "utf-8":
            seems = "; it may be cp1252 or latin-1: set options.encoding"
        return f"byte {at} (0x{value:02x}) is not {self._encoding}, the encoding that the feed declares{seems}"

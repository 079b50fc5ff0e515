"""A text file of any encoding, compressed or not, as a stream of UTF-8 bytes. Rows are not parsed here."""

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
    """The physical lines of a text file, for reading some of them again. The file is opened at the first call."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._path, self._encoding = path, encoding
        self._stream: Utf8Stream | None = None
        self._lines: Iterator[bytes] = iter(())
        self._next = 1

    def text(self, first: int, count: int) -> str:
        """`count` lines from line `first` on (the first line is 1), which must come after those of earlier calls."""
        if self._stream is None:
            self._stream = Utf8Stream(self._path, self._encoding)
            self._lines = _lines(self._stream)
        content = b"".join(islice(self._lines, first - self._next, first - self._next + count))
        self._next = first + count
        return content.decode("utf-8")

    def close(self) -> None:
        """Closes the file."""
        if self._stream is not None:
            self._stream.close()


def _lines(stream: Utf8Stream) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(BLOCK_BYTES):
        *whole, rest = (rest + block).splitlines(keepends=True)  # the last line may continue in the next block
        yield from whole
    yield rest


class Utf8Stream(io.RawIOBase):
    """A text file's content in UTF-8, without byte-order mark; `.gz` files are decompressed.

    Raises FileFault, with the position of the byte, where a byte isn't valid in the declared encoding.
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
        self._decoded = 0  # number of the file's bytes that went through the decoder
        self._ended = False
        self._last: deque[bytes] = deque(maxlen=3)
        self.fault: FileFault | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes; fewer only at the end of the file."""
        while not self._ended and (size < 0 or len(self._ready) < size):
            self._fill()
        size = len(self._ready) if size < 0 else size
        result, self._ready = self._ready[:size], self._ready[size:]
        return result

    def peek_text(self, size: int) -> str:
        """The next `size` bytes (fewer at the end) as text; they stay unread."""
        while not self._ended and len(self._ready) < size:
            self._fill()
        return self._ready[:size].decode("utf-8", errors="ignore")

    def tail(self) -> bytes:
        """The bytes that were read from the file last, in UTF-8: at least one block, if there was one."""
        return b"".join(self._last)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _fill(self) -> None:
        # pyarrow may suppress or wrap an exception that passes through it, so `fault` keeps it for the reader.
        try:
            self._ready += self._next_block()
        except FileFault as fault:
            self.fault, self._ended = fault, True
            raise

    def _next_block(self) -> bytes:
        """Read the next block of the file as UTF-8. Raises FileFault for damaged gzip data or a wrong encoding."""
        try:
            block = self._file.read(BLOCK_BYTES)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise FileFault(f"the gzip file is incomplete or damaged ({type(error).__name__})") from error
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
        position = offset + error.start
        value = error.object[error.start]
        hint = next((f"; it begins like {name}" for mark, name in _MARKS.items() if start.startswith(mark)), "")
        if not hint and self._encoding == "utf-8":
            hint = "; it may be cp1252 or latin-1: set options.encoding"
        return f"byte {position} (0x{value:02x}) is not {self._encoding}, the encoding that the feed declares{hint}"

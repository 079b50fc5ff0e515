"""Pseudonyms for the personal columns that a feed hashes, and the key that makes them."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from metrics.company import data_dir

KEY_VARIABLE = "NYCKELTAL_PSEUDONYM_KEY"
_HEX_DIGITS = 32


@dataclass(frozen=True)
class PseudonymKey:
    """The secret under which personal values are hashed; `repr` doesn't show it."""

    secret: bytes

    def __repr__(self) -> str:
        return "PseudonymKey(…)"

    @property
    def fingerprint(self) -> str:
        """Tells one key from another without giving it away."""
        return hmac.digest(self.secret, b"which key is this", "sha256").hex()[:16]

    def pseudonyms(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Text values as 32 hexadecimal digits of their HMAC-SHA256; NULL stays NULL, equal values stay equal."""
        encoded = column.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = pa.concat_arrays(encoded.chunks) if encoded.num_chunks else pa.array([], pa.string())
        values = encoded.dictionary.to_pylist()
        hashed = [hmac.digest(self.secret, value.encode(), "sha256").hex()[:_HEX_DIGITS] for value in values]
        return pa.chunked_array([pa.array(hashed, pa.string()).take(encoded.indices)])


def pseudonym_key(note: Callable[[str], None]) -> PseudonymKey:
    """The key in NYCKELTAL_PSEUDONYM_KEY, else the one in the data folder, which is made when it isn't there."""
    stated = os.environ.get(KEY_VARIABLE)
    if stated:
        return PseudonymKey(stated.encode())
    path = data_dir() / "pseudonym.key"
    if not path.exists():
        _make(path)
        note(f"{KEY_VARIABLE} is not set: made the key file {path}; keep it, as pseudonyms depend on it")
    return PseudonymKey(path.read_bytes().strip())


def _make(path: Path) -> None:
    # Written whole under another name first: a crash must not leave an empty key behind.
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600, exist_ok=False)
    with new.open("w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)

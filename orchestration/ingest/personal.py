"""Pseudonyms for the personal columns that a feed hashes."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from data_quality import deployment_key

_HEX_DIGITS = 32


@dataclass(frozen=True)
class PseudonymKey:
    """The secret under which personal values are hashed; `repr` doesn't show it."""

    secret: bytes

    def __repr__(self) -> str:
        return "PseudonymKey(…)"

    @property
    def fingerprint(self) -> str:
        """Identifies the key without disclosing it: 16 hexadecimal digits."""
        return hmac.digest(self.secret, b"which key is this", "sha256").hex()[:16]

    def pseudonyms(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """For each text value the first 32 hexadecimal digits of its HMAC-SHA256; NULL stays NULL."""
        encoded = column.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = pa.concat_arrays(encoded.chunks) if encoded.num_chunks else pa.array([], pa.string())
        values = encoded.dictionary.to_pylist()
        hashed = [hmac.digest(self.secret, value.encode(), "sha256").hex()[:_HEX_DIGITS] for value in values]
        return pa.chunked_array([pa.array(hashed, pa.string()).take(encoded.indices)])


def pseudonym_key(connection: duckdb.DuckDBPyConnection) -> PseudonymKey:
    """The deployment's key; it is made when the warehouse and the ledger were made without one.

    Raises NyckeltalError when the key is lost or invalid.
    """
    return PseudonymKey(deployment_key.require(connection))

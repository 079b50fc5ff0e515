"""What searches for leads found, kept from one release to the next: the same histories aren't searched again.

It lies in `leads.json` of the data folder. Searching takes seconds; what was found is the same, with or without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from pydantic import TypeAdapter, ValidationError

from metrics.core import deployment
from metrics.core.private_files import private_files
from publishing.analysis.cross_correlation import LeadSearch
from publishing.duckdb_file import rendering

_KEPT = TypeAdapter(dict[str, LeadSearch])


class Remembered:
    """The searches that were kept, by the hash of all that they depend on: numbers, what was tried, the code."""

    def __init__(self) -> None:
        self._used: dict[str, LeadSearch] = {}
        try:
            self._kept = _KEPT.validate_json((deployment.data_dir() / "leads.json").read_bytes())
        except (OSError, ValidationError):
            self._kept = {}

    def of(self, parts: Iterable[bytes], search: Callable[[], LeadSearch]) -> LeadSearch:
        """What was found of these numbers; searched where it isn't kept."""
        key = hashlib.sha256(b"\0".join([rendering.code().encode(), *parts])).hexdigest()
        self._used[key] = self._kept.get(key) or search()
        return self._used[key]

    def keep(self) -> None:
        """Keep the searches that were asked for, and no others."""
        if self._used == self._kept:
            return
        path = deployment.data_dir() / "leads.json"
        draft = path.with_suffix(".new")
        with private_files():
            draft.write_bytes(_KEPT.dump_json(self._used))
        draft.replace(path)

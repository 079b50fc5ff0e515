"""What a release did, and what it held. A run in which nothing is new reads these of the run before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from metrics.definitions.catalog import Key


@dataclass(frozen=True)
class Held:
    """A key that may not be published, and why.

    `checks` are the names of the checks that failed or could not be evaluated. RECONCILIATION is left out, because no
    decision can release it.
    `candidate_hash` is the candidate that a decision would be on. It is None where nothing can be decided, because the
    stored verdict isn't on what the warehouse holds now.
    `published_stays`: no verdict holds the key, and a value of it is published. That value stays until a run judges the
    new one.
    """

    kpi_id: str
    freq: str
    time_period: str
    reason: str
    checks: tuple[str, ...] = ()
    candidate_hash: str | None = None
    published_stays: bool = False

    @property
    def key(self) -> Key:
        """(kpi_id, freq, time_period)."""
        return self.kpi_id, self.freq, self.time_period


@dataclass(frozen=True)
class Release:
    """What a release did. `release_id` is None when there was nothing new, so that no release was made.

    `published` counts the eligible keys, `appended_observations` and `unchanged` their cells, `appended_verdicts` the
    verdicts that differ from the ledger's newest. `sequence` is that of the ledger's newest release, 0 when it has
    none.
    """

    release_id: str | None
    sequence: int
    realtime_start: date
    published: int
    appended_observations: int
    unchanged: int
    appended_verdicts: int
    held: tuple[Held, ...]

"""Whether the ledger has a release: until then no published value depends on a definition, and none needs a review."""

from __future__ import annotations

from data_quality.ledger.store import Ledger
from metrics.core import deployment


def anything_released() -> bool:
    """Whether the deployment's ledger has a release. Raises NyckeltalError when the ledger can't be read."""
    ledger = Ledger.find(deployment.ledger_path())
    return ledger is not None and ledger.newest is not None

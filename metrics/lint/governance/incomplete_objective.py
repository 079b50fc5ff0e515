"""An objective has an owner and a horizon.

Without an owner nobody answers for it; without the day by which it is to be reached nobody can say that it was missed.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.definitions.catalog import Catalog


def findings(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for key, objective in catalog.objectives.items():
        missing = [name for name in ("owner", "horizon") if not getattr(objective, name)]
        if missing:
            yield key, f"has no {' and no '.join(missing)}"

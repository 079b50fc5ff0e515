"""The kinds of faults, by name. The modules beside this one define them."""

from benchmarks.faults.kinds import (  # noqa: F401 (they register their kinds)
    business,
    delivery,
    people,
    reported,
    structure,
    values,
)
from benchmarks.faults.kinds.kind import KINDS, Fault, Kind

__all__ = ["KINDS", "Fault", "Kind"]

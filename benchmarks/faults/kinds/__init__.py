"""The kinds of faults, by name. What each does is in the modules beside this one."""

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

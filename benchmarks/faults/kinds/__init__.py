"""The kinds of faults, by name. What each does is in the modules beside this one."""

from benchmarks.faults.kinds import business, delivery, people, structure, values  # noqa: F401 (they register their kinds)
from benchmarks.faults.kinds.kind import KINDS, Fault, Kind

__all__ = ["KINDS", "Fault", "Kind"]

"""Which objective a KPI would serve that isn't adopted yet, and which objectives no KPI serves: proposals only.

Read from the adopted KPIs: their objectives, by domain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from metrics.definitions.kpis.kpi import Definition, Kpi
from metrics.definitions.objectives import Objective, path_to


@dataclass(frozen=True)
class Proposal:
    """The objective that a KPI would serve, by its key, and why; None where nothing speaks for one."""

    objective: str | None
    reason: str


def proposal(
    definition: Definition, domain: str, adopted: Sequence[Kpi], objectives: Mapping[str, Objective]
) -> Proposal:
    """The objective that most KPIs of the same domain serve; without any, the only objective of its perspective.

    Of several that as many serve, one of the KPI's perspective is proposed, else the first of them.
    """
    of_domain = Counter(kpi.adoption.objective for kpi in adopted if kpi.domain == domain)
    if of_domain:
        most = max(of_domain.values())
        tied = [key for key in objectives if of_domain[key] == most]
        same = [key for key in tied if objectives[key].perspective == definition.perspective]
        served = f"{most} of {of_domain.total()} adopted KPIs of {domain} serve it"
        return Proposal(next(iter(same or tied), None), served)
    same = [key for key, objective in objectives.items() if objective.perspective == definition.perspective]
    if len(same) == 1:
        return Proposal(same[0], f"the only objective of the perspective {definition.perspective}")
    having = f"{len(same)} objectives have" if same else "no objective has"
    return Proposal(None, f"no KPI of {domain} is adopted, and {having} the perspective {definition.perspective}")


def unserved(adopted: Collection[Kpi], objectives: Mapping[str, Objective]) -> list[str]:
    """The keys of the objectives that no adopted KPI serves, neither directly nor through their parts."""
    served = {key for kpi in adopted for key in path_to(objectives, kpi.adoption.objective)}
    return [key for key in objectives if key not in served]

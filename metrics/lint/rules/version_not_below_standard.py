"""The version of an adoption is at least that of its standard definition: it counts the changes of both."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.core.errors import NyckeltalError
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi) -> Iterator[NyckeltalError]:
    adoption_version, standard_version = kpi.adoption.definition_version, kpi.definition.definition_version
    if adoption_version is not None and adoption_version < standard_version:
        yield kpi.problem(
            "definition_version",
            f"{adoption_version} is below the standard definition's version, {standard_version}",
            expected=f"no definition_version, or one above {standard_version}",
        )

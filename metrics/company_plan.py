"""How all that a company has adopted is computed: its KPIs, their definitions' hashes, and the rollups that they share.

What is written of it into the company folder stands in `compiled_folder.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metrics.compiler.kpi_sql import kpi_sql
from metrics.compiler.plan import KpiPlan, Rollup, plan, rollups
from metrics.compiler.rollups import rollup_models
from metrics.compiler.semantic_layer import Engine, SemanticLayer
from metrics.core.errors import NyckeltalError, Problems
from metrics.definitions.company import Company
from metrics.definitions.identities import Identity, identities
from metrics.definitions.kpi import Kpi
from metrics.lint import findings
from metrics.versioning.column_uses import ColumnUses, Uses
from metrics.versioning.lineage import Lineage, Upstream, definition_hash, hashed
from metrics.versioning.reviewed import Current


@dataclass(frozen=True)
class Defined:
    """An adopted KPI's plan, what lies upstream of it, its definition as it stands, and the raw columns it reads.

    `uses` are what its SQL does with them, `total_inputs` those that its total needs, without segments.
    """

    plan: KpiPlan
    upstream: Upstream
    current: Current
    inputs: Mapping[str, tuple[str, ...]]
    uses: Uses
    total_inputs: Mapping[str, tuple[str, ...]]

    def covers(self, other: Defined) -> bool:
        """Whether the other KPI's total depends on no raw column, and no feed's rows, but those that its own does."""
        return all(
            feed in self.total_inputs and set(columns) <= set(self.total_inputs[feed])
            for feed, columns in other.total_inputs.items()
        )


@dataclass(frozen=True)
class CompanyPlan:
    """How a company's adopted KPIs are computed, before their SQL is written, and the rollups that they share."""

    kpis: tuple[Defined, ...]
    rollups: tuple[Rollup, ...]
    lineage: Lineage
    identities: tuple[Identity, ...]

    @property
    def currents(self) -> list[Current]:
        """The KPIs' definitions as they stand."""
        return [one.current for one in self.kpis]

    @property
    def read_whole(self) -> list[dict[str, Any]]:
        """The models whose columns can't be told apart, so that KPIs read all of them: their file, the statement that
        is the reason, and the feeds whose columns all count as read.
        """
        nodes = {name: self.lineage.nodes[self.lineage.models[name]] for name in sorted(self.lineage.whole)}
        return [
            {
                "model": name,
                "file": node["original_file_path"].removeprefix("company/"),
                "statement": self.lineage.whole[name],
                "feeds": list(self.lineage.upstream((name,)).feeds),
            }
            for name, node in nodes.items()
        ]


def plan_company(company: Company, kpis: Sequence[Kpi], parsed: Path, engine: Engine = "duckdb") -> CompanyPlan:
    """The plan of the KPIs that the company has adopted.

    `parsed` is the folder with dbt's manifests of its staging, marts and metrics.
    Raises Problems for definitions that aren't right.
    """
    layer = SemanticLayer(parsed / "semantic_manifest.json", engine)
    lineage = Lineage(parsed / "manifest.json", raw_columns(company))
    uses = ColumnUses(lineage)
    if problems := findings(kpis, company, layer):
        raise Problems(problems)
    defined = []
    for kpi in kpis:
        try:
            defined.append(_defined(plan(kpi, layer), layer, lineage, uses))
        except NyckeltalError as problem:
            problems.append(problem if problem.file else kpi.problem("segments", problem.problem))
    if problems:
        raise Problems(problems)
    between = identities(company, [kpi.id for kpi in kpis], {kpi.id for kpi in kpis if kpi.is_own})
    _require_unmixed(between, defined)
    return CompanyPlan(tuple(defined), rollups([one.plan for one in defined], layer), lineage, between)


def _require_unmixed(between: Sequence[Identity], defined: Sequence[Defined]) -> None:
    """Raises Problems for identities of protected KPIs with others, whose failing would tell of the protected ones."""
    protected = {one.plan.kpi.id for one in defined if one.upstream.protected}
    problems = [
        NyckeltalError(f"the identity '{one.name}' ties KPIs that read personnel data to others", found=one.holds)
        for one in between
        if protected & set(one.kpis) and not protected >= set(one.kpis)
    ]
    if problems:
        raise Problems(problems)


def raw_columns(company: Company) -> dict[str, tuple[str, ...]]:
    """The columns of each feed's raw table, as far as they are declared: its own, and what ingest adds."""
    added = ("_loaded_at", "_source_file", "_source_line")
    return {name: (*feed.columns, *feed.personal, *added) for name, feed in company.feeds.items()}


def _defined(one: KpiPlan, layer: SemanticLayer, lineage: Lineage, uses: ColumnUses) -> Defined:
    upstream = lineage.upstream(tuple(sorted({model for rollup in rollups([one], layer) for model in rollup.models})))
    if upstream.protected and one.kpi.definition.persons is None:
        raise one.kpi.problem(
            "persons", "the KPI reads personal data, so it needs the persons behind it", standard=True
        )
    generated = _generated(one, layer)
    inputs = lineage.feed_columns(generated)
    total_inputs = lineage.feed_columns(_generated(plan(one.kpi.unsegmented, layer), layer))
    return Defined(one, upstream, current_definition(one.kpi, layer, lineage), inputs, uses.of(generated), total_inputs)


def current_definition(kpi: Kpi, layer: SemanticLayer, lineage: Lineage) -> Current:
    """The KPI's definition, whoever shares its rollups, and whichever of its frequencies and segments are adopted."""
    parts = lineage.parts(_generated(plan(kpi.whole, layer), layer))
    return Current(kpi, definition_hash(parts), {name: hashed(code)[:8] for name, code in parts.items()})


def _generated(one: KpiPlan, layer: SemanticLayer) -> dict[str, str]:
    """The models that compute the KPI if no other one shares its rollups, by name."""
    alone = rollups([one], layer)
    models = {name: sql for rollup in alone for name, sql in rollup_models(rollup).items()}
    return {**models, one.kpi.model: kpi_sql(one, alone, "")}

"""The plan of a company: how its adopted KPIs are computed, the hashes of their definitions, and the shared rollups.

`compiled_folder.py` writes the files in the company folder from it.
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
class DefinedKpi:
    """An adopted KPI: its plan, what is upstream of it, its current definition, and the raw columns that it reads.

    `inputs` are these columns, by feed; `uses` says how its SQL uses them; `total_inputs` are those that its total
    reads, without segments.
    """

    plan: KpiPlan
    upstream: Upstream
    current: Current
    inputs: Mapping[str, tuple[str, ...]]
    uses: Uses
    total_inputs: Mapping[str, tuple[str, ...]]

    def covers(self, other_kpi: DefinedKpi) -> bool:
        """Whether the total of the other KPI depends only on feeds and raw columns that its own total depends on."""
        return all(
            feed in self.total_inputs and set(columns) <= set(self.total_inputs[feed])
            for feed, columns in other_kpi.total_inputs.items()
        )


@dataclass(frozen=True)
class CompanyPlan:
    """How a company's adopted KPIs are computed, and the rollups that they share. Their SQL isn't written yet."""

    kpis: tuple[DefinedKpi, ...]
    rollups: tuple[Rollup, ...]
    lineage: Lineage
    identities: tuple[Identity, ...]

    @property
    def currents(self) -> list[Current]:
        """The current definitions of the KPIs."""
        return [defined.current for defined in self.kpis]

    @property
    def models_counted_whole(self) -> list[dict[str, Any]]:
        """The models of which it isn't known which columns they use: a KPI that reads one depends on all of them.

        Each has the keys model, file, statement (the SQL that is the reason, or another one) and feeds (those whose
        columns all count as read).
        """
        nodes = {name: self.lineage.nodes[self.lineage.models[name]] for name in sorted(self.lineage.counted_whole)}
        return [
            {
                "model": name,
                "file": node["original_file_path"].removeprefix("company/"),
                "statement": self.lineage.counted_whole[name],
                "feeds": list(self.lineage.upstream((name,)).feeds),
            }
            for name, node in nodes.items()
        ]


def plan_company(company: Company, kpis: Sequence[Kpi], parsed: Path, engine: Engine = "duckdb") -> CompanyPlan:
    """The plan of the KPIs that the company has adopted.

    `parsed` is the folder with dbt's `manifest.json` and `semantic_manifest.json` of its staging, marts and metrics.
    Raises Problems for definitions with mistakes.
    """
    layer = SemanticLayer.read(parsed / "semantic_manifest.json", engine)
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
    return CompanyPlan(tuple(defined), rollups([kpi.plan for kpi in defined], layer), lineage, between)


def _require_unmixed(between: Sequence[Identity], defined: Sequence[DefinedKpi]) -> None:
    """Raises Problems for identities of protected KPIs with others: their failure would reveal the protected values."""
    protected = {kpi.plan.kpi.id for kpi in defined if kpi.upstream.protected}
    problems = [
        NyckeltalError(
            f"the identity '{identity.name}' ties KPIs that read personnel data to others",
            found=identity.holds,
            expected="only KPIs that read personnel data, or none",
        )
        for identity in between
        if protected & set(identity.kpis) and not protected >= set(identity.kpis)
    ]
    if problems:
        raise Problems(problems)


def raw_columns(company: Company) -> dict[str, tuple[str, ...]]:
    """The declared columns of each feed's raw table: the feed's own, and those that ingest adds."""
    added = ("_loaded_at", "_source_file", "_source_line")
    return {name: (*feed.columns, *feed.personal, *added) for name, feed in company.feeds.items()}


def _defined(kpi_plan: KpiPlan, layer: SemanticLayer, lineage: Lineage, uses: ColumnUses) -> DefinedKpi:
    kpi = kpi_plan.kpi
    own_rollups = rollups([kpi_plan], layer)
    models = {model for rollup in own_rollups for model in rollup.models}
    upstream = lineage.upstream(tuple(sorted(models)))
    if upstream.protected and kpi.definition.persons is None:
        raise kpi.problem("persons", "the KPI reads personal data, so it needs the persons behind it", standard=True)
    generated = _generated(kpi_plan, own_rollups)
    return DefinedKpi(
        plan=kpi_plan,
        upstream=upstream,
        current=current_definition(kpi, layer, lineage),
        inputs=lineage.feed_columns(generated),
        uses=uses.of(generated),
        total_inputs=lineage.feed_columns(_generated_alone(plan(kpi.unsegmented, layer), layer)),
    )


def current_definition(kpi: Kpi, layer: SemanticLayer, lineage: Lineage) -> Current:
    """The KPI's current definition. Its hash is independent of other KPIs and of what the company has adopted of it."""
    parts = lineage.parts(_generated_alone(plan(kpi.whole, layer), layer))
    return Current(kpi, definition_hash(parts), {name: hashed(code)[:8] for name, code in parts.items()})


def _generated_alone(kpi_plan: KpiPlan, layer: SemanticLayer) -> dict[str, str]:
    """The SQL of the models that would compute the KPI alone, without other KPIs in its rollups; by model name."""
    return _generated(kpi_plan, rollups([kpi_plan], layer))


def _generated(kpi_plan: KpiPlan, own_rollups: Sequence[Rollup]) -> dict[str, str]:
    """The SQL of the models that compute the KPI from those rollups, by model name."""
    models = {name: sql for rollup in own_rollups for name, sql in rollup_models(rollup).items()}
    return {**models, kpi_plan.kpi.model: kpi_sql(kpi_plan, own_rollups, "")}

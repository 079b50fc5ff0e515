"""The plan of a company: how its adopted KPIs are computed, the hashes of their definitions, and the shared rollups.

`compiled_folder.py` writes the files in the company folder from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metrics.compiler.plan import KpiPlan, Rollup, plan, rollups
from metrics.compiler.semantic_layer import Engine, SemanticLayer
from metrics.compiler.sql.kpi_sql import kpi_sql
from metrics.compiler.sql.rollups import rollup_models
from metrics.core.errors import NyckeltalError, Problems
from metrics.definitions.company import Company
from metrics.definitions.identities import Identity, identities
from metrics.definitions.kpis.kpi import Kpi
from metrics.lint import rules
from metrics.lint.rule import apply, rules_of
from metrics.versioning.column_uses import ColumnUses, Uses
from metrics.versioning.lineage import Lineage, Upstream, definition_hash, hashed
from metrics.versioning.reviewed import CurrentDefinition

_RULES = rules_of(rules)


@dataclass(frozen=True)
class DefinedKpi:
    """An adopted KPI: its plan, what is upstream of it, its current definition, and the raw columns that it reads.

    `inputs` are these columns, by feed; `uses` says how its SQL uses them; `total_inputs` are those that its total
    reads, without segments.
    """

    plan: KpiPlan
    upstream: Upstream
    current_definition: CurrentDefinition
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
    def current_definitions(self) -> list[CurrentDefinition]:
        """The current definitions of the KPIs."""
        return [defined_kpi.current_definition for defined_kpi in self.kpis]

    @property
    def models_counted_whole(self) -> list[dict[str, Any]]:
        """The models whose columns can't be analysed: a KPI that reads one of them depends on all of its columns.

        Each has the keys model, file, statement (the SQL that can't be analysed, or another reason) and feeds (those
        whose columns all count as read).
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


def plan_company(company: Company, kpis: Sequence[Kpi], parse_folder: Path, engine: Engine = "duckdb") -> CompanyPlan:
    """The plan of the KPIs that the company has adopted.

    `parse_folder` has dbt's `manifest.json` and `semantic_manifest.json` of its staging, marts and metrics; whether
    compiled KPIs are in there, too, makes no difference.
    Raises Problems for definitions with mistakes.
    """
    layer = SemanticLayer.read(parse_folder / "semantic_manifest.json", engine)
    lineage = Lineage(parse_folder / "manifest.json", raw_columns(company), generated=False)
    column_uses = ColumnUses(lineage)
    if problems := [error for kpi in kpis for _, error in apply(_RULES, kpi=kpi, company=company, layer=layer)]:
        raise Problems(problems)
    defined_kpis = []
    for kpi in kpis:
        try:
            defined_kpis.append(_defined_kpi(plan(kpi, layer), layer, lineage, column_uses))
        except NyckeltalError as error:
            problems.append(error if error.file else kpi.problem("segments", error.problem))
    if problems:
        raise Problems(problems)
    company_identities = identities(company, [kpi.id for kpi in kpis], {kpi.id for kpi in kpis if kpi.is_own})
    _require_unmixed(company_identities, defined_kpis)
    return CompanyPlan(
        tuple(defined_kpis),
        rollups([defined_kpi.plan for defined_kpi in defined_kpis], layer),
        lineage,
        company_identities,
    )


def _require_unmixed(company_identities: Sequence[Identity], defined_kpis: Sequence[DefinedKpi]) -> None:
    """Raises Problems for identities of protected KPIs with others: their failure would reveal the protected values."""
    protected = {defined_kpi.plan.kpi.id for defined_kpi in defined_kpis if defined_kpi.upstream.protected}
    problems = [
        NyckeltalError(
            f"the identity '{identity.name}' ties KPIs that read personnel data to others",
            found=identity.holds,
            expected="only KPIs that read personnel data, or none",
        )
        for identity in company_identities
        if protected & set(identity.kpis) and not protected >= set(identity.kpis)
    ]
    if problems:
        raise Problems(problems)


def raw_columns(company: Company) -> dict[str, tuple[str, ...]]:
    """The columns of each feed's raw table: those that the feed declares, and those that ingest adds."""
    columns_from_ingest = ("_loaded_at", "_source_file", "_source_line")
    return {name: (*feed.columns, *feed.personal, *columns_from_ingest) for name, feed in company.feeds.items()}


def _defined_kpi(kpi_plan: KpiPlan, layer: SemanticLayer, lineage: Lineage, column_uses: ColumnUses) -> DefinedKpi:
    """The KPI with its plan, its current definition and what it reads.

    Raises NyckeltalError when it reads personnel data and its definition has no `persons`, which says how to count the
    persons behind a value.
    """
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
        current_definition=current_definition(kpi, layer, lineage),
        inputs=lineage.feed_columns(generated),
        uses=column_uses.of(generated),
        total_inputs=lineage.feed_columns(_generated_alone(plan(kpi.unsegmented, layer), layer)),
    )


def current_definition(kpi: Kpi, layer: SemanticLayer, lineage: Lineage) -> CurrentDefinition:
    """The KPI's current definition. Its hash is independent of other KPIs and of what the company has adopted of it."""
    parts = lineage.parts(_generated_alone(plan(kpi.whole, layer), layer))
    return CurrentDefinition(kpi, definition_hash(parts), {name: hashed(code)[:8] for name, code in parts.items()})


def _generated_alone(kpi_plan: KpiPlan, layer: SemanticLayer) -> dict[str, str]:
    """The SQL of the models that would compute the KPI alone, without other KPIs in its rollups; by model name."""
    return _generated(kpi_plan, rollups([kpi_plan], layer))


def _generated(kpi_plan: KpiPlan, own_rollups: Sequence[Rollup]) -> dict[str, str]:
    """The SQL of the models that compute the KPI from those rollups, by model name."""
    models = {name: sql for rollup in own_rollups for name, sql in rollup_models(rollup).items()}
    return {**models, kpi_plan.kpi.model: kpi_sql(kpi_plan, own_rollups, "")}

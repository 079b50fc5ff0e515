"""A company's compiled folder: everything that `kpi compile` writes, and whether it is up to date."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from metrics import clock, dbt_project, reviewed
from metrics.bases import base_models, inputs_of
from metrics.catalog import Catalog, CatalogKpi
from metrics.column_uses import ColumnUses, Uses
from metrics.company import Company
from metrics.compiler import candidates_sql, kpi_sql
from metrics.errors import NyckeltalError, Problems, did_you_mean
from metrics.gate_settings import merged
from metrics.identities import Identity, identities
from metrics.lineage import Lineage, Upstream, definition_hash, hashed
from metrics.observable import observable_to, pauses
from metrics.planner import Base, KpiPlan, bases, plan
from metrics.private_files import private_files
from metrics.quoting import jinja, literal
from metrics.registry import Kpi, adopted_kpis
from metrics.reviewed import Current, Record
from metrics.roles import among
from metrics.rules import findings
from metrics.semantic import Engine, SemanticLayer
from metrics.text import visible


def folder(company: Company) -> Path:
    """The company's compiled folder."""
    return company.path / "compiled"


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
    """How a company's adopted KPIs are computed, before their SQL is written, and the bases that they share."""

    kpis: tuple[Defined, ...]
    bases: tuple[Base, ...]
    lineage: Lineage
    identities: tuple[Identity, ...]

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


def plan_company(company: Company, engine: Engine = "duckdb") -> CompanyPlan:
    """The plan of everything that the company has adopted.

    Raises Problems for definitions that aren't right, NyckeltalError when dbt can't parse the project.
    """
    kpis = adopted_kpis(company)
    target = _parse_without_kpis(company)
    layer = SemanticLayer(target / "semantic_manifest.json", engine)
    lineage = Lineage(target / "manifest.json", raw_columns(company))
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
    between = identities(company, [kpi.id for kpi in kpis])
    _require_unmixed(between, defined)
    return CompanyPlan(tuple(defined), bases([one.plan for one in defined], layer), lineage, between)


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


def review(company: Company, planned: CompanyPlan) -> Record:
    """The company's reviewed definitions, with new KPIs and new versions.

    Raises Problems for definitions that changed under the same version, and which nobody called a refactoring.
    """
    record = reviewed.read(company)
    currents = [one.current for one in planned.kpis]
    if problems := reviewed.findings(record, currents):
        raise Problems(problems)
    return reviewed.with_new(record, currents)


def unreviewed(company: Company, planned: CompanyPlan) -> list[str]:
    """The KPIs whose definition changed under the same version, and which nobody called a refactoring."""
    record = reviewed.read(company)
    return [
        one.plan.kpi.id for one in planned.kpis if reviewed.is_changed(record.get(one.plan.kpi.id, ()), one.current)
    ]


def record_refactoring(
    company: Company, planned: CompanyPlan, kpi_ids: Sequence[str] | None, reason: str, by: str
) -> list[str]:
    """Writes down that the changed definitions of those KPIs (None for every changed one) give the same values.

    Returns their ids. Raises NyckeltalError for a KPI that isn't adopted, or whose definition isn't changed, and
    Problems when roles.yml doesn't name the person for the domain of one.
    """
    record = reviewed.read(company)
    currents = {one.plan.kpi.id: one.current for one in planned.kpis}
    for kpi_id in kpi_ids or ():
        if kpi_id not in currents:
            raise NyckeltalError(f"no KPI '{kpi_id}' is adopted{did_you_mean(kpi_id, list(currents))}")
    changed = [kpi_id for kpi_id, one in currents.items() if reviewed.is_changed(record.get(kpi_id, ()), one)]
    chosen = changed if kpi_ids is None else list(kpi_ids)
    person = _refactorer(company, [currents[kpi_id].kpi for kpi_id in chosen], by)
    today = clock.today(company.time_zone)
    entries = reviewed.with_refactorings(record, list(currents.values()), chosen, reason, person, today)
    reviewed.path(company).write_text(reviewed.text(entries), encoding="utf-8")
    return chosen


def _refactorer(company: Company, kpis: Sequence[Kpi], by: str) -> str:
    """The person's name as the company spells it. Raises Problems when the person may not say it of a KPI's domain."""
    file, person = company.path / "roles.yml", by
    problems = []
    for domain in dict.fromkeys(kpi.domain for kpi in kpis):
        allowed = company.roles.refactorers(domain)
        named = among(by, allowed)
        person = named or person
        if named is None:
            expected = " or ".join(allowed) or f"names under `refactors` or `decides`, by domain ({domain})"
            problem = f"may not record a refactoring for {domain}"
            problems.append(NyckeltalError(problem, file=file, field="by", found=by, expected=expected))
    if problems:
        raise Problems(problems)
    return person


def compile_company(company: Company, planned: CompanyPlan | None = None) -> dict[str, str]:
    """The text of every compiled file and of the reviewed definitions, by its path from the compiled folder.

    Raises what `plan_company` and `review` raise.
    """
    planned = planned or plan_company(company)
    files = _before_kpis(company)
    files[f"../{reviewed.path(company).name}"] = reviewed.text(review(company, planned))
    for base in planned.bases:
        files |= {f"base/{name}.sql": sql for name, sql in _base_models(base, planned.lineage).items()}
    for one in planned.kpis:
        files[f"kpi/{one.plan.kpi.model}.sql"] = kpi_sql(one.plan, planned.bases, one.current.hash)
    files["kpi/candidates.sql"] = candidates_sql([one.plan for one in planned.kpis])
    files["catalog.json"] = _catalog(company, planned)
    return files


def compile_for(company: Company, engine: Engine) -> dict[str, str]:
    """The base and KPI models in another engine's SQL, by file name: whole tables, computed anew by each run.

    MetricFlow's own renderer for the engine writes the leaves. Raises what `plan_company` raises.
    """
    planned = plan_company(company, engine)
    models = {name: sql for base in planned.bases for name, sql in base_models(base).items()}
    models |= {one.plan.kpi.model: kpi_sql(one.plan, planned.bases, one.current.hash) for one in planned.kpis}
    return {f"{name}.sql": sql for name, sql in models.items()}


def write(company: Company, files: dict[str, str]) -> list[str]:
    """Writes what differs, removes what is no longer compiled; returns the paths that changed."""
    changed = stale(company, files)
    for name in changed:
        path = folder(company) / name
        if name in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def stale(company: Company, files: dict[str, str]) -> list[str]:
    """The paths whose committed text isn't what the definitions compile to."""
    root = folder(company)
    there = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".")  # what an editor or a file manager leaves
    }
    differing = {
        name
        for name, text in files.items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text
    }
    return sorted(differing | (there - set(files)))


def require_current(company: Company, files: dict[str, str]) -> None:
    """Raises NyckeltalError when a committed file isn't what the definitions compile to."""
    if changed := stale(company, files):
        raise NyckeltalError(
            f"{len(changed)} compiled files aren't what the definitions say; run `kpi compile`:"
            f" {', '.join(changed[:5])}",
            file=folder(company),
        )


def _before_kpis(company: Company) -> dict[str, str]:
    """The compiled files that staging and marts need."""
    return {"sources.yml": _sources(company), "staging/company.sql": _company_model(company)}


@private_files()
def _parse_without_kpis(company: Company) -> Path:
    """Parses with only the compiled files that staging and marts need: stale KPI models mustn't stand in the way."""
    scratch = dbt_project.workspace(company) / "compile"
    shutil.rmtree(scratch / "compiled", ignore_errors=True)
    for name, text in _before_kpis(company).items():
        path = scratch / "compiled" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return dbt_project.parse(company, compiled=scratch / "compiled")


def _defined(one: KpiPlan, layer: SemanticLayer, lineage: Lineage, uses: ColumnUses) -> Defined:
    upstream = lineage.upstream(tuple(sorted({model for base in bases([one], layer) for model in base.models})))
    if upstream.protected and one.kpi.definition.persons is None:
        raise one.kpi.problem(
            "persons", "the KPI reads personal data, so it needs the persons behind it", standard=True
        )
    generated = _generated(one, layer)
    inputs = lineage.feed_columns(generated)
    total_inputs = lineage.feed_columns(_generated(plan(one.kpi.unsegmented, layer), layer))
    return Defined(one, upstream, current_definition(one.kpi, layer, lineage), inputs, uses.of(generated), total_inputs)


def current_definition(kpi: Kpi, layer: SemanticLayer, lineage: Lineage) -> Current:
    """The KPI's definition, whoever shares its bases, and whichever of its frequencies and segments are adopted."""
    parts = lineage.parts(_generated(plan(kpi.whole, layer), layer))
    return Current(kpi, definition_hash(parts), {name: hashed(code)[:8] for name, code in parts.items()})


def _generated(one: KpiPlan, layer: SemanticLayer) -> dict[str, str]:
    """The models that compute the KPI if no other one shares its bases, by name."""
    alone = bases([one], layer)
    models = {name: sql for base in alone for name, sql in base_models(base).items()}
    return {**models, one.kpi.model: kpi_sql(one, alone, "")}


def _base_models(base: Base, lineage: Lineage) -> dict[str, str]:
    columns = set(lineage.nodes[lineage.models[base.models[0]]]["columns"])
    return base_models(base, inputs_of(base, columns, definition_hash(lineage.parts(base_models(base)))))


def _entry(company: Company, defined: Defined, adopted: Sequence[Defined]) -> CatalogKpi:
    one, upstream = defined.plan, defined.upstream
    supplied = [other for other in adopted if other is not defined and other.upstream.supplied]
    definition, adoption = one.kpi.definition, one.kpi.adoption
    persons = definition.persons
    starts = [company.feeds[feed].history_from for feed in upstream.feeds]
    return CatalogKpi(
        kpi_id=one.kpi.id,
        name=definition.name,
        description=" ".join(f"{definition.description} {definition.notes}".split()),
        domain=one.kpi.domain,
        unit=definition.unit,
        direction=definition.direction,
        kind=definition.kind,
        standard=definition.standard,
        additive_segments=definition.adds_up,
        level=adoption.level,
        owner=adoption.owner,
        objective=adoption.objective,
        target=adoption.target.value,
        target_freq=adoption.target.freq,
        target_note=adoption.target.none or "",
        review=adoption.review,
        freqs=adoption.freqs,
        segments=adoption.segments,
        metric=definition.metric,
        metric_type="ratio" if one.is_ratio else "simple",
        numerator_metric=one.numerator_metric,
        denominator_metric=one.denominator_metric,
        definition_version=one.kpi.version,
        definition_hash=defined.current.hash,
        model=one.kpi.model,
        feeds=upstream.feeds,
        inputs=dict(defined.inputs),
        joins=tuple(sorted(defined.uses.joins)),
        covers=tuple(other.plan.kpi.id for other in supplied if defined.covers(other)),
        entities=upstream.entities,
        supplied=upstream.supplied,
        missing_entities=upstream.missing_entities,
        protected=upstream.protected,
        disclosure_threshold=persons.threshold if persons else 0,
        nested_persons=persons.nested if persons else False,
        only_ratio=persons is not None and persons.dominance is not None,
        tells=one.tells,
        contributions=one.contributions,
        lookback=one.lookback,
        compared_with=one.compared_with,
        window=one.longest_window,
        observable_from=one.observable_from(max(starts)) if upstream.supplied and starts else None,
        without_rows=_without_rows(one),
        observable_to=observable_to(company.feeds, upstream.feeds, upstream.event_feeds, definition.matures_after),
        paused=pauses(company.feeds, upstream.feeds),
        matures_after=definition.matures_after,
        breaks=definition.breaks,
        min_n_obs=definition.reliable_n_obs,
        lower_bound=definition.bounds.lower,
        upper_bound=definition.bounds.upper,
        gate=merged(definition.gate, adoption.gate),
    )


def _without_rows(one: KpiPlan) -> Literal["zero", "no value"] | None:
    """What the KPI is in a period without rows: a count or sum is 0, a share or a quantile is of nothing.

    Of a stock it may be that nobody counted; what looks at earlier periods has rows of theirs.
    """
    kind = one.kpi.definition.kind
    if one.offsets or kind in ("stock", "index"):
        return None
    return "zero" if kind in ("flow", "distinct") else "no value"


def _catalog(company: Company, planned: CompanyPlan) -> str:
    catalog = Catalog(
        company=company.name,
        reporting_currency=company.reporting_currency,
        calendar=company.calendar,
        objectives=company.objectives,
        kpis=tuple(_entry(company, one, planned.kpis) for one in planned.kpis),
        labels=_labels(company, planned.kpis),
        identities=planned.identities,
    )
    return json.dumps(catalog.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def _labels(company: Company, adopted: Sequence[Defined]) -> dict[str, tuple[str, ...]]:
    """The numeric columns, by feed, by which KPIs join, or which they read without taking them for a size."""
    read = {(feed, column) for one in adopted for feed, columns in one.inputs.items() for column in columns}
    keys = {(join.feed, join.column) for one in adopted for join in one.uses.joins}
    labels = (read - {size for one in adopted for size in one.uses.sizes}) | keys
    numeric = {
        name: [column for column, how in feed.columns.items() if how.type in ("integer", "decimal", "number")]
        for name, feed in sorted(company.feeds.items())
    }
    found = {name: tuple(column for column in columns if (name, column) in labels) for name, columns in numeric.items()}
    return {name: columns for name, columns in found.items() if columns}


def _sources(company: Company) -> str:
    """dbt's declaration of the raw tables, so that staging has lineage from its feeds."""
    lines = [
        "# The company's feeds as dbt sources. Written by `kpi compile`.",
        "sources:",
        "  - name: raw",
        "    schema: raw",
        "    tables:",
    ]
    for feed in sorted(company.feeds.values(), key=lambda one: one.name):
        lines += [
            f"      - name: {feed.name}",
            f"        description: {json.dumps(jinja(visible(feed.description)), ensure_ascii=False)}",
        ]
    return "\n".join(lines) + "\n"


def _company_model(company: Company) -> str:
    return (
        "-- The company's own facts, one row. Written by `kpi compile`.\n"
        f"select\n    {literal(company.reporting_currency)} as reporting_currency,\n"
        f"    {literal(company.time_zone)} as time_zone\n"
    )

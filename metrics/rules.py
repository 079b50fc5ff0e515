"""The lint of KPI definitions: a list of small rules, each from one KPI to findings; all are reported at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from metrics.company import Company
from metrics.errors import NyckeltalError, did_you_mean
from metrics.planner import conversion_metrics, days_in, unsupported
from metrics.registry import Kpi
from metrics.semantic import SemanticLayer

Rule = Callable[[Kpi, Company, SemanticLayer], Iterator[NyckeltalError]]


def metrics_exist(kpi: Kpi, _: Company, layer: SemanticLayer) -> Iterator[NyckeltalError]:
    """Every metric that a definition names is one of the semantic layer's, and can be compiled."""
    definition = kpi.definition
    named = {"metric": [definition.metric], "n_obs": [definition.n_obs], "persons": []}
    if definition.persons:
        named["persons"] = list(definition.persons.metrics)
    for field, names in named.items():
        for name in names:
            if name not in layer.metrics:
                yield kpi.problem(
                    field, f"there is no metric '{name}'{did_you_mean(name, list(layer.metrics))}", standard=True
                )
            elif (reason := unsupported(name, layer)) is not None:
                yield kpi.problem(field, reason, standard=True)


def objective_exists(kpi: Kpi, company: Company, _: SemanticLayer) -> Iterator[NyckeltalError]:
    """A KPI serves one of the company's objectives."""
    objective = kpi.adoption.objective
    if objective not in company.objectives:
        hint = did_you_mean(objective, list(company.objectives))
        yield kpi.problem("objective", f"objectives.yml has no '{objective}'{hint}")


def within_definition(kpi: Kpi, _: Company, __: SemanticLayer) -> Iterator[NyckeltalError]:
    """An adoption takes frequencies and segments from those that the definition allows."""
    for field in ("freqs", "segments"):
        allowed = getattr(kpi.definition, field)
        for one in getattr(kpi.adoption, field):
            if one not in allowed:
                yield kpi.problem(
                    field, f"the definition has no '{one}'{did_you_mean(one, allowed)}", expected=", ".join(allowed)
                )


def target_has_freq(kpi: Kpi, _: Company, __: SemanticLayer) -> Iterator[NyckeltalError]:
    """The target of a sum or count says for which frequency it is meant."""
    adoption = kpi.adoption
    target = adoption.target
    depends_on_freq = kpi.definition.adds_up and kpi.definition.kind != "stock" and len(adoption.freqs) > 1
    if depends_on_freq and target.value is not None and target.freq is None:
        yield kpi.problem("target", "a weekly sum and a yearly one have no target in common: state its `freq`")
    if adoption.target.freq is not None and adoption.target.freq not in adoption.freqs:
        yield kpi.problem("target", f"is for frequency {adoption.target.freq}, which isn't adopted")


def cohorts_mature(kpi: Kpi, _: Company, layer: SemanticLayer) -> Iterator[NyckeltalError]:
    """A KPI of a cohort is provisional until the window of its last day has closed: its definition says how long."""
    definition = kpi.definition
    if definition.metric not in layer.metrics:
        return  # metrics_exist says so
    for metric in conversion_metrics(definition.metric, layer):
        window = metric.type_params.conversion_type_params.window
        if window is None:
            yield kpi.problem(
                "metric", f"conversion metric '{metric.name}' has no window, so that no value is final", standard=True
            )
            continue
        length = f"{window.count} {window.granularity}" + ("s" if window.count > 1 else "")
        stated = definition.matures_after
        if stated is None or days_in(stated) < days_in(length):
            yield kpi.problem(
                "metric" if stated is None else "matures_after",
                f"conversions of '{metric.name}' count for {length} after their event; until then values aren't final",
                standard=True,
                expected=f"matures_after: {length}, or more",
            )


def version_not_below_standard(kpi: Kpi, _: Company, __: SemanticLayer) -> Iterator[NyckeltalError]:
    """An adoption's version counts the standard definition's changes and the company's own."""
    own, standard = kpi.adoption.definition_version, kpi.definition.definition_version
    if own is not None and own < standard:
        yield kpi.problem(
            "definition_version", f"is below the standard definition's, {standard}", expected="none, or more"
        )


RULES: tuple[Rule, ...] = (
    metrics_exist, objective_exists, within_definition, target_has_freq, cohorts_mature, version_not_below_standard,
)  # fmt: skip


def findings(kpis: Iterable[Kpi], company: Company, layer: SemanticLayer) -> list[NyckeltalError]:
    """What every rule has to say about every KPI."""
    return [finding for kpi in kpis for rule in RULES for finding in rule(kpi, company, layer)]

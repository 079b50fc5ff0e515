"""The text of a new KPI's file, to be filled in: an adoption of a standard definition, or a whole definition.

What follows from the metric is filled in. What only people know is left empty, and `kpi check` asks for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from metrics.compiler.input_filters import inputs
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.compiler.support import unsupported
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.definitions.company import Company
from metrics.definitions.kpis.adopted import adopted_kpis
from metrics.definitions.kpis.kpi import Definition, standard_definitions
from metrics.versioning.lineage import Lineage


def _segment_hint(metric: str, layer: SemanticLayer) -> str:
    names = ", ".join(_segments(metric, layer))
    return f"some of {names}" if names else "this metric can't be cut by segments"


def adoption_text(kpi_id: str, definition: Definition, company: Company) -> str:
    """A file that adopts a standard definition as a whole."""
    return (
        f"kpi: {kpi_id}\n{_adoption(company)}freqs: [{', '.join(definition.freqs)}]\n"
        f"segments: [{', '.join(definition.segments)}]\n"
    )


def definition_text(kpi_id: str, metric: str, company: Company, layer: SemanticLayer, lineage: Lineage) -> str:
    """The text of a file with a whole definition of a KPI whose value is that metric; a person fills in the rest.

    Raises NyckeltalError for a metric that doesn't exist or can't be compiled.
    """
    if metric not in layer.metrics:
        raise NyckeltalError(
            f"there is no metric '{metric}'{did_you_mean(metric, list(layer.metrics))}", field="--metric"
        )
    freqs = [freq for freq in ("M", "Q", "A", "W") if unsupported(metric, layer, [freq]) is None]
    if not freqs:
        raise NyckeltalError(str(unsupported(metric, layer, ["M"])), field="--metric", found=metric)
    declared_metric, kind = layer.metrics[metric], _kind(layer.metrics[metric], layer)
    unit = "count" if _counts(declared_metric) else ""
    label = (
        declared_metric.label
        if declared_metric.label and declared_metric.label != metric
        else metric.replace("_", " ").capitalize()
    )
    lines = [
        f"kpi: {kpi_id}",
        f"name: {json.dumps(label, ensure_ascii=False)}",
        f"description: {json.dumps(declared_metric.description or '', ensure_ascii=False)}",
        _line("perspective", "", "financial, customer, process, learning or sustainability"),
        f"kind: {kind}",
        _line("unit", unit, "currency, fraction, ratio, count, persons or any other, such as hours"),
        _line("direction", "", "up: more is better; down: less is; band: neither too much nor too little; none"),
        _line("type", "", "leading or lagging"),
        f"metric: {metric}",
        _line("n_obs", _n_obs(metric, layer) or "", "the metric that counts the observations behind a value"),
        f"freqs: [{', '.join([freq for freq in freqs if freq != 'W'] or freqs)}]",
        _line("segments", "[]", _segment_hint(metric, layer)),
        _line("bounds", "{}", "the values that it can have at all, such as {lower: 0, upper: 1}"),
    ]
    if lineage.upstream(fact_models(metric, layer)).protected:
        lines.append(_line("persons", "{numerator: }", "the metric that counts the persons: it reads personnel data"))
    lines += ["standard: the company's own", "definition_version: 1"]
    return "\n".join(lines) + "\n" + _adoption(company)


def derived_domain(metric: str, company: Company, layer: SemanticLayer) -> str | None:
    """The domain of the KPIs over the same facts, if they all have one: the company's own KPIs, else the standard ones.

    The company's own KPIs are ignored as long as one of their files has a mistake.
    """
    models = set(fact_models(metric, layer))
    try:
        own_domains = [(kpi.definition.metric, kpi.domain) for kpi in adopted_kpis(company) if kpi.is_own]
    except NyckeltalError:
        own_domains = []
    standard_domains = [(definition.metric, file.parent.name) for definition, file in standard_definitions().values()]
    for metric_domains in (own_domains, standard_domains):
        domains = {
            domain
            for name, domain in metric_domains
            if name in layer.metrics and models & set(fact_models(name, layer))
        }
        if domains:
            return domains.pop() if len(domains) == 1 else None
    return None


def _adoption(company: Company) -> str:
    lines = (
        _line("owner", "", "who answers for it, such as an address"),
        _line("level", "", "key: the objective is judged by it; supporting: it explains another"),
        _line("objective", "", " or ".join(company.objectives)),
        _line("target", "{none: }", "the reason why there is none, or {value: 0.9, freq: M}, or {band: [0.4, 0.6]}"),
        _line("review", "quarterly", "monthly or quarterly"),
    )
    return "\n".join(lines) + "\n"


def _line(key: str, value: str, note: str) -> str:
    """A line of YAML with a note."""
    return f"{f'{key}: {value}'.rstrip():<21} # {note}"


def _simple(metric: str, layer: SemanticLayer) -> Iterator[Any]:
    """The simple metrics that a metric is made of."""
    metric_object = layer.metrics[metric]
    if metric_object.type.value == "simple":
        yield metric_object
    for _, part in inputs(metric_object):
        yield from _simple(part.name, layer)


def fact_models(metric: str, layer: SemanticLayer) -> tuple[str, ...]:
    """The dbt models of the facts that a metric is made of."""
    names = {layer.models[name] for simple_metric in _simple(metric, layer) if (name := _semantic_model(simple_metric))}
    return tuple(sorted(names))


def _semantic_model(simple_metric: Any) -> str | None:
    aggregation_params = simple_metric.type_params.metric_aggregation_params
    return str(aggregation_params.semantic_model) if aggregation_params else None


def _aggregation(metric: Any) -> str | None:
    aggregation_params = metric.type_params.metric_aggregation_params
    return str(aggregation_params.agg.value) if aggregation_params else None


def _kind(metric: Any, layer: SemanticLayer) -> str:
    """How a metric's values go together, as a definition's `kind` says it."""
    aggregation = _aggregation(metric)
    if aggregation is not None:
        if metric.type_params.metric_aggregation_params.non_additive_dimension:
            return "stock"
        kinds = {"count_distinct": "distinct", "median": "quantile", "percentile": "quantile", "average": "ratio"}
        return kinds.get(aggregation, "index" if aggregation in ("min", "max") else "flow")
    if metric.type.value in ("ratio", "conversion") or "/" in (metric.type_params.expr or ""):
        return "ratio"
    parts = {_kind(layer.metrics[part.name], layer) for part in metric.input_metrics}
    is_sum = re.fullmatch(r"[\w\s+\-(),]*", metric.type_params.expr or "*") is not None
    return parts.pop() if len(parts) == 1 and is_sum and parts <= {"flow", "stock"} else "index"


def _counts(metric: Any, condition_end: str = "") -> bool:
    """Whether a simple metric counts rows or things. dbt writes a count as a sum of CASE WHEN … THEN 1 ELSE 0 END."""
    expression = metric.type_params.expr or ""
    return _aggregation(metric) == "count_distinct" or (
        _aggregation(metric) == "sum"
        and expression.startswith("CASE WHEN ")
        and f"{condition_end} THEN 1 ELSE" in expression
    )


def _n_obs(metric: str, layer: SemanticLayer) -> str | None:
    """The metric that counts the rows behind a value; None if the layer has none.

    It is the metric itself if that is a count, else a count of the same rows (of a ratio's denominator).
    """
    metric_object = layer.metrics[metric]
    if metric_object.type.value == "ratio":
        return _n_obs(metric_object.type_params.denominator.name, layer)
    if _counts(metric_object) and metric in layer.declared:
        return metric
    first_simple_metric = next(_simple(metric, layer), None)
    if first_simple_metric is None or _semantic_model(first_simple_metric) is None:
        return None
    counts_of_same_rows = (
        name
        for name, other_metric in layer.metrics.items()
        if name in layer.declared
        and other_metric.type.value == "simple"
        and _counts(other_metric, " IS NOT NULL")
        and _rows(other_metric) == _rows(first_simple_metric)
    )
    return next(counts_of_same_rows, None)


def _rows(simple_metric: Any) -> tuple[Any, ...]:
    """The rows that a simple metric reads, and the column of their day."""
    aggregation_params = simple_metric.type_params.metric_aggregation_params
    return (
        aggregation_params.semantic_model,
        aggregation_params.agg_time_dimension,
        aggregation_params.non_additive_dimension,
        simple_metric.filter,
    )


def _segments(metric: str, layer: SemanticLayer) -> list[str]:
    """The segments by which all facts of a metric can be cut."""
    semantic_models = {_semantic_model(simple_metric) for simple_metric in _simple(metric, layer)}
    segments_by_model = [
        {entity.name for entity in model.entities if entity.type.value != "primary"}
        | {dimension.name for dimension in model.dimensions if dimension.type.value == "categorical"}
        for model in layer.manifest.semantic_models
        if model.name in semantic_models
    ]
    return sorted(set.intersection(*segments_by_model)) if segments_by_model else []

"""Runs MetricFlow in this process: the parsed metrics, and the SQL that MetricFlow writes for them."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from metrics.compiler.input_filters import filtered_copy, metrics_with_moved_filters
from metrics.core.errors import NyckeltalError, did_you_mean

Engine = Literal["duckdb", "spark"]
GRAINS = {"W": "week", "M": "month", "Q": "quarter", "A": "year"}


class SemanticLayer:
    """The metrics of a `semantic_manifest.json`, and MetricFlow's engine over them, which writes SQL for `engine`.

    `metrics` holds them by name, with filters on simple metrics only (see input_filters.py); `declared` are the names
    of those that the manifest has. `measure_queries` is the cache of measures.py.
    """

    def __init__(self, manifest_text: str, engine: Engine = "duckdb") -> None:
        # Imported here because it takes most of a second, and only compiling needs it.
        from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest

        self.manifest = parse_manifest_from_dbt_generated_manifest(manifest_text)
        self.dialect = engine
        self._daily: dict[tuple[str, ...], str] = {}
        self.measure_queries: dict[tuple[str, tuple[str, ...], bool], Any] = {}
        self.metrics: dict[str, Any] = metrics_with_moved_filters(self.manifest.metrics)
        self.declared = frozenset(metric.name for metric in self.manifest.metrics)

    @classmethod
    def read(cls, manifest_file: Path, engine: Engine = "duckdb") -> SemanticLayer:
        """The layer of a file. For an unchanged text it returns the same object again, with its cached SQL."""
        return _layer(manifest_file.read_text(encoding="utf-8"), engine)

    @cached_property
    def models(self) -> dict[str, str]:
        """The dbt model behind each semantic model."""
        return {model.name: model.node_relation.alias for model in self.manifest.semantic_models}

    def usual_time_dimension(self, semantic_model: str) -> str | None:
        """The time dimension by which a semantic model's metrics are aggregated if they name none."""
        model = self._semantic_model(semantic_model)
        return model.defaults.agg_time_dimension if model.defaults else None

    @property
    def time_spine(self) -> str:
        """The dbt model with all days of the calendar, in the column date_day."""
        for spine in self.manifest.project_configuration.time_spines:
            if spine.primary_column.name == "date_day":
                return str(spine.node_relation.alias)
        raise NyckeltalError("no time spine of the dbt project has the column date_day")

    def grain(self, simple_metric: str) -> str:
        """The granularity of the time dimension by which a simple metric is aggregated, such as "day" or "month"."""
        model = self._semantic_model(self.metrics[simple_metric].type_params.metric_aggregation_params.semantic_model)
        name = self.time_dimension(simple_metric)
        return next(_grain(dimension.type_params) for dimension in model.dimensions if dimension.name == name)

    def time_dimension(self, simple_metric: str) -> str | None:
        """The time dimension by which a simple metric is aggregated."""
        aggregation = self.metrics[simple_metric].type_params.metric_aggregation_params
        return aggregation.agg_time_dimension or self.usual_time_dimension(aggregation.semantic_model)

    def fills_with_zero(self, simple_metric: str) -> bool:
        """Whether a simple metric is 0 where it has no rows: `fill_nulls_with: 0`."""
        return self.metrics[simple_metric].type_params.fill_nulls_with is not None

    def dimensions(self, simple_metric: str) -> tuple[str, ...]:
        """The names of the categorical dimensions that a simple metric's own facts have."""
        model = self._semantic_model(self.metrics[simple_metric].type_params.metric_aggregation_params.semantic_model)
        names = (dimension.name for dimension in model.dimensions if dimension.type.value == "categorical")
        return tuple(self.group_by_name(simple_metric, name) for name in names)

    def of_freq(self, simple_metric: str, dimension: str, freq: str) -> str:
        """Add a copy of the metric that reads only rows whose dimension has that frequency; return its name."""
        name = f"{simple_metric}_of_{freq.lower()}"
        if name in self.declared:
            raise NyckeltalError(f"there is a metric '{name}': the compiler needs its name", expected="another name")
        if name not in self.metrics:
            condition = f"{{{{ Dimension('{dimension}') }}}} = '{freq}'"
            self.metrics[name] = filtered_copy(self.metrics[simple_metric], name, condition)
            self.__dict__.pop("_engine", None)  # it is made from `metrics`
        return name

    def group_by_name(self, metric: str, element: str) -> str:
        """The name by which a query of a simple metric groups by `element`.

        `element` is an entity or dimension of the metric's own semantic model; other names are not checked.
        """
        model = self._semantic_model(self.metrics[metric].type_params.metric_aggregation_params.semantic_model)
        if element in {entity.name for entity in model.entities}:
            return element
        primary = next(entity.name for entity in model.entities if entity.type.value == "primary")
        return f"{primary}__{element}"

    def _semantic_model(self, name: str) -> Any:
        return next(model for model in self.manifest.semantic_models if model.name == name)

    @cached_property
    def _engine(self) -> Any:
        """MetricFlow over the compiler's metrics, without what fills them: queries are plain aggregates."""
        manifest = self.manifest.copy(deep=True)
        manifest.metrics = [metric.copy(deep=True) for metric in self.metrics.values()]
        for metric in manifest.metrics:
            metric.type_params.join_to_timespine, metric.type_params.fill_nulls_with = False, None
        return _engine(manifest, self.dialect)

    @cached_property
    def _declared_engine(self) -> Any:
        return _engine(self.manifest, self.dialect)

    def daily_sql(self, metric: str, segments: Sequence[str]) -> str:
        """MetricFlow's SQL for one simple metric by day and all those segments together. Cached.

        The column with the day is `metric_time`: of facts by week or longer, the first day of their period. Raises
        NyckeltalError when the metric can't be cut by the segments.
        """
        query = (metric, *segments)
        if query not in self._daily:
            grain = self.grain(metric)
            time = f"metric_time__{grain if grain in GRAINS.values() else 'day'}"
            sql = _explain(self._engine, [metric], [time, *segments], ())
            self._daily[query] = re.sub(rf"\b{time}\b", "metric_time", sql)
        return self._daily[query]

    def query_sql(self, metrics: Sequence[str], group_by: Sequence[str] = (), where: Sequence[str] = ()) -> str:
        """MetricFlow's SQL for any metrics as they are declared, as an analyst would query them."""
        return _explain(self._declared_engine, metrics, group_by, where)


@lru_cache(maxsize=2)
def _layer(manifest_text: str, engine: Engine) -> SemanticLayer:
    return SemanticLayer(manifest_text, engine)


def _grain(time: Any) -> str:
    """The granularity of a time dimension's parameters or a time spine's column."""
    return str(time.time_granularity.value)


def _engine(manifest: Any, engine: Engine) -> Any:
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    # On a busy machine MetricFlow warns, on the terminal, of steps that take seconds.
    logging.getLogger("metricflow_semantics").setLevel(logging.ERROR)
    return MetricFlowEngine(SemanticManifestLookup(manifest), _Rendering(engine))


class _Rendering:
    """The part of MetricFlow's SqlClient that writing SQL needs: the engine. For Spark it is that of Databricks."""

    def __init__(self, engine: Engine) -> None:
        from metricflow.protocols.sql_client import SqlEngine
        from metricflow.sql.render.databricks import DatabricksSqlPlanRenderer
        from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer

        if engine == "duckdb":
            self.sql_engine_type, self.sql_plan_renderer = SqlEngine.DUCKDB, DuckDbSqlPlanRenderer()
        else:
            self.sql_engine_type, self.sql_plan_renderer = SqlEngine.DATABRICKS, DatabricksSqlPlanRenderer()

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        return f"${bind_parameter_key}"


def _explain(engine: Any, metrics: Sequence[str], group_by: Sequence[str], where: Sequence[str]) -> str:
    """MetricFlow's SQL for a query. Raises NyckeltalError, with the nearest name, for an unknown segment."""
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest
    from metricflow_semantics.errors.error_classes import InvalidQueryException

    request = MetricFlowQueryRequest.create(
        metric_names=list(metrics), group_by_names=list(group_by), where_constraints=list(where)
    )
    try:
        return str(engine.explain(request).sql_statement.sql)
    except InvalidQueryException as error:
        dimensions = engine.simple_dimensions_for_metrics(list(metrics))
        known = {dimension.dunder_name for dimension in dimensions if dimension.type.value == "categorical"}
        known |= {name.rpartition("__")[2] for name in known}
        known |= {entity.name for entity in engine.entities_for_metrics(list(metrics))}
        for name in group_by:
            if name not in known and not name.startswith("metric_time"):
                problem = f"{', '.join(metrics)} can't be cut by '{name}'{did_you_mean(name, sorted(known))}"
                raise NyckeltalError(problem, expected=", ".join(sorted(known))) from None
        reason = " ".join(str(error).split())[:300]
        raise NyckeltalError(f"MetricFlow can't cut {', '.join(metrics)} by {', '.join(group_by)}: {reason}") from None

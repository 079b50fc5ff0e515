"""Runs MetricFlow in this process: the parsed metrics, and the SQL that MetricFlow writes for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from metrics.core.errors import NyckeltalError

Engine = Literal["duckdb", "spark"]
GRAINS = {"W": "week", "M": "month", "Q": "quarter", "A": "year"}


class SemanticLayer:
    """The metrics of a `semantic_manifest.json`, and MetricFlow's engine over them, which writes SQL for `engine`."""

    def __init__(self, manifest_file: Path, engine: Engine = "duckdb") -> None:
        # Imported here because it takes most of a second, and only compiling needs it.
        from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest

        self.manifest = parse_manifest_from_dbt_generated_manifest(manifest_file.read_text(encoding="utf-8"))
        self.dialect = engine
        self._daily: dict[tuple[str, ...], str] = {}
        self.metrics: dict[str, Any] = {metric.name: metric for metric in self.manifest.metrics}

    @cached_property
    def models(self) -> dict[str, str]:
        """The dbt model behind each semantic model."""
        return {model.name: model.node_relation.alias for model in self.manifest.semantic_models}

    def usual_time_dimension(self, semantic_model: str) -> str | None:
        """The time dimension by which a semantic model's metrics are aggregated if they name none."""
        model = next(model for model in self.manifest.semantic_models if model.name == semantic_model)
        return model.defaults.agg_time_dimension if model.defaults else None

    @property
    def time_spine(self) -> str:
        """The dbt model with all days of the calendar, in the column date_day."""
        return str(self.manifest.project_configuration.time_spines[0].node_relation.alias)

    def group_by_name(self, metric: str, element: str) -> str:
        """The name by which a query of a simple metric groups by `element`.

        `element` is an entity or dimension of the metric's own semantic model; other names are not checked.
        """
        name = self.metrics[metric].type_params.metric_aggregation_params.semantic_model
        model = next(model for model in self.manifest.semantic_models if model.name == name)
        if element in {entity.name for entity in model.entities}:
            return element
        primary = next(entity.name for entity in model.entities if entity.type.value == "primary")
        return f"{primary}__{element}"

    @cached_property
    def _engine(self) -> Any:
        return _engine(self.manifest, self.dialect)

    def daily_sql(self, metric: str, segments: Sequence[str]) -> str:
        """MetricFlow's SQL for one simple metric by day and all those segments together. Cached.

        Raises NyckeltalError when the metric can't be cut by them.
        """
        query = (metric, *segments)
        if query not in self._daily:
            self._daily[query] = _explain(self._engine, [metric], ["metric_time__day", *segments], ())
        return self._daily[query]

    def query_sql(self, metrics: Sequence[str], group_by: Sequence[str] = (), where: Sequence[str] = ()) -> str:
        """MetricFlow's SQL for any metrics, as an analyst would query them."""
        return _explain(self._engine, metrics, group_by, where)


def _engine(manifest: Any, engine: Engine) -> Any:
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

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
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest
    from metricflow_semantics.errors.error_classes import InvalidQueryException

    request = MetricFlowQueryRequest.create(
        metric_names=list(metrics), group_by_names=list(group_by), where_constraints=list(where)
    )
    try:
        return str(engine.explain(request).sql_statement.sql)
    except InvalidQueryException as error:
        reason = " ".join(str(error).split())[:300]
        raise NyckeltalError(f"MetricFlow can't cut {', '.join(metrics)} by {', '.join(group_by)}: {reason}") from None

"""The KPIs that every contender computes: one for each metric of the benchmark's project."""

from __future__ import annotations

from pathlib import Path

from benchmarks.facts import SEGMENTS
from metrics.compiler.plan import plan, rollups
from metrics.compiler.semantic_layer import SemanticLayer
from metrics.compiler.sql.kpi_sql import kpi_sql
from metrics.compiler.sql.rollups import day_fingerprint_sql, rollup_models
from metrics.core.errors import NyckeltalError
from metrics.core.periods import Freq
from metrics.definitions.kpis.adoption import Adoption, Target
from metrics.definitions.kpis.kpi import Definition, Kpi

PROJECT = Path(__file__).parent / "project"
FREQS: tuple[Freq, ...] = ("W", "M", "Q", "A")
_COLUMNS = {"event_id", "event_date", "_loaded_at"}


def semantic_layer(target: Path) -> SemanticLayer:
    """The project's metrics, parsed by dbt into the folder `target`.

    Raises NyckeltalError when dbt can't parse them.
    """
    from dbt.cli.main import dbtRunner

    folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target)]
    result = dbtRunner().invoke(["--quiet", "--log-path", str(target), "parse", *folders])
    if not result.success:
        raise NyckeltalError(f"dbt can't parse the project: {result.exception}", file=PROJECT)
    return SemanticLayer.read(target / "semantic_manifest.json")


def compiled(layer: SemanticLayer) -> dict[str, str]:
    """The engine's base and KPI models, by name. Without values to date, which the others don't compute."""
    plans = [plan(_kpi(metric), layer) for metric in sorted(layer.metrics)]
    shared = rollups(plans, layer)
    models = {
        name: sql
        for base in shared
        for name, sql in rollup_models(base, day_fingerprint_sql(base, _COLUMNS, "")).items()
    }
    return models | {kpi_plan.kpi.model: kpi_sql(kpi_plan, shared, "") for kpi_plan in plans}


def _kpi(metric: str) -> Kpi:
    segments = tuple(SEGMENTS)
    definition = Definition(
        kpi=metric, name=metric, description="", perspective="process", kind="ratio", unit="count", direction="none",
        type="lagging", metric=metric, n_obs="events", freqs=FREQS, segments=segments, standard="none",
        definition_version=1,
    )  # fmt: skip
    adoption = Adoption(
        kpi=metric, owner="owner", level="key", objective="any", target=Target(none="none"), review="monthly",
        freqs=FREQS, segments=segments, to_date=False,
    )  # fmt: skip
    return Kpi("benchmark", definition, adoption, PROJECT, PROJECT)

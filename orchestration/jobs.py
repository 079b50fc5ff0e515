"""The jobs: everything from the source files to the published tables, and deciding on a held value."""

from collections.abc import Iterator
from typing import Any, Literal

from dagster import (
    AssetCheckEvaluation,
    AssetSelection,
    Config,
    Failure,
    JobDefinition,
    Nothing,
    Out,
    Output,
    RunConfig,
    define_asset_job,
    in_process_executor,
    job,
    op,
)
from pydantic import Field

import publishing
from data_quality.release import decisions
from metrics.core.errors import NyckeltalError, values_withheld
from metrics.core.text import visible
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.assets.publication import gate_results
from orchestration.lock import writing

REFRESH = "refresh"

# In process: a step of its own process would import dagster, dbt and Great Expectations again.
refresh = define_asset_job(
    REFRESH,
    selection=AssetSelection.all(),
    description="Brings in what the sources delivered and builds the models. Judges the chosen months for all KPIs,"
    " with everything that is new or changed, and publishes all that may be published. `kpi run` is this job.",
    executor_def=in_process_executor,
)


class DecisionConfig(Config):
    """One decision, as `kpi release`, `reject`, `acknowledge` and `review` take it."""

    decision: Literal["release", "reject", "acknowledge", "review"] = Field(
        description="release: publish what is held as it is; reject: keep it out; acknowledge: a warning is known;"
        " review: of the KPI itself."
    )
    incident: str | None = Field(
        default=None, description="What is decided on, as `kpi held` names it; empty where a KPI is named."
    )
    as_new_level: bool = Field(
        default=False, description="Of an incident that is released: from its first day on this is the level."
    )
    kpi: str | None = Field(default=None, description="In place of an incident a KPI's id, such as net_revenue.")
    period: str | None = Field(default=None, description="And its period, such as 2026-10; empty for a review.")
    reason: str = Field(description="Why. It is published with the decision.")
    by: str = Field(description="Who decides, as roles.yml names them. Recorded, not authenticated.")


def decide_job(company: Company) -> JobDefinition:
    """The job `decide`, for a company. Its run fails with the reason when the decision is refused."""

    # An op and a job share one namespace in Dagster, so the op needs another name than the job.
    @op(description="Records a decision, and publishes what follows from it.", out=Out(Nothing))
    def record_decision(config: DecisionConfig) -> Iterator[AssetCheckEvaluation | Output[None]]:
        try:
            with writing(), values_withheld("decide"):
                today = Company.load(company.path)  # its roles as they are now, not when Dagster was started
                catalog = Catalog.read(today)
                if bool(config.incident) == bool(config.kpi) or (config.as_new_level and not config.incident):
                    raise NyckeltalError("name an incident, or a KPI with its period", field="incident")
                publishing.publish()  # what an interrupted decision left undone
                said = {"reason": config.reason, "by": config.by}
                if config.incident:
                    done = decisions.settle(
                        today, catalog, config.decision, config.incident, as_new_level=config.as_new_level, **said
                    )
                else:
                    periods = [config.period] if config.period else []
                    done = decisions.decide(today, catalog, config.decision, config.kpi or "", *periods, **said)
                publishing.publish()
        except NyckeltalError as error:
            raise Failure(visible(str(error)), allow_retries=False) from None
        facts: dict[str, Any] = {
            "decided_on": ", ".join(f"{kpi_id} {code}" for kpi_id, _, code in done.keys) or done.kpi_id,
            "by": visible(f"{done.decided_by} (recorded, not authenticated)"),
            "checks": ", ".join(done.checks) or "none",
            "published": done.published,
            "release": done.release.sequence,
        }
        yield from gate_results([kpi for kpi in catalog.kpis if kpi.supplied])
        yield Output(None, metadata=facts)

    @job(
        name="decide",
        description="Records a decision on a held value, or the review of a KPI, and publishes what follows from it."
        " What waits: `kpi held`. Fill in the config in the launchpad. roles.yml says who may decide; the name is"
        " recorded, not authenticated.",
        executor_def=in_process_executor,
        # What the launchpad begins with: every field, to be filled in.
        config=RunConfig(ops={"record_decision": DecisionConfig(decision="release", incident="", reason="", by="")}),
    )
    def decide() -> None:
        record_decision()

    return decide

"""The jobs: `refresh`, from the source files to the published tables, and `decide`, which records a decision."""

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
from metrics.core.errors import NyckeltalError, values_withheld
from metrics.core.text import visible
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.assets.publication import gate_results, review_results
from orchestration.lock import writing

REFRESH = "refresh"

# In process: each process of its own would have to import dagster, dbt and Great Expectations again.
refresh = define_asset_job(
    REFRESH,
    selection=AssetSelection.all(),
    description="Loads new source files and builds the models. Judges the chosen months for all KPIs and everything"
    " that is new or changed, and publishes what may be published. `kpi run` is this job.",
    executor_def=in_process_executor,
)


class DecisionConfig(Config):
    """One decision, as `kpi release`, `reject`, `acknowledge` and `review` take it."""

    decision: Literal["release", "reject", "acknowledge", "review"] = Field(
        description="release: publish held values as they are; reject: don't publish them; acknowledge: a warning is"
        " known; review: the KPI itself was reviewed."
    )
    incident: str | None = Field(
        default=None, description="The incident, as `kpi held` names it; empty where a KPI is named."
    )
    as_new_level: bool = Field(
        default=False,
        description="When an incident is released: accept each KPI's level from its first held day on.",
    )
    kpi: str | None = Field(default=None, description="Instead of an incident, a KPI's id, such as net_revenue.")
    outcome: str | None = Field(  # Dagster has no type for one of several texts or none
        default=None, description="Of a review: keep, change or retire (which `kpi retire` does); else empty."
    )
    period: str | None = Field(default=None, description="The KPI's period, such as 2026-10; empty for a review.")
    reason: str = Field(description="Why. It is published with the decision.")
    by: str = Field(description="Who decides, as roles.yml names them. Recorded, not authenticated.")


def decide_job(company: Company) -> JobDefinition:
    """The job `decide`, for a company. Its run fails with the reason when the decision is refused."""

    # An op and a job share one namespace in Dagster, so the op needs another name than the job.
    @op(description="Records a decision, and publishes what follows from it.", out=Out(Nothing))
    def record_decision(config: DecisionConfig) -> Iterator[AssetCheckEvaluation | Output[None]]:
        """Record the decision, release it, and report the checks `gate` and `review` of every supplied KPI anew.

        Raises Failure with the reason when the decision is refused.
        """
        from data_quality.release import decisions  # it needs pandas, which takes a second to import

        try:
            with writing(), values_withheld("decide"):
                current_company = Company.load(company.path)  # with its present roles, not those when Dagster started
                catalog = Catalog.read(current_company)
                if bool(config.incident) == bool(config.kpi):
                    raise NyckeltalError("name either an incident or a KPI", field="incident")
                if config.as_new_level and not config.incident:
                    raise NyckeltalError("only an incident can be released as the new level", field="as_new_level")
                reason_and_name = {"reason": config.reason, "by": config.by}
                with publishing.published_around("the decision is recorded and released"):
                    if config.incident:
                        recorded_decision = decisions.decide_incident(
                            current_company,
                            catalog,
                            config.decision,
                            config.incident,
                            as_new_level=config.as_new_level,
                            **reason_and_name,
                        )
                    else:
                        periods = [config.period] if config.period else []
                        recorded_decision = decisions.decide(
                            current_company,
                            catalog,
                            config.decision,
                            config.kpi or "",
                            *periods,
                            **reason_and_name,
                            outcome=config.outcome or None,
                        )
        except NyckeltalError as error:
            raise Failure(visible(str(error)), allow_retries=False) from None
        metadata: dict[str, Any] = {
            "decided_on": ", ".join(f"{kpi_id} {code}" for kpi_id, _, code in recorded_decision.keys)
            or recorded_decision.kpi_id,
            "by": visible(f"{recorded_decision.decided_by} (recorded, not authenticated)"),
            "checks": ", ".join(recorded_decision.checks) or "none",
            "published": recorded_decision.published,
            "release": recorded_decision.release.sequence,
        }
        supplied = [kpi for kpi in catalog.kpis if kpi.supplied]
        yield from gate_results(supplied)
        yield from review_results(current_company, supplied)
        yield Output(None, metadata=metadata)

    @job(
        name="decide",
        description="Records a decision on held values, or the review of a KPI, and publishes what follows from it."
        " `kpi held` shows what waits for a decision. Fill in the config in the launchpad. roles.yml says who may"
        " decide; the name is recorded, not authenticated.",
        executor_def=in_process_executor,
        # The launchpad begins with every field, to be filled in.
        config=RunConfig(ops={"record_decision": DecisionConfig(decision="release", incident="", reason="", by="")}),
    )
    def decide() -> None:
        record_decision()

    return decide

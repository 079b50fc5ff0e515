"""The schedule of the job."""

from dagster import RunRequest, ScheduleDefinition, ScheduleEvaluationContext, schedule

from metrics.definitions.company import Company
from orchestration.jobs import refresh
from orchestration.partitions import open_months


def daily(company: Company) -> ScheduleDefinition:
    """Every day at six in the morning, in the company's time zone: one run for the open months (`open_months`)."""

    @schedule(
        job=refresh,
        cron_schedule="0 6 * * *",
        execution_timezone=company.time_zone,
        name="daily_refresh",
        description="One run of the job: it judges all months that aren't final yet and everything that is new or"
        " changed, and publishes what may be published.",
    )
    def daily_refresh(_: ScheduleEvaluationContext) -> RunRequest:
        first, last = open_months(company)
        return RunRequest(
            tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        )

    return daily_refresh

"""The schedule of the job."""

from dagster import RunRequest, ScheduleDefinition, ScheduleEvaluationContext, schedule

from metrics.definitions.company import Company
from orchestration.jobs import refresh
from orchestration.partitions import present_month


def daily(company: Company) -> ScheduleDefinition:
    """Every day at six in the morning, in the company's time zone: one run for what is open, new or changed."""

    @schedule(
        job=refresh,
        cron_schedule="0 6 * * *",
        execution_timezone=company.time_zone,
        name="daily_refresh",
        description="One run of the job: it judges all periods that aren't final yet and everything that is new or"
        " changed, and publishes what may be published.",
    )
    def daily_refresh(_: ScheduleEvaluationContext) -> RunRequest:
        month = present_month(company).code
        return RunRequest(
            tags={"dagster/asset_partition_range_start": month, "dagster/asset_partition_range_end": month}
        )

    return daily_refresh

"""When the job starts by itself."""

from dagster import RunRequest, ScheduleDefinition, ScheduleEvaluationContext, schedule

from metrics.definitions.company import Company
from orchestration.jobs import refresh
from orchestration.partitions import open_months


def daily(company: Company) -> ScheduleDefinition:
    """Every morning at six, business time: one run of the job, of the months that aren't final (`open_months`)."""

    @schedule(
        job=refresh,
        cron_schedule="0 6 * * *",
        execution_timezone=company.time_zone,
        name="daily_refresh",
        description="The job, in a single run: judges all months that aren't final yet, with everything that is new or"
        " changed, and publishes all that may be published.",
    )
    def daily_refresh(_: ScheduleEvaluationContext) -> RunRequest:
        first, last = open_months(company)
        return RunRequest(
            tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        )

    return daily_refresh

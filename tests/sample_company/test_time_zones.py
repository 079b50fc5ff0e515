"""Business days: decided in the sample company's staging, in the time zone of its calendar."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from jinja2 import Environment

from metrics.core.deployment import PROJECT
from metrics.definitions.company import Company
from orchestration.dbt import project

STAGING = PROJECT / "sample_company/models/staging"


@pytest.mark.parametrize(
    ("hour_start_utc", "business_day"),
    [
        ("2026-01-31 22:00", "2026-01-31"),
        ("2026-01-31 23:00", "2026-02-01"),  # midnight in winter
        ("2026-06-30 21:00", "2026-06-30"),
        ("2026-06-30 22:00", "2026-07-01"),  # midnight in summer
        ("2026-10-25 00:00", "2026-10-25"),  # these two are both two o'clock on the clock, as it goes back
        ("2026-10-25 01:00", "2026-10-25"),
        ("2026-12-31 23:30", "2027-01-01"),
    ],
)
def test_a_reading_around_midnight_has_the_companys_day(hour_start_utc: str, business_day: str) -> None:
    sql = (STAGING / "stg_energy_readings.sql").read_text().replace("{{ source('raw', 'readings') }}", "readings")
    with duckdb.connect() as connection:
        connection.execute(
            "create table readings as select '735' as meter_no, 'Workshop' as site, ?::timestamp as hour_start_utc,"
            " 12.5::decimal(9, 3) as kwh, 40::decimal(9, 3) as co2_g_per_kwh,"
            " now() as _loaded_at",
            [hour_start_utc],
        )
        row = connection.execute(f"select interval_start, reading_date, energy_kwh from ({sql})").fetchone()
    start = datetime.fromisoformat(hour_start_utc)
    assert row == (start, datetime.fromisoformat(business_day).date(), Decimal("12.5"))
    local = start.replace(tzinfo=UTC).astimezone(ZoneInfo(Company.load(PROJECT / "sample_company").time_zone))
    assert row[1] == local.date()


@pytest.mark.parametrize(
    ("time_zone", "now", "today"),
    [
        ("Pacific/Auckland", "2026-02-28T17:30:00+00:00", "2026-03-01"),  # 06:30 there
        ("America/Los_Angeles", "2026-03-01T03:00:00+00:00", "2026-02-28"),
        ("Europe/Stockholm", "2026-02-28T23:30:00+00:00", "2026-03-01"),
    ],
)
def test_today_in_dbt_is_the_companys(
    time_zone: str, now: str, today: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NYCKELTAL_NOW", now)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path))
    sample = Company.load(PROJECT / "sample_company")
    company = replace(sample, calendar=sample.calendar.model_copy(update={"time_zone": time_zone}))
    with project.building(company):
        jinja = Environment()
        jinja.globals.update(env_var=os.environ.get, run_started_at=datetime(1, 1, 1))
        macro = jinja.from_string((PROJECT / "dbt_project/macros/today.sql").read_text()).module
        assert str(macro.today()).strip() == f"cast('{today}' as date)"  # type: ignore[attr-defined]
    assert "NYCKELTAL_TODAY" not in os.environ


def test_staging_knows_no_other_time_zone_than_the_calendar() -> None:
    zones = {zone for file in STAGING.glob("*.sql") for zone in re.findall(r"at time zone '([^']+)'", file.read_text())}
    assert zones == {"UTC", Company.load(PROJECT / "sample_company").time_zone}

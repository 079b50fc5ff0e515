"""The main job for a company that defines its KPIs itself: what it computes, beside values worked out by plain SQL.

The files and the values: README.md and ravenstack/expected.csv in `../shared/data/real` of the project.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from benchmarks.reality.companies import COMPANIES
from metrics.core.deployment import PROJECT, published_path, warehouse_path
from metrics.core.periods import parse
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.run import RunResult, run

FILES = PROJECT.parent / "shared" / "data" / "real"
COMPANY = PROJECT / "tests/ravenstack"
if not FILES.is_dir():
    pytest.skip("the real files aren't here (../shared/data/real beside the project)", allow_module_level=True)
pytestmark = pytest.mark.xdist_group("ravenstack")
(EXPECTED,) = (company.expected_values() for company in COMPANIES if company.name == "ravenstack")
Values = dict[tuple[str, str, str, str], float]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunResult, Values, Values]]:
    """The main job over the two years of the files: what it told, the candidates, and what it published."""
    data = tmp_path_factory.mktemp("ravenstack")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NYCKELTAL_COMPANY", str(COMPANY))
        patch.setenv("NYCKELTAL_SOURCE_DIR", str(FILES))
        patch.setenv("NYCKELTAL_DATA_DIR", str(data))
        patch.setenv("NYCKELTAL_NOW", "2025-01-20T12:00:00+00:00")
        patch.setenv("DAGSTER_HOME", str(data / "dagster"))
        patch.delenv("NYCKELTAL_LEDGER", raising=False)
        result = run(Company.load(), first=date(2023, 1, 1), last=date(2024, 12, 31))
        query = "select kpi_id, freq, time_period, member, obs_value from kpi."
        with (
            duckdb.connect(str(warehouse_path()), read_only=True) as warehouse,
            duckdb.connect(str(published_path()), read_only=True) as published,
        ):
            rows = (
                warehouse.execute(f"{query}candidates").fetchall(),
                published.execute(f"{query}observations").fetchall(),
            )
        candidates, observations = ({(*key,): value for *key, value in totals} for totals in rows)
        yield result, candidates, observations


def test_everything_is_built(outcome: tuple[RunResult, Values, Values]) -> None:
    assert outcome[0].build_failures == {}


@pytest.mark.parametrize("kpi_id", sorted({kpi_id for kpi_id, *_ in EXPECTED}))
def test_values_are_those_of_plain_sql(outcome: tuple[RunResult, Values, Values], kpi_id: str) -> None:
    kpi = Catalog.read(Company.load(COMPANY)).kpi(kpi_id)
    expected = {
        key: pytest.approx(value, rel=1e-4, abs=1e-6)
        for key, value in EXPECTED.items()
        if key[0] == kpi_id and key[1] in kpi.freqs and kpi.observes(parse(key[2])) and (key[3] == "_T" or kpi.segments)
    }
    assert expected
    assert {key: outcome[1].get(key) for key in expected} == expected
    assert {key: value for key, value in outcome[2].items() if key in expected} == {
        key: value for key, value in expected.items() if key in outcome[2]
    }


@pytest.mark.parametrize(
    ("standard", "own"),
    [
        ("customer_churn_rate", "logo_churn_rate"),
        ("nrr", "net_revenue_retention"),
        ("grr", "gross_revenue_retention"),
    ],
)
def test_standard_kpis_of_subscriptions_have_the_values_of_the_companys_own(
    outcome: tuple[RunResult, Values, Values], standard: str, own: str
) -> None:
    own_ids = {"M": own, "Q": f"{own}_quarterly", "A": f"{own}_yearly"}
    values = {key: value for key, value in outcome[1].items() if key[0] == standard and key[3] == "_T"}
    assert len(values) == 24 + 8 + 2 - 3  # nobody subscribes before the first month, quarter and year
    assert {key: outcome[1][own_ids[key[1]], *key[1:]] for key in values} == pytest.approx(values)

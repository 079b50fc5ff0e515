"""`kpi leads`, `kpi watch` and `kpi suggest-target` on a published file, and what the site says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import numpy as np
import pytest

import publishing
from data_quality.ledger.schemas import VERDICTS
from data_quality.ledger.store import Ledger
from metrics.core import deployment
from metrics.core.periods import parse
from metrics.definitions.catalog import Catalog
from metrics.definitions.kpis.adoption import Retired
from publishing import mcp_server, reader, site
from publishing.analysis import history, relevance
from publishing.analysis.cross_correlation import Drivers
from publishing.analysis.leads import leads
from publishing.analysis.suggested_target import suggest_target
from publishing.analysis.watch import watch
from tests import warehouse_factory
from tests.command_line import kpi_command
from tests.ledger_factory import observation, table
from tests.warehouse_factory import Warehouse, kpi

MONTHS = [parse("2023-01").shift(number) for number in range(43)]  # July 2026 is open
LEADING = {"type": "leading"}
NEW_LEVEL = MONTHS.index(parse("2026-01"))


def rows(kpi_id: str, values: Any, **by_month: dict[str, Any]) -> list[dict[str, Any]]:
    """Totals from January 2023 on; `by_month` has other facts of a month, such as m2024_05."""
    return [
        observation(
            kpi_id=kpi_id, freq="M", time_period=month.code, period_start=month.start, period_end=month.end,
            **{"obs_value": float(value), **by_month.get(f"m{month.code.replace('-', '_')}", {})},
        )
        for month, value in zip(MONTHS, values, strict=True)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Sessions move before customers by two months; revenue has a new level since 2026; two months are suppressed."""
    rng = np.random.default_rng(11)
    chance = rng.normal(size=len(MONTHS) + 2)
    small = rng.normal(size=(3, len(MONTHS)))
    step = np.where(np.arange(len(MONTHS)) >= NEW_LEVEL, 1.3, 1.0)
    hidden = {"obs_value": None, "obs_status": "Q", "conf_status": "C"}
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("analysis")
        warehouse_factory.point_at(folder, patch)
        warehouse = Warehouse(folder / "warehouse.duckdb", patch)
        facts: dict[str, Any] = {"freqs": ("M",), "segments": ()}
        catalog = Catalog(
            company="Test", reporting_currency="SEK", calendar=warehouse.company.calendar,
            objectives=warehouse.company.objectives,
            kpis=(
                kpi("sessions", name="Sessions", type="leading", unit="count", target=None, **facts),
                kpi(
                    "customers", name="Customers", unit="count", target=1000.0, target_freq="M", target_tolerance=1.0,
                    target_by_period={"2026-05": 1.0, "2026-06": 2.0}, **facts,
                ),
                kpi("revenue", name="Revenue", type="lagging", **facts),
                kpi("heads", name="Heads", unit="persons", protected=True, direction="none", target=None, **facts),
            ),
        )  # fmt: skip
        released = [
            *rows("sessions", 1000 * np.exp(0.1 * chance[2:])),
            *rows("customers", 100 * np.exp(0.1 * chance[:-2] + 0.02 * small[0])),
            *rows("revenue", 100 * step * np.exp(0.02 * small[1]), m2026_01={"obs_status": "B"}),
            *rows("heads", 60 + small[2], m2024_05=hidden, m2024_06=hidden),
        ]
        Ledger.open(deployment.ledger_path()).append(
            table(released), table([], VERDICTS), realtime_start=date(2026, 8, 3),
            published_at=datetime(2026, 8, 3, 12, tzinfo=UTC), catalog=catalog.definitions_json, batch_id="b",
        )  # fmt: skip
        publishing.publish()
        yield warehouse


def test_open_months_are_left_out_and_suppressed_ones_are_gaps(published: Warehouse) -> None:
    with duckdb.connect(str(deployment.published_path()), read_only=True) as connection:
        heads = history.read(connection)["heads", "M"]
    assert (heads.periods[0].code, heads.periods[-1].code, heads.gaps) == ("2023-01", "2026-06", {"suppressed": 2})
    assert np.isnan(heads.values[[16, 17]]).all() and np.isfinite(heads.values).sum() == 40
    (searched,) = leads("heads")["searched"]
    assert searched["text"].startswith("By month: 40 months with a closed value, 2 months suppressed;")


def test_sessions_move_before_customers_by_two_months(published: Warehouse) -> None:
    answer = leads("Customers")
    assert [(lead["driver"], lead["periods_before"]) for lead in answer["leads"]] == [("sessions", 2)]
    assert answer["leads"][0]["quote"].startswith(
        "Sessions moves before Customers by 2 months: when it is higher than usual, Customers is higher than usual 2"
        " months later (very strong: correlation 0.9"
    )
    assert "cause" not in answer["leads"][0]["quote"]
    assert leads("sessions")["summary"] == (
        "Sessions has no closed months, quarters or weeks in common with a driver: leads can't be looked for."
    )
    assert leads("sessions", of_all=True)["leads"] == []
    printed = " ".join(kpi_command("leads", "customers").stdout.split())
    assert (
        "1 of the 1 KPIs that were tried moved before Customers." in printed
        and "6 pairs of a driver and a lag tried" in printed
    )
    assert json.loads(kpi_command("leads", "customers", "--json").stdout) == answer
    assert mcp_server.moves_before("customers") == answer
    assert "did you mean 'customers'" in kpi_command("leads", "custmers").stderr


@pytest.mark.parametrize(
    ("changes", "verdict", "says"),
    [
        ({}, "leads", "it moved before Customers (2 months)"),
        ({"customers": LEADING, "revenue": LEADING}, "leads", "it moved before Customers (2 months)"),
        ({"customers": LEADING, "revenue": LEADING, "heads": LEADING}, "no outcome", "nothing that it should"),
        ({"sessions": {"is_retired": True}}, None, ""),
        ({"sessions": {"type": "lagging"}}, None, ""),
    ],
)
def test_a_leading_kpi_leads_the_outcomes_of_its_objective(
    published: Warehouse, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], verdict: str | None, says: str
) -> None:
    """Of sessions; by another catalogue over the same values."""
    catalog = reader.newest_catalog()
    retired = Retired(on=date(2026, 8, 1), reason="Test")
    kpis = []
    for entry in catalog.kpis:
        facts = {"type": "lagging"} if entry.kpi_id == "customers" else {}
        facts |= changes.get(entry.kpi_id, {})
        facts |= {"retired": retired} if facts.pop("is_retired", False) else {}
        kpis.append(entry.model_copy(update=facts))
    changed = catalog.model_copy(update={"kpis": tuple(kpis)})
    monkeypatch.setattr(reader, "newest_catalog", lambda: changed)
    answer = relevance.leads_to("sessions")
    assert (answer and answer["verdict"]) == verdict
    assert says in (answer["text"] if answer else "")


def test_the_new_level_of_revenue_is_told_with_its_month_and_what_is_known_of_it(published: Warehouse) -> None:
    answer = watch()
    (shift,) = answer["shifts"]
    assert (shift["kpi_id"], shift["kind"], shift["since"]) == ("revenue", "level", "2026-01")
    assert shift["size"] == pytest.approx(0.3, abs=0.05) and shift["level_since"] == pytest.approx(130, abs=3)
    assert shift["known"] == [{"kind": "break", "since": "2026-01-01", "text": None, "incident_id": None}]
    printed = " ".join(kpi_command("watch").stdout.split())
    assert "Revenue has been about 1" in printed and "since January 2026" in printed
    assert "The series breaks on 1 Jan 2026." in printed and "Searched: 4 KPIs" in printed
    assert json.loads(kpi_command("watch", "--json").stdout) == answer == mcp_server.what_shifted()


def test_a_target_from_history_with_the_lines_to_paste(published: Warehouse) -> None:
    answer = suggest_target("customers")
    cautious, likely, ambitious = answer["suggested"]
    assert 85 < cautious["value"] < likely["value"] < ambitious["value"] < 120
    # Each month is counted by its own target: only May and June 2026 have one that is reached.
    met = [{"periods": 12, "with_value": 12, "met": 2}, {"periods": 24, "with_value": 24, "met": 2}]
    of_periods = {"value": 1.0, "value_to": 1000.0}  # May and June have their own, the other months the general one
    present = {"value": 1000.0, "value_to": None, "of_periods": of_periods, "varies": True, "met_in_last": met}
    assert answer["present_target"] == present
    assert answer["to_keep"] == ["freq", "by_period", "tolerance"]
    assert answer["warning"].startswith("Customers has targets of single periods: one value for all months misleads.")
    assert likely["yaml"].splitlines() == [
        "target:", f"  value: {likely['value']:.15g}", "  source: history",
        "  rationale: Likely, from the months 2023-01 to 2026-06",
    ]  # fmt: skip
    printed = kpi_command("suggest-target", "customers").stdout
    assert "present" in printed and "met in last 24" in printed and "  source: history\n" in printed
    assert "keep the lines freq, by_period, tolerance:" in " ".join(printed.split())
    assert json.loads(kpi_command("suggest-target", "customers", "--json").stdout) == answer
    assert mcp_server.suggest_target("customers") == answer
    refused = kpi_command("suggest-target", "heads").stdout
    assert "No target is suggested. Heads has the direction none: no value is a better one." in refused


def test_the_site_says_what_shifted_in_both_languages(published: Warehouse) -> None:
    catalog = Catalog.parse(Ledger.open(deployment.ledger_path()).newest["catalog"])  # type: ignore[index]
    english, swedish = (dict(site.render(catalog, deployment.published_path(), code)) for code in ("en", "sv"))
    sentence = "Revenue has been about 1"
    for name in ("index.html", "kpi-revenue.html"):
        assert "What shifted" in english[name] and sentence in english[name]
        assert "The series breaks on 1 Jan 2026." in english[name]
        assert "Vad som har ändrats" in swedish[name] and "Revenue har varit omkring 1" in swedish[name]
    assert "What shifted" not in english["kpi-customers.html"]


def test_the_pages_say_what_moves_before_what_and_the_next_release_searches_nothing_again(
    published: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog.parse(Ledger.open(deployment.ledger_path()).newest["catalog"])  # type: ignore[index]
    kept = (deployment.data_dir() / "leads.json").read_bytes()
    monkeypatch.setattr(Drivers, "leading", None)
    english, swedish = (dict(site.render(catalog, deployment.published_path(), code)) for code in ("en", "sv"))
    before = '<a href="kpi-sessions.html">Sessions</a> moves before Customers by 2 months: when it is higher'
    after = 'Sessions moves before <a href="kpi-customers.html">Customers</a> by 2 months: when it is higher'
    assert before in english["kpi-customers.html"] and after in english["kpi-sessions.html"]
    assert "In published history it moved before Customers (2 months)" in english["kpi-sessions.html"]
    assert "rör sig 2 månader före Customers" in swedish["kpi-customers.html"]
    assert "None of the 1 KPIs that were tried moved before Heads by more than chance." in english["kpi-heads.html"]
    assert (deployment.data_dir() / "leads.json").read_bytes() == kept


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("leads", "customers"), "1 av de 1 nyckeltal som prövades rörde sig före Customers."),
        (("watch",), "Brott i serien 1 jan 2026."),
        (
            ("suggest-target", "customers"),
            "Customers har mål för enskilda perioder: ett värde för alla månader vilseleder.",
        ),
        (("suggest-target", "heads"), "Inget mål föreslås. Heads har riktningen ingen"),
        (("why", "revenue"), "mindre än för juni 2026"),
        (("objectives",), "✓ på målet, ~ i riskzonen"),
    ],
)
def test_the_commands_speak_swedish(published: Warehouse, arguments: tuple[str, ...], says: str) -> None:
    told = kpi_command(*arguments, "--lang", "sv")
    assert says in " ".join(told.stdout.split()), told
    assert "nothing is written in that language" in kpi_command(*arguments, "--lang", "xx").stderr

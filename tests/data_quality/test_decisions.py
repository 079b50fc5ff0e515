"""Decisions: who may decide, on what, and that a decision counts only for that."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import publishing
from data_quality.ledger.store import Ledger
from data_quality.ledger.verify import verify
from data_quality.release import decisions, eligibility, release, snapshot
from data_quality.release.decisions import Decided
from data_quality.release.pending import Pending, pending_values
from data_quality.release.snapshot import ReleaseSnapshot
from data_quality.warehouse import connect
from metrics.core import deployment
from metrics.core.errors import NyckeltalError
from metrics.definitions.roles import Roles
from publishing import duckdb_file
from tests import warehouse_factory
from tests.examples import examples
from tests.warehouse_factory import Warehouse, cells, kpi

SPAN = ("2026-01-01", "2026-02-28")
GOOD = {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)}
NEGATIVE = cells(-100, SE=-75, NO=-25)
CFO = "cfo@example.com"
JANUARY = ("2026-01", "revenue")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse with February published, and January, which is closed by now, held as out of bounds."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("released"), patch)
        warehouse.add(kpi(), {**GOOD, "2026-01": NEGATIVE})
        warehouse.judge(*SPAN)
        warehouse.publish(*SPAN)
        yield warehouse


@pytest.fixture
def warehouse(released: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    copied = warehouse_factory.copy(released, tmp_path, monkeypatch)
    copied.now("2026-03-06T06:00:00")
    return copied


def rebuilt(warehouse: Warehouse, january: list[dict[str, Any]], **kpi_fields: Any) -> None:
    """Build and judge again with these rows for January; `kpi_fields` are fields of the KPI."""
    warehouse.batch = f"after {warehouse.batch}"
    warehouse.add(kpi(**kpi_fields), {**GOOD, "2026-01": january})
    warehouse.judge(*SPAN)


def decide(warehouse: Warehouse, decision: Any = "release", period: str | None = "2026-01", **options: Any) -> Decided:
    options = {"kpi_id": "revenue", "reason": "credits of December", "by": CFO, **options}
    kpi_id = options.pop("kpi_id")
    periods = [period] if period else []
    return warehouse.decide(decision, kpi_id, *periods, **options)


def decide_and_render(warehouse: Warehouse) -> None:
    """As the commands do. What it left is looked at, as nothing is rendered later."""
    try:
        with publishing.published_around("the decision is recorded and released"):
            decide(warehouse)
    finally:
        warehouse.unrendered = False


def held(warehouse: Warehouse) -> list[Pending]:
    return pending_values(warehouse.company, warehouse.catalog)


def january(warehouse: Warehouse) -> list[Any]:
    """January's published total."""
    columns = "obs_value, revision_type, revision_reason"
    return warehouse.published(
        f"select {columns} from kpi.vintages where time_period = '2026-01' and segment = '_T' order by sequence"
    )


def recorded() -> list[tuple[str, str]]:
    return [(row["decision"], row["decided_by"]) for row in Ledger.open(deployment.ledger_path()).decisions()]


def refused(warehouse: Warehouse, message: str, decision: Any = "release", **options: Any) -> None:
    before = recorded()
    with pytest.raises(NyckeltalError, match=message):
        decide(warehouse, decision, **options)
    assert recorded() == before


@contextmanager
def interrupted() -> Iterator[None]:
    """The process ends after the decision is recorded and before its release."""

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(release, "release", crash)
        yield


def test_a_pending_key_is_listed_with_its_evidence(warehouse: Warehouse) -> None:
    (pending,) = held(warehouse)
    assert (pending.kpi_id, pending.time_period, pending.state) == ("revenue", "2026-01", "decide")
    assert [(check.check, check.figure, check.limit) for check in pending.checks] == [("bounds", 3.0, 0.0)]
    assert (pending.published_value, pending.candidate_value, pending.change) == (None, -100.0, None)
    assert [(feed.feed, str(feed.watermark)) for feed in pending.feeds] == [("orders", "2026-12-31")]
    assert pending.deciders == (CFO, "controller") and pending.standing is None


def test_a_released_value_is_published_at_once_and_says_who_and_why(warehouse: Warehouse) -> None:
    decided = decide(warehouse, by="CFO@Example.com ", reason="credits of\n  December")
    assert decided.published and decided.checks == ("bounds",) and decided.release.sequence == 2
    assert january(warehouse) == [(-100.0, None, None)]  # a first value is no revision
    assert warehouse.published("select distinct decision_id from kpi.vintages where time_period = '2026-01'") == [
        (decided.decision_ids[0],)
    ]
    assert warehouse.published(
        "select kpi_id, freq, time_period, decision, checks, reason, decided_by, sequence from kpi.decisions"
    ) == [("revenue", "M", "2026-01", "release", "bounds", "credits of December", CFO, 2)]
    assert warehouse.published("select verdict, decision from kpi.verdicts order by time_period") == [
        ("hold", "release"),
        ("publish", None),
    ]
    assert not held(warehouse)
    assert not warehouse.release(*SPAN).held
    result = verify(Ledger.open(deployment.ledger_path()))
    assert (result.findings, result.unsealed_decisions) == ((), 0)


def test_a_rejected_value_stays_out_though_its_checks_pass(warehouse: Warehouse) -> None:
    decided = decide(warehouse, "reject")
    assert not decided.published and decided.release.sequence == 2  # which covers the decision
    rebuilt(warehouse, NEGATIVE, lower_bound=None)
    assert [(pending.state, pending.checks) for pending in held(warehouse)] == [("rejected", ())]
    assert {pending.reason for pending in warehouse.release(*SPAN).held} == {"was rejected: credits of December"}
    assert not january(warehouse)
    assert warehouse.published("select decision from kpi.verdicts where time_period = '2026-01'") == [("reject",)]
    rebuilt(warehouse, GOOD["2026-01"])
    assert not warehouse.release(*SPAN).held  # another value is judged anew


def test_a_decision_does_not_count_for_another_candidate(warehouse: Warehouse) -> None:
    decide(warehouse)
    rebuilt(warehouse, cells(-101, SE=-75, NO=-26))
    assert [pending.checks for pending in warehouse.release(*SPAN).held] == [("bounds", "closed_period")]
    assert january(warehouse)[-1][0] == -100.0
    (pending,) = held(warehouse)
    assert (pending.published_value, pending.candidate_value, pending.change) == (-100.0, -101.0, -0.01)
    assert pending.standing is None
    assert warehouse.published("select decision from kpi.verdicts where time_period = '2026-01'") == [(None,)]
    assert decide(warehouse).checks == ("bounds", "closed_period")
    assert january(warehouse)[-1] == (-101.0, "C", "credits of December")


def test_a_decision_does_not_count_when_another_check_fails_too(warehouse: Warehouse) -> None:
    decide(warehouse)
    verdict = "select decision from kpi.verdicts where time_period = '2026-01'"
    warehouse.feed("orders", outstanding="a file could not be read")
    rebuilt(warehouse, NEGATIVE)
    pending = next(pending for pending in held(warehouse) if pending.time_period == "2026-01")
    assert {check.check for check in pending.checks} == {"bounds", "complete"}
    assert pending.state == "decide" and pending.standing and pending.standing["decision"] == "release"
    assert [pending.time_period for pending in warehouse.release(*SPAN).held] == ["2026-01", "2026-02"]
    assert warehouse.published(verdict) == [(None,)]
    decided = decide(warehouse)
    assert set(decided.checks) == {"bounds", "complete"}
    assert decided.overrides and decided.overrides["checks"] == ["bounds"]
    assert warehouse.published(verdict) == [("release",)]
    assert [pending.time_period for pending in warehouse.release(*SPAN).held] == ["2026-02"]


def test_a_closed_periods_change_is_released_by_decision(warehouse: Warehouse) -> None:
    rebuilt(warehouse, GOOD["2026-01"])
    warehouse.release(*SPAN)
    rebuilt(warehouse, cells(120, SE=95, NO=25))
    (pending,) = held(warehouse)
    assert [check.check for check in pending.checks] == ["closed_period"] and "100 → 120" in pending.checks[0].detail
    assert (pending.published_value, pending.candidate_value, pending.change) == (100.0, 120.0, 0.2)
    assert decide(warehouse).published
    assert january(warehouse) == [(100.0, None, None), (120.0, "C", "credits of December")]


def test_the_newer_decision_counts(warehouse: Warehouse) -> None:
    decide(warehouse, "reject")
    decided = decide(warehouse, by="controller")
    assert decided.published and decided.overrides and decided.overrides["decision"] == "reject"
    rebuilt(warehouse, cells(-50, SE=-50))
    with interrupted():
        decide(warehouse)
    message = (
        "was released already: cfo@example.com did .*the same command again, or `kpi run --period 2026-01`, publishes"
    )
    refused(warehouse, message, by="controller")
    assert not decide(warehouse, "reject", by="controller").published
    assert [pending.reason for pending in warehouse.release(*SPAN).held] == ["was rejected: credits of December"]
    assert january(warehouse)[-1][0] == -100.0
    assert decide(warehouse).published and january(warehouse)[-1][0] == -50.0


# Decisions on January in the order of their making: the decision, whether it is on this candidate, and its checks.
MADE = st.lists(
    st.tuples(
        st.sampled_from(["release", "reject", "review"]),
        st.booleans(),
        st.sets(st.sampled_from(["bounds", "missing_results", "expected_range"])),
    ),
    max_size=4,
)


@pytest.fixture(scope="module")
def assessed(released: Warehouse) -> tuple[ReleaseSnapshot, Ledger]:
    """The release snapshot of the warehouse, and the ledger."""
    with connect() as connection:
        release_snapshot = snapshot.read(connection, released.catalog, date(2026, 1, 1), date(2026, 2, 28))
    return release_snapshot, Ledger.open(deployment.ledger_path())


@given(made_decisions=MADE)
@examples(20)
def test_only_the_newest_decision_on_this_very_candidate_counts(
    released: Warehouse, assessed: tuple[ReleaseSnapshot, Ledger], made_decisions: list[tuple[str, bool, set[str]]]
) -> None:
    fields = {"kpi_id": "revenue", "freq": "M", "time_period": "2026-01", "reason": "r"}
    hashed = assessed[0].loaded.candidates["revenue", "M", "2026-01"].candidate_hash
    rows = [
        {
            **fields,
            "decision_id": str(number),
            "candidate_hash": hashed if on_this else "another",
            "decision": decision,
            "checks": sorted(checks),
        }
        for number, (decision, on_this, checks) in enumerate(made_decisions)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "decisions", lambda _: rows)
        eligible = eligibility.assess(*assessed, released.catalog, date(2026, 3, 5))
    counting = [(decision, checks) for decision, on_this, checks in made_decisions if on_this and decision != "review"]
    lets_through = bool(counting) and counting[-1][0] == "release" and "bounds" in counting[-1][1]
    assert {key[2] for key in eligible.eligible} == ({"2026-01", "2026-02"} if lets_through else {"2026-02"})
    assert [pending.time_period for pending in eligible.held] == ([] if lets_through else ["2026-01"])


def test_a_crash_between_decision_and_release_is_completed_by_the_next_run(warehouse: Warehouse) -> None:
    with interrupted():
        decide(warehouse)
    assert recorded() == [("release", CFO)] and not january(warehouse)
    assert verify(Ledger.open(deployment.ledger_path())).unsealed_decisions == 1
    assert warehouse.published("select count(*) from kpi.decisions") == [(0,)]
    completed = warehouse.release(*SPAN)
    assert not completed.held and january(warehouse) == [(-100.0, None, None)]
    assert warehouse.published("select sequence from kpi.decisions") == [(completed.sequence,)]
    assert warehouse.release(*SPAN).release_id is None


@pytest.mark.parametrize(("decision", "period"), [("release", "2026-01"), ("reject", "2026-01"), ("review", None)])
def test_a_crash_between_decision_and_release_is_completed_by_the_same_decision_again(
    warehouse: Warehouse, decision: str, period: str | None
) -> None:
    with interrupted():
        decide(warehouse, decision, period)
    assert warehouse.published("select count(*) from kpi.decisions") == [(0,)]
    decided = decide(warehouse, decision, period)
    assert recorded() == [(decision, CFO)]
    assert (decided.published, decided.overrides) == (decision == "release", None)
    assert january(warehouse) == ([(-100.0, None, None)] if decision == "release" else [])
    columns = "decision_id, decision, checks, sequence"
    assert warehouse.published(f"select {columns} from kpi.decisions") == [
        (decided.decision_ids[0], decision, ", ".join(decided.checks), decided.release.sequence)
    ]
    assert verify(Ledger.open(deployment.ledger_path())).unsealed_decisions == 0


def test_an_interrupted_decision_on_another_candidate_is_recorded_again(warehouse: Warehouse) -> None:
    with interrupted():
        decide(warehouse)
    rebuilt(warehouse, cells(-50, SE=-50))
    assert decide(warehouse).published
    assert recorded() == [("release", CFO)] * 2 and january(warehouse) == [(-50.0, None, None)]


def test_a_crash_between_release_and_publication_is_completed_by_the_same_decision_again(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(duckdb_file, "build", crash)
        decide_and_render(warehouse)
    assert not january(warehouse)
    with pytest.raises(NyckeltalError, match="nothing is held for revenue 2026-01; it was released"):
        decide_and_render(warehouse)
    assert january(warehouse) == [(-100.0, None, None)]


def test_what_cannot_be_rendered_after_a_decision_says_that_the_decision_is_recorded(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise NyckeltalError("the published file can't be written")

    message = "the decision is recorded and released, but what people read isn't up to date yet.* can't be written"
    with monkeypatch.context() as patch, pytest.raises(NyckeltalError, match=message):
        patch.setattr(duckdb_file, "build", full)
        decide_and_render(warehouse)
    assert recorded() == [("release", CFO)] and not january(warehouse)
    publishing.publish()
    assert january(warehouse) == [(-100.0, None, None)]


def test_only_one_of_two_concurrent_decisions_is_recorded(warehouse: Warehouse) -> None:
    start = Barrier(2)

    def decide_at_once(by: str) -> str:
        start.wait()
        try:
            return decide(warehouse, by=by).decided_by
        except NyckeltalError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(decide_at_once, [CFO, "controller"]))
    winner = next(name for name in answers if name in (CFO, "controller"))
    (refusal,) = [text for text in answers if text != winner]
    assert refusal.startswith(f"nothing is held for revenue 2026-01; it was released: {winner} did on 2026-03-06")
    assert recorded() == [("release", winner)] and january(warehouse) == [(-100.0, None, None)]


def test_who_may_decide(warehouse: Warehouse) -> None:
    refused(
        warehouse, r"roles.yml: by: may not decide for finance; found 'root'; expected cfo@example.com or", by="root"
    )
    refused(warehouse, "may not decide for finance", by="chro@example.com")
    refused(warehouse, "may not decide for finance", by=" ")
    nobody = replace(warehouse.company, roles=Roles())
    with pytest.raises(NyckeltalError, match="nobody may decide for finance: there is no such file"):
        decisions.decide(nobody, warehouse.catalog, "release", "revenue", "2026-01", reason="r", by=CFO)
    roles = Roles(decides={"default": ("ceo",), "people": ("chro",)})
    assert (roles.deciders("people"), roles.deciders("finance")) == (("chro",), ("ceo",))


def test_an_impossible_decision_is_an_error_and_not_recorded(warehouse: Warehouse) -> None:
    refused(warehouse, "needs a reason", reason=" \n")
    refused(warehouse, "too long; found '1001 characters'; expected 1000 at most", reason="x" * 1001)
    refused(warehouse, "no KPI 'revenu' is adopted .did you mean 'revenue'", kpi_id="revenu")
    refused(warehouse, "there is no such period", period="January")
    refused(warehouse, "'release' needs a period", period=None)
    refused(warehouse, "is not published weekly", period="2026-W04")
    refused(warehouse, "hasn't ended", period="2026-03")
    refused(warehouse, "nothing is held for revenue 2026-02$", period="2026-02")
    refused(warehouse, "nothing is held for revenue 2026-02$", "reject", period="2026-02")
    decide(warehouse, "reject")
    refused(warehouse, "was rejected already: cfo@example.com did on 2026-03-06 .credits", "reject", by="controller")
    warehouse.batch = "batch2"
    warehouse.add(kpi(), {**GOOD, "2026-01": cells(-1, SE=-1)})
    refused(warehouse, "can't be decided on: the candidate is not the one that was judged; `kpi run --period 2026-01`")
    # February was built anew as well, and is as it was published.
    assert [(pending.time_period, pending.state) for pending in held(warehouse)] == [("2026-01", "judge again")]
    warehouse.add(kpi(), {**GOOD, "2026-01": cells(-1, SE=-1), "2026-02": cells(1, SE=1)})
    # No verdict holds February; a run judges it.
    assert [pending.time_period for pending in held(warehouse)] == ["2026-01"]


def test_nothing_is_decided_on_a_damaged_ledger_or_one_that_is_ahead(warehouse: Warehouse) -> None:
    warehouse.now("2026-03-04T06:00:00")
    refused(warehouse, "clock is before the newest release")
    warehouse.judge(*SPAN)  # an older warehouse, put back
    warehouse.now("2026-03-06T06:00:00")
    refused(warehouse, "the ledger holds a newer verdict on revenue 2026-01")
    warehouse.judge(*SPAN)
    (part,) = (Path(deployment.ledger_path()) / "verdicts").glob("*.parquet")
    part.unlink()
    refused(warehouse, "differs from what was released")


def test_a_pending_protected_kpi_shows_only_names_and_outcomes(warehouse: Warehouse) -> None:
    def people(se: int, no: int) -> list[dict[str, Any]]:
        return [{**row, "n_persons_numerator": int(row["obs_value"])} for row in cells(se + no, SE=se, NO=no)]

    staff = kpi("staff", protected=True, unit="persons", kind="stock", domain="people", upper_bound=50.0)
    warehouse.add(staff, {"2026-01": people(33, 44)})
    warehouse.judge(*SPAN)
    (pending,) = [
        pending for pending in held(warehouse) if pending.kpi_id == "staff" and pending.time_period == "2026-01"
    ]
    assert pending.state == "decide" and [check.check for check in pending.checks] == ["bounds"]
    assert (pending.published_value, pending.candidate_value, pending.change) == (None, None, None)
    assert not any(figure in str(pending.checks) for figure in ("33", "44", "77"))
    kpi_and_name = {"kpi_id": "staff", "by": "chro@example.com"}
    refused(warehouse, "must not contain figures", reason="77 persons are right", **kpi_and_name)
    assert decide(warehouse, reason="a merger", **kpi_and_name).published
    query = "select reason, checks from kpi.decisions where kpi_id = 'staff'"
    assert warehouse.published(query) == [("a merger", "bounds")]


def test_a_release_that_fails_says_that_the_decision_is_recorded(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise NyckeltalError("the disk is full")

    with monkeypatch.context() as patch, pytest.raises(NyckeltalError, match="is recorded, but not published yet"):
        patch.setattr(release, "release", full)
        decide(warehouse)
    assert recorded() == [("release", CFO)]
    assert not warehouse.release(*SPAN).held


def test_a_review_is_recorded_by_the_owner_or_who_decides(warehouse: Warehouse) -> None:
    refused(warehouse, "is of the KPI, not of a period", "review")
    refused(warehouse, "a review needs an outcome", "review", period=None, outcome=None)
    refused(warehouse, "only a review has an outcome", outcome="keep")
    refused(warehouse, "may not review revenue", "review", period=None, by="chro@example.com")
    owned = kpi(owner="owner@example.com")
    warehouse.kpis = [owned]
    decided = decide(warehouse, "review", None, by="owner@example.com", reason="target raised")
    assert not decided.keys and not decided.published
    query = "select decision, outcome, time_period, checks, reason, decided_by from kpi.decisions"
    assert warehouse.published(query) == [("review", "keep", None, "", "target raised", "owner@example.com")]
    assert [pending.state for pending in held(warehouse)] == ["decide"]  # it says nothing on held values

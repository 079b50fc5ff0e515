"""Two companies that differ in hidden cells only publish the same, to the last byte of a page, a chart or an answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from metrics.core import deployment
from publishing import mcp_server
from publishing.analysis import leads, suggested_target, watch
from publishing.answers import objectives, reviews, why
from publishing.site import month_report
from tests import warehouse_factory
from tests.warehouse_factory import kpi

MONTHS = [f"{2025 + place // 12}-{place % 12 + 1:02}" for place in range(13)]
KPIS = [
    kpi("staff", protected=True, unit="persons", kind="stock", domain="people", target=30.0),
]
# By month the persons in SE, NO and DK: in the last months SE has fewer than five, so that another one is hidden too.
OPEN, FIRST, SECOND = (6, 10, 20), (3, 10, 20), (2, 11, 20)
_OF_THE_RUN = re.compile(
    r"[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}|rel_\w+|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*\S*"
)


def people(counts: tuple[int, int, int]) -> list[dict[str, Any]]:
    members = dict(zip(("SE", "NO", "DK"), counts, strict=True))
    rows = {("_T", "_T"): sum(counts)} | {("country", name): count for name, count in members.items()}
    return [
        {"segment": segment, "member": member, "obs_value": float(n), "n_obs": n, "n_persons_numerator": n}
        for (segment, member), n in rows.items()
    ]


def published(folder: Path, hidden: tuple[int, int, int]) -> dict[str, str]:
    """All that can be read of the company: every table, every page, and the answers to every question, as texts."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(folder, patch)
        warehouse.now("2026-02-20T06:00:00")
        months = {code: people(hidden if code >= "2025-10" else OPEN) for code in MONTHS}
        warehouse.add(KPIS[0], months)
        warehouse.judge("2025-01-01", "2026-01-31")
        warehouse.publish("2025-01-01", "2026-01-31")
        texts = {}
        with duckdb.connect(str(deployment.published_path()), read_only=True) as connection:
            tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'kpi'").fetchall()
            for (table,) in tables:
                texts[table] = str(sorted(map(str, connection.execute(f"from kpi.{table}").fetchall())))
        for page in sorted(deployment.site_path().parent.rglob("*.html")):
            texts[page.name] = page.read_text(encoding="utf-8")
        answers: list[Any] = [why.why_it_moved("staff", "2025-10", against) for against in ("previous", "year_ago")]
        answers += [why.why_it_moved("staff", "2026-01", "target"), watch.watch(), leads.leads("staff", of_all=True)]
        answers += [
            suggested_target.suggest_target("staff"),
            objectives.answer(),
            month_report.read("", "en").as_answer(),
        ]
        answers += [mcp_server.series("staff", segment="country", member=member) for member in ("SE", "NO", "DK")]
        answers += [reviews.review("staff", day) for day in [objectives.answer()["published_on"]]]
        texts |= {f"answer {number}": str(answer) for number, answer in enumerate(answers)}
        return {name: _OF_THE_RUN.sub("…", text) for name, text in texts.items()}


def test_hidden_cells_change_nothing_that_is_published(tmp_path: Path) -> None:
    first, second = (published(tmp_path / str(counts[0]), counts) for counts in (FIRST, SECOND))
    assert first.keys() == second.keys() and len(first) > 20
    assert {name for name in first if first[name] != second[name]} == set()
    assert any("suppressed" in text for name, text in first.items() if name.endswith(".html"))

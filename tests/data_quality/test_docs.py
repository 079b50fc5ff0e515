"""The pages on verdicts: their content, that they need no network, and show no figures of persons."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from data_quality import pages
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog
from orchestration.cli.app import app
from tests import warehouse_factory
from tests.warehouse_factory import Warehouse, cells, kpi


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    return warehouse_factory.make(tmp_path, monkeypatch)


def text(page: Path) -> str:
    """The visible text, without tags and styles; white space is collapsed."""
    html = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page.read_text(), flags=re.DOTALL)
    return " ".join(unescape(html).split())


def test_docs_do_not_wait_for_a_run_and_do_not_write_the_warehouse(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.add(kpi("revenue"), {"2026-01": cells(7, SE=7)})
    warehouse.judge("2026-01-01", "2026-01-31")
    monkeypatch.setattr(Catalog, "read", lambda _: warehouse.catalog)
    with FileLock(warehouse.path.parent / "run.lock"):
        refused = CliRunner().invoke(app, ["docs"])
    assert isinstance(refused.exception, NyckeltalError) and "another run is writing" in str(refused.exception)
    assert not (warehouse.path.parent / "docs").exists()
    warehouse.path.chmod(0o400)
    with duckdb.connect(str(warehouse.path), read_only=True):  # another configuration is refused meanwhile
        assert CliRunner().invoke(app, ["docs"]).exit_code == 0


def test_pages_show_the_findings(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NyckeltalError, match="judged nothing yet"):
        pages.write(warehouse.company, warehouse.catalog)
    staff = {"segment": "_T", "member": "_T", "obs_value": -37.0, "n_persons_numerator": 40}
    warehouse.add(kpi("revenue"), {"2026-01": cells(7, SE=7), "2026-02": cells(-5.25, SE=-5.25)})
    warehouse.add(kpi("staff", protected=True, additive_segments=False, segments=()), {"2026-02": [staff]})
    warehouse.judge("2026-01-01", "2026-02-28")
    monkeypatch.setattr(Catalog, "read", lambda _: warehouse.catalog)
    (warehouse.path.parent / "docs").mkdir()
    (warehouse.path.parent / "docs" / "old.html").write_text("of an earlier time")
    result = CliRunner().invoke(app, ["docs"])
    folder = warehouse.path.parent / "docs"
    assert result.output == f"Written: {folder / 'index.html'}\n"
    assert sorted(page.name for page in folder.iterdir()) == ["index.html", "revenue.html", "staff.html"]
    assert folder.stat().st_mode & 0o077 == 0
    assert not re.search(r"https?://|<script", "".join(page.read_text() for page in folder.iterdir()))
    assert "Revenue finance 2026-02 1 0 0 1" in text(folder / "index.html")
    assert 'href="staff.html"' in (folder / "index.html").read_text()
    revenue = text(folder / "revenue.html")
    assert "1 held , 0 released , 0 flagged , 1 passed" in revenue
    assert "✗ bounds Every value is a number within the bounds of its definition. 2026-02 held: bounds" in revenue
    assert re.search(r"no upper bound[^✗✓]* 2 1 [✗✓]", revenue)  # of two periods one fails
    assert "2026-02 held: bounds (2, limit 0): 2 values outside 0.0 to no upper bound" in revenue
    people = text(folder / "staff.html")
    assert "2026-02 held: bounds: figures of a protected KPI stay in the warehouse" in people
    assert "37" not in people

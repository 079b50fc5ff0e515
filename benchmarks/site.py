"""`python -m benchmarks.site`: what the published file and the site cost for 200 KPIs and ten years, by part.

The ledger has one release: each KPI of the sample company's catalogue again and again under other ids, with its own
frequencies and one segment of nine members. Values rise, have a season and noise. `--data FOLDER` measures a
deployment's ledger instead. Seconds are of processor time, which other work on the machine changes least.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
from rich.console import Console

from benchmarks.ledger import schema_of, written_at
from data_quality.ledger.schemas import OBSERVATIONS, VERDICTS
from data_quality.ledger.store import Ledger
from metrics.core import deployment
from metrics.core.deployment import PROJECT
from metrics.core.periods import periods_between
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from publishing import duckdb_file, site

FIRST, LAST, KPIS, MEMBERS = date(2016, 11, 1), date(2026, 10, 31), 200, 9


def main() -> None:
    """Measure what the arguments ask for, and print it as JSON."""
    parser = argparse.ArgumentParser(description="What the published file and the site cost.")
    parser.add_argument("--data", type=Path, help="the data folder of a deployment, which is only read")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="nyckeltal-bench-") as name,
        patch.dict("os.environ", NYCKELTAL_DATA_DIR=name),
    ):
        root = given.data / "ledger" if given.data else Path(deployment.ledger_path())
        if not given.data:
            _make(str(root), Catalog.read(Company.load(PROJECT / "sample_company")))
        Console().print_json(json.dumps(measured(str(root), Path(name) / "out")))


def measured(root: str, out: Path) -> dict[str, Any]:
    """Processor seconds and MiB of the published file and of the site in both languages."""
    out.mkdir()
    result: dict[str, Any] = {}

    def timed(name: str, action: Callable[[], Any]) -> Any:
        began = time.process_time()
        value = action()
        result[f"{name}_seconds"] = round(time.process_time() - began, 1)
        return value

    ledger = Ledger.open(root, make=False)
    assert ledger.newest is not None
    path = out / "published.duckdb"
    timed("file", lambda: duckdb_file.build(ledger, path))
    result["file_mib"] = round(path.stat().st_size / 2**20, 1)
    catalog = duckdb_file.newest_catalog(ledger)
    for code in ("en", "sv"):
        pages = timed(f"site_{code}", partial(_pages, catalog, path, code))
        result[f"site_{code}_mib"] = round(sum(len(text.encode()) for text in pages.values()) / 2**20, 1)
    return {"kpis": len(catalog.kpis), "values": ledger.newest["n_observations"], "pages": len(pages), **result}


def _pages(catalog: Catalog, path: Path, code: str) -> dict[str, str]:
    return dict(site.render(catalog, path, code))


def _make(root: str, catalog: Catalog) -> None:
    """A ledger with the one release."""
    kpis = [
        kpi.model_copy(update={"kpi_id": f"{kpi.kpi_id}_{number}", "name": f"{kpi.name} {number}"})
        for number in range(1 + KPIS // len(catalog.kpis))
        for kpi in catalog.kpis
    ][:KPIS]
    content = catalog.model_copy(update={"kpis": tuple(kpis), "identities": ()})
    randoms = random.Random(20261031)
    rows = [row for kpi in kpis for row in _rows(kpi, randoms)]
    judged = [
        {
            **{name: row[name] for name in ("kpi_id", "freq", "time_period", "candidate_hash", "definition_hash")},
            "verdict": "publish",
            "checks": "[]",
            "judged_at": written_at(LAST),
        }
        for row in rows
        if row["segment"] == "_T"
    ]
    Ledger.open(root).append(
        pa.Table.from_pylist(rows, schema=schema_of(OBSERVATIONS)),
        pa.Table.from_pylist(judged, schema=schema_of(VERDICTS)),
        realtime_start=LAST, published_at=written_at(LAST), catalog=content.definitions_json, batch_id="benchmark",
    )  # fmt: skip


def _rows(kpi: CatalogKpi, randoms: random.Random) -> Iterator[dict[str, Any]]:
    for freq in kpi.freqs:
        for place, period in enumerate(periods_between(freq, FIRST, LAST)):
            season = 1 + 0.1 * math.sin(period.start.timetuple().tm_yday / 58)
            for member in range(MEMBERS + 1):
                size = 1.0 if member == 0 else 1 / MEMBERS
                level = 0.3 * (1 + place / 1000) if kpi.unit == "fraction" else 1000.0 * (1 + place / 100)
                yield {
                    "kpi_id": kpi.kpi_id, "freq": freq, "time_period": period.code,
                    "period_start": period.start, "period_end": period.end,
                    "segment": "country" if member else "_T", "member": f"M{member}" if member else "_T",
                    "obs_value": level * size * season * randoms.gauss(1, 0.03), "n_obs": 100,
                    "candidate_hash": "0", "definition_hash": kpi.definition_hash,
                    "definition_version": kpi.definition_version, "obs_status": "A", "conf_status": "F",
                }  # fmt: skip


if __name__ == "__main__":
    main()

"""That other versions of DuckDB read the published file as this one does. Needs their clients: `make clients`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metrics.core import deployment
from tests import read_published, warehouse_factory
from tests.warehouse_factory import cells, kpi

CLIENTS = sorted(Path(os.environ.get("NYCKELTAL_OLD_CLIENTS", "no clients")).glob("*.*.*"))
MONTHS = {"2026-01": cells(100, SE=75, NO=25), "2026-02": cells(110, SE=80, NO=30)}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file of two releases."""
    with pytest.MonkeyPatch.context() as patch:
        warehouse = warehouse_factory.make(tmp_path_factory.mktemp("clients"), patch)
        warehouse.add(kpi(), MONTHS)
        warehouse.judge("2026-01-01", "2026-02-28")
        warehouse.publish("2026-01-01", "2026-01-31")
        warehouse.now("2026-03-06 06:00")
        warehouse.publish("2026-02-01", "2026-02-28")
        return deployment.published_path()


def test_this_version_reads_every_row_and_comment(file: Path) -> None:
    content: Any = read_published.read(str(file))
    assert content["rows"]["vintages"][0] == 6 and content["as_of"]["'2026-03-05'"][0] == 3
    assert content["as_of"]["'2026-03-04'"][0] == 0
    for kind in ("columns", "tables", "views", "macro"):
        assert content[kind] and all(row[-1] for row in content[kind])


@pytest.mark.skipif(not CLIENTS, reason="needs NYCKELTAL_OLD_CLIENTS: see `make clients`")
@pytest.mark.parametrize("client", CLIENTS, ids=lambda path: path.name)
def test_other_versions_read_the_same(file: Path, client: Path) -> None:
    read = subprocess.run(
        [sys.executable, str(Path(read_published.__file__)), str(file)],
        env={**os.environ, "PYTHONPATH": str(client)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert read.returncode == 0, read.stderr
    content = json.loads(read.stdout)
    assert content.pop("version") == client.name
    expected = json.loads(json.dumps(read_published.read(str(file))))
    del expected["version"]
    assert content == expected
    assert not Path(f"{file}.wal").exists()

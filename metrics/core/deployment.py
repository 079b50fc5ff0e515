"""The paths of this deployment's stores, which `NYCKELTAL_*` variables set, and the project's folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from metrics.core.errors import NyckeltalError

PROJECT = Path(__file__).resolve().parents[2]


def data_dir() -> Path:
    """The folder of this deployment's stores (`NYCKELTAL_DATA_DIR`, default data/ of the project)."""
    return Path(os.environ.get("NYCKELTAL_DATA_DIR") or PROJECT / "data").resolve()


def source_dir() -> Path:
    """The folder that feed paths are relative to (`NYCKELTAL_SOURCE_DIR`, default sources/ of the data folder)."""
    return Path(os.environ.get("NYCKELTAL_SOURCE_DIR") or data_dir() / "sources").resolve()


def warehouse_path() -> Path:
    """The private DuckDB file with the schemas raw, staging, marts and kpi."""
    return data_dir() / "warehouse.duckdb"


def ledger_path() -> str:
    """The folder or object-store URL of the ledger's Delta tables (`NYCKELTAL_LEDGER`, default ledger/)."""
    return os.environ.get("NYCKELTAL_LEDGER") or str(data_dir() / "ledger")


def published_path() -> Path:
    """The public DuckDB file, in a folder of its own that holds only public files.

    It isn't named `kpi.duckdb`: DuckDB names the database after the file, so `kpi.observations` would be ambiguous.
    """
    return data_dir() / "published" / "published.duckdb"


def site_path() -> Path:
    """The first page of the site that people read in a browser."""
    return published_path().parent / "site" / "index.html"


def site_url() -> str | None:
    """The address under which the site's folder is served (`NYCKELTAL_SITE_URL`), without a slash at the end; or None.

    Raises NyckeltalError for a text that is no web address.
    """
    url = os.environ.get("NYCKELTAL_SITE_URL") or None
    if url is not None and not re.fullmatch(r"https?://[^\s<>\"]+", url):
        raise NyckeltalError(
            "is no web address", field="NYCKELTAL_SITE_URL", found=url, expected="one such as https://kpi.example/site"
        )
    return url.rstrip("/") if url else None


def memory_limit() -> str:
    """What DuckDB may hold in memory while models are built (`NYCKELTAL_MEMORY_LIMIT`, default 1GiB), such as "512MiB".

    Raises NyckeltalError for a text that is no size, or a size in which no model can be built.
    """
    limit = os.environ.get("NYCKELTAL_MEMORY_LIMIT") or "1GiB"
    size = re.fullmatch(r"(\d+(?:\.\d+)?) ?([MGT])i?B", limit)
    if size is None or float(size[1]) * {"M": 1, "G": 1024, "T": 1024**2}[size[2]] < 16:
        problem, expected = "is no size, or too small", "16MiB or more, such as 512MiB or 4GiB"
        raise NyckeltalError(problem, field="NYCKELTAL_MEMORY_LIMIT", found=limit, expected=expected)
    return limit


def parquet_path() -> Path:
    """The folder of the published tables as Parquet files."""
    return published_path().parent / "parquet"


def former_published_path() -> Path:
    """The path of the published file in earlier versions of the project; the next rendering removes that file."""
    return data_dir() / "published.duckdb"

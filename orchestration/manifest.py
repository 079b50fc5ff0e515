"""A prepared dbt manifest: parsed again only when a file that it is made from has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from metrics import dbt_project
from metrics.company import Company


def prepared_manifest(company: Company) -> Path:
    """The path of an up-to-date `manifest.json` for that company.

    Raises NyckeltalError when dbt can't parse the project.
    """
    target = dbt_project.target_dir(company)
    manifest, stamp = target / "manifest.json", target / "manifest.stamp"
    current = _fingerprint(company)
    if not (manifest.exists() and stamp.exists() and stamp.read_text() == current):
        dbt_project.parse(company)
        stamp.write_text(current)
    return manifest


def _fingerprint(company: Company) -> str:
    roots = (dbt_project.DBT_PROJECT, company.path / "models", company.path / "compiled")
    files = sorted(path for root in roots for path in root.rglob("*") if path.suffix in (".sql", ".yml"))
    described = "\n".join(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in files)
    return hashlib.sha256(described.encode()).hexdigest()

"""What a run needs of the project's files: dbt's manifest, and compiled files that are what the definitions say.

Both are made, or looked at, again only when a file that they are made from has changed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from metrics.core.deployment import PROJECT
from metrics.definitions import input_entities
from metrics.definitions.company import Company
from orchestration.dbt import project

_MADE_FROM = (".json", ".py", ".sql", ".yml")


def prepared_manifest(company: Company) -> Path:
    """The path of an up-to-date `manifest.json` for that company.

    Raises NyckeltalError when dbt can't parse the project, or staging files came or went since `kpi compile`.
    """
    target = project.target_dir(company)
    manifest, stamp = target / "manifest.json", target / "manifest.stamp"
    folders = (company.path / name for name in ("models", "macros", "tests", "compiled"))
    current = _fingerprint(project.DBT_PROJECT, *folders)
    if not (manifest.exists() and _is_stamped(stamp, current)):
        input_entities.require_current(company)
        project.parse(company)
        stamp.write_text(current)
    return manifest


def require_compiled(company: Company) -> None:
    """Raises NyckeltalError unless every compiled file is what the definitions and models say, and those are reviewed.

    So no value is published under a hash of which its SQL isn't.
    """
    stamp = project.target_dir(company) / "compiled.stamp"
    folders = (company.path / name for name in ("compiled", "feeds", "kpis", "macros", "models"))
    current = _fingerprint(project.DBT_PROJECT, PROJECT / "metrics", *folders, *company.path.glob("*.yml"))
    if not _is_stamped(stamp, current):
        from metrics import compiled_folder  # MetricFlow takes a second to import
        from orchestration.dbt.planning import planned
        from orchestration.dbt.released import anything_released

        files = compiled_folder.compile_company(company, planned(company), released=anything_released())
        compiled_folder.require_current(company, files)
        stamp.write_text(current)


def _is_stamped(stamp: Path, current: str) -> bool:
    return stamp.exists() and stamp.read_text() == current


def _fingerprint(*roots: Path) -> str:
    """Of the files of those folders, and of those that are files, when they were written and how large they are."""
    found = {path for root in roots for path in (root, *root.rglob("*"))}
    files = sorted(path for path in found if path.suffix in _MADE_FROM and path.is_file())
    described = "\n".join(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in files)
    return hashlib.sha256(described.encode()).hexdigest()

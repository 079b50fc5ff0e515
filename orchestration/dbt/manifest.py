"""Prepares what a run needs: an up-to-date dbt manifest, and compiled files that match the definitions.

Stamps in dbt's target folder save the work as long as the files that each depends on haven't changed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from metrics.core.deployment import PROJECT
from metrics.definitions import input_entities
from metrics.definitions.company import Company
from metrics.definitions.kpis.adopted import adopted_kpis
from orchestration.dbt import project

_CODE = PROJECT / "orchestration" / "dbt"
_INPUT_SUFFIXES = (".csv", ".json", ".md", ".py", ".sql", ".yaml", ".yml")


def prepared_manifest(company: Company) -> Path:
    """The path of the company's `manifest.json`, parsed anew if the project's files have changed.

    Raises NyckeltalError when dbt can't parse the project, or staging files came or went since `kpi compile`.
    """
    target = project.target_dir(company)
    manifest, stamp = target / "manifest.json", target / "manifest.stamp"
    current = project_fingerprint(company, company.path / "compiled")
    if not (manifest.exists() and is_stamped(stamp, current)):
        input_entities.require_current(company)
        project.parse(company)
        stamp.write_text(current)
    return manifest


def require_compiled(company: Company) -> None:
    """Raises NyckeltalError unless all compiled files match the definitions and models, and all definitions are
    reviewed.

    So a value is never published under the hash of another definition than the one that computed it.
    """
    stamp = project.target_dir(company) / "compiled.stamp"
    folders = (company.path / name for name in ("compiled", "feeds", "kpis", "macros", "models"))
    current = files_fingerprint(project.DBT_PROJECT, _CODE, PROJECT / "metrics", *folders, *company.path.glob("*.yml"))
    if not is_stamped(stamp, current):
        # Imported here because they import MetricFlow, which takes a second.
        from metrics import compiled_folder
        from metrics.company_plan import plan_company
        from orchestration.dbt.released import anything_released

        # A wrong compiled file may be in the parse. It is found, as the plan needs none but those of staging, whose
        # texts don't depend on it.
        plan = plan_company(company, adopted_kpis(company), prepared_manifest(company).parent)
        files = compiled_folder.compile_company(company, plan, released=anything_released())
        compiled_folder.require_current(company, files)
        stamp.write_text(current)


def is_stamped(stamp: Path, current: str) -> bool:
    """Whether the stamp was written for that state of the files."""
    return stamp.exists() and stamp.read_text() == current


def files_fingerprint(*roots: Path) -> str:
    """A hash of the paths, modification times and sizes of the input files among the roots and below them."""
    paths = {path for root in roots for path in (root, *root.rglob("*"))}
    files = sorted(path for path in paths if path.suffix in _INPUT_SUFFIXES and path.is_file())
    described = "\n".join(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in files)
    return hashlib.sha256(described.encode()).hexdigest()


def project_fingerprint(company: Company, *others: Path) -> str:
    """The same hash over what dbt parses for that company: files of the project and the company, and `others`."""
    folders = (company.path / name for name in ("models", "macros", "tests"))
    return files_fingerprint(project.DBT_PROJECT, _CODE, *folders, *others)

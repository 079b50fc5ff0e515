"""The input entities: which there are, which of them a company supplies, and the models of those that it lacks."""

from __future__ import annotations

from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError
from metrics.definitions.company import Company

CONTRACTS = PROJECT / "dbt_project" / "models" / "input"  # a folder for each domain, with a contract for each entity
_EMPTY = """\
-- The company has no models/staging/stg_{entity}.sql, so this entity is empty. Written by `kpi compile`.
{{{{ not_supplied() }}}}
"""


def entities() -> list[str]:
    """Every input entity by its name, sorted."""
    return sorted(file.stem for file in CONTRACTS.glob("*/*.yml"))


def lacking(company: Company) -> list[str]:
    """The input entities for which the company has no staging model, sorted."""
    models = {file.stem for file in (company.path / "models").rglob("stg_*") if file.suffix in (".sql", ".py")}
    return [entity for entity in entities() if f"stg_{entity}" not in models]


def empty_models(company: Company) -> dict[str, str]:
    """The text of a model without rows for each entity that the company lacks, by its path in the compiled folder."""
    return {f"staging/stg_{entity}.sql": _EMPTY.format(entity=entity) for entity in lacking(company)}


def require_current(company: Company) -> None:
    """Raises NyckeltalError when the compiled folder has other empty models than the company needs.

    An entity would then have two models, or none, and dbt would read neither.
    """
    folder = company.path / "compiled"
    there = {file.relative_to(folder).as_posix() for file in folder.glob("staging/stg_*.sql")}
    if differing := sorted(there ^ set(empty_models(company))):
        raise NyckeltalError(
            f"the company's staging files have changed since the last `kpi compile` ({', '.join(differing)});"
            " run it again",
            file=folder,
        )

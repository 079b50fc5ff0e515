"""Identities between KPIs: equations and inequalities that their totals must satisfy in every period.

For example, a part is at most its whole. The project's identities are true for every company and apply where it has
adopted all KPIs that they name. A company adds its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from metrics.core import yaml_file
from metrics.core.errors import NyckeltalError, Problems, did_you_mean
from metrics.core.yaml_file import Strict
from metrics.definitions.company import DEFINITIONS, Company

NUMBERS = ("obs_value", "numerator", "denominator", "n_obs")
_TERM = re.compile(r"([+-]?)\s*([a-z][a-z0-9_]*)(?:\.([a-z_]+))?\s*")


class IdentityEntry(Strict):
    """What must hold between the totals of KPIs in every period, by a name."""

    holds: str = Field(
        description="`<terms> = <terms>` or `<terms> <= <terms>`. Terms are KPIs, added or subtracted. `<kpi>` is its"
        " value; `<kpi>.numerator`, `<kpi>.denominator` and `<kpi>.n_obs` are the numbers behind the value."
    )
    why: str = Field(min_length=10, description="Why it must hold.")


class IdentitiesFile(Strict):
    """What must hold between KPIs. Where one fails, all KPIs that it names are held."""

    identities: dict[str, IdentityEntry] = Field(description="The identities, by name.")


class Term(BaseModel):
    """A number of a KPI's total, added (`sign` 1) or subtracted (`sign` -1)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kpi_id: str
    number: Literal["obs_value", "numerator", "denominator", "n_obs"]
    sign: int


class Identity(BaseModel):
    """The sum of the `left` terms equals the sum of the `right` terms, or with `<=` is at most that sum."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    holds: str
    why: str
    relation: Literal["=", "<="]
    left: tuple[Term, ...]
    right: tuple[Term, ...]

    @property
    def kpis(self) -> tuple[str, ...]:
        """The ids of the KPIs that it names, each once."""
        return tuple(dict.fromkeys(term.kpi_id for term in (*self.left, *self.right)))


def identities(company: Company, adopted: Sequence[str], redefined: Collection[str] = ()) -> tuple[Identity, ...]:
    """The project's identities between KPIs that the company has adopted, and the company's own.

    `adopted` are the ids of the adopted KPIs. The project's identities don't hold for `redefined` KPIs, whose standard
    definition the company has replaced by its own. Raises Problems, with file and line, for an identity that can't be
    read or that names an unknown KPI.
    """
    standard_kpis = sorted(file.stem for file in DEFINITIONS.glob("*/*.yml"))
    company_file = company.path / "kpis" / "identities.yml"
    applicable = [
        identity
        for identity in _read(DEFINITIONS / "identities.yml", standard_kpis)
        if set(identity.kpis) <= set(adopted) - set(redefined)
    ]
    return tuple(applicable + (_read(company_file, adopted) if company_file.exists() else []))


def _read(file: Path, kpi_ids: Sequence[str]) -> list[Identity]:
    entries = yaml_file.load(file, IdentitiesFile).identities
    document = yaml_file.read(file)
    identities_read: list[Identity] = []
    findings: list[NyckeltalError] = []
    for name, entry in entries.items():
        try:
            identities_read.append(_parsed(name, entry, kpi_ids))
        except NyckeltalError as error:
            line = yaml_file.line_of(document, ("identities", name, "holds"))
            findings.append(
                NyckeltalError(
                    error.problem,
                    file=file,
                    line=line,
                    field=f"identities.{name}.holds",
                    found=error.found,
                    expected=error.expected,
                )
            )
    if findings:
        raise Problems(findings)
    return identities_read


def _parsed(name: str, entry: IdentityEntry, kpi_ids: Sequence[str]) -> Identity:
    sides = re.split(r"(<=|=)", entry.holds)
    if len(sides) != 3:
        raise NyckeltalError("doesn't compare two sides", found=entry.holds, expected="one = or <=")
    left, right = (_terms(side, kpi_ids) for side in (sides[0], sides[2]))
    return Identity(
        name=name, holds=entry.holds, why=entry.why, relation="=" if sides[1] == "=" else "<=", left=left, right=right
    )


def _terms(side: str, kpi_ids: Sequence[str]) -> tuple[Term, ...]:
    text = side.strip()
    terms: list[Term] = []
    position = 0
    while position < len(text) or not terms:
        match = _TERM.match(text, position)
        if match is None or (terms and not match[1]):
            raise NyckeltalError(
                "is not a sum of KPIs", found=text, expected="a sum such as net_revenue - return_rate.numerator"
            )
        sign, kpi_id, number = match[1], match[2], match[3] or "obs_value"
        if kpi_id not in kpi_ids:
            raise NyckeltalError(f"there is no KPI '{kpi_id}'{did_you_mean(kpi_id, kpi_ids)}", found=text)
        if number not in NUMBERS:
            hint = did_you_mean(number, NUMBERS)
            raise NyckeltalError(f"a KPI has no '{number}'{hint}", found=text, expected=", ".join(NUMBERS))
        terms.append(Term.model_validate({"kpi_id": kpi_id, "number": number, "sign": -1 if sign == "-" else 1}))
        position = match.end()
    return tuple(terms)

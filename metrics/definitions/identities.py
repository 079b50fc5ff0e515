"""Identities between KPIs: what must hold of their totals in every period, such as a part that isn't above its whole.

The project's are true of every company, and hold where it has adopted the KPIs that they name; a company adds its own.
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


class Stated(Strict):
    """What must hold between the totals of KPIs in every period, by a name."""

    holds: str = Field(
        description="`<terms> = <terms>` or `<terms> <= <terms>`. Terms are KPIs, added and subtracted;"
        " `kpi.numerator`, `kpi.denominator` and `kpi.n_obs` are what is behind a value."
    )
    why: str = Field(min_length=10, description="Why it must hold.")


class IdentitiesFile(Strict):
    """What must hold between KPIs. Where one fails, all KPIs that it names are held."""

    identities: dict[str, Stated] = Field(description="The identities, by name.")


class Term(BaseModel):
    """A number of a KPI's total, taken `sign` times (1 or -1)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kpi_id: str
    number: Literal["obs_value", "numerator", "denominator", "n_obs"]
    sign: int


class Identity(BaseModel):
    """The sum of the `left` terms is the sum of the `right` ones, or with `<=` not above it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    holds: str
    why: str
    relation: Literal["=", "<="]
    left: tuple[Term, ...]
    right: tuple[Term, ...]

    @property
    def kpis(self) -> tuple[str, ...]:
        """The KPIs that it names, each once."""
        return tuple(dict.fromkeys(term.kpi_id for term in (*self.left, *self.right)))


def identities(company: Company, adopted: Sequence[str], redefined: Collection[str] = ()) -> tuple[Identity, ...]:
    """The project's identities between KPIs that the company has adopted, and the company's own.

    The project's say nothing of `redefined` KPIs, whose standard definition the company has replaced by its own.
    Raises Problems with file and line for what can't be read, or names a KPI that there isn't.
    """
    standard = sorted(file.stem for file in DEFINITIONS.glob("*/*.yml"))
    own = company.path / "kpis" / "identities.yml"
    found = _read(DEFINITIONS / "identities.yml", standard)
    found = [one for one in found if set(one.kpis) <= set(adopted) - set(redefined)]
    return tuple(found + (_read(own, adopted) if own.exists() else []))


def _read(file: Path, known: Sequence[str]) -> list[Identity]:
    stated = yaml_file.load(file, IdentitiesFile).identities
    document = yaml_file.read(file)
    found: list[Identity] = []
    findings: list[NyckeltalError] = []
    for name, entry in stated.items():
        try:
            found.append(_parsed(name, entry, known))
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
    return found


def _parsed(name: str, entry: Stated, known: Sequence[str]) -> Identity:
    sides = re.split(r"(<=|=)", entry.holds)
    if len(sides) != 3:
        raise NyckeltalError("compares no two sides", found=entry.holds, expected="one = or <=")
    left, right = (_terms(side, known) for side in (sides[0], sides[2]))
    return Identity(
        name=name, holds=entry.holds, why=entry.why, relation="=" if sides[1] == "=" else "<=", left=left, right=right
    )


def _terms(side: str, known: Sequence[str]) -> tuple[Term, ...]:
    text = side.strip()
    terms: list[Term] = []
    at = 0
    while at < len(text) or not terms:
        match = _TERM.match(text, at)
        if match is None or (terms and not match[1]):
            raise NyckeltalError(
                "is no sum of KPIs", found=text, expected="such as net_revenue - return_rate.numerator"
            )
        sign, kpi_id, number = match[1], match[2], match[3] or "obs_value"
        if kpi_id not in known:
            raise NyckeltalError(f"there is no KPI '{kpi_id}'{did_you_mean(kpi_id, known)}", found=text)
        if number not in NUMBERS:
            hint = did_you_mean(number, NUMBERS)
            raise NyckeltalError(f"a KPI has no '{number}'{hint}", found=text, expected=", ".join(NUMBERS))
        terms.append(Term.model_validate({"kpi_id": kpi_id, "number": number, "sign": -1 if sign == "-" else 1}))
        at = match.end()
    return tuple(terms)

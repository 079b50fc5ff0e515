"""KPI definitions: their content, the project's standard definitions, and KPIs that a company has adopted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from metrics.core import yaml_file
from metrics.core.errors import NyckeltalError, Problems, not_adopted
from metrics.core.periods import DURATION, Freq, parse
from metrics.core.yaml_file import Strict
from metrics.definitions.company import DEFINITIONS, Company
from metrics.definitions.kpis.adoption import Adoption
from metrics.definitions.kpis.gate_settings import GateSettings
from metrics.definitions.objectives import PERSPECTIVES

STANDARD_DEFINITIONS = DEFINITIONS
Entry = TypeVar("Entry", "Definition", "Adoption")


class Bounds(Strict):
    """The range of possible values of a KPI."""

    lower: float | None = Field(default=None, description="The least value.")
    upper: float | None = Field(default=None, description="The greatest value.")


class Dominance(Strict):
    """The (n,k) rule: a group counts as n persons if its n largest amounts could be more than the share k of its sum.

    The n largest have at most n times the largest share; that product is compared with k. Only the ratio of such a KPI
    is published, rounded, because sums and means of amounts reveal the number of persons. Its values are those of the
    last day of the period, and are published only for days between which enough persons joined or left. The shares are
    ratios to the sum of the amounts.
    """

    n: int = Field(ge=1, description="How many contributors; less than `threshold`.")
    k: float = Field(gt=0, lt=1, description="The share of the group's sum that they may have.")
    numerator: str = Field(description="The metric of the largest contributor's share of the numerator's sum.")
    denominator: str = Field(description="The metric of the largest contributor's share of the denominator's sum.")


class Persons(Strict):
    """The persons behind a KPI, for disclosure control. Required of a KPI that reads personnel data."""

    numerator: str | None = Field(
        default=None,
        description="The metric that counts the distinct persons behind the numerator, or behind the value. Leave it"
        " out if the numerator of a ratio isn't an amount of persons, such as revenue.",
    )
    denominator: str | None = Field(
        default=None,
        description="The metric that counts the distinct persons behind the denominator. Without it, they are assumed"
        " to be the numerator's persons. If a person can be in the numerator and in the rest of the denominator, as"
        " when each gives several answers, name a metric that counts the persons of the rest.",
    )
    nested: bool = Field(
        default=False,
        description="Whether the numerator's persons are a part of the denominator's. The other persons of the"
        " denominator are then protected, too.",
    )
    of: str | None = Field(
        default=None,
        description="The metric that counts a wider group, if other KPIs publish its number: all leavers, for example,"
        " where the numerator's persons are the voluntary leavers. The other persons of that group are then protected,"
        " too.",
    )
    threshold: int = Field(default=5, ge=3, description="The least number of persons behind a published value.")
    dominance: Dominance | None = Field(default=None, description="The rule for amounts, such as pay.")

    @model_validator(mode="after")
    def _counts_what_it_needs(self) -> Persons:
        if self.numerator is None and self.denominator is None:
            raise ValueError("name the metric that counts the persons of the numerator, of the denominator, or of both")
        if self.of and self.numerator is None:
            raise ValueError("of needs a numerator")
        if self.nested and None in (self.numerator, self.denominator):
            raise ValueError("nested needs a numerator and a denominator")
        if self.dominance and (self.dominance.n >= self.threshold or None in (self.numerator, self.denominator)):
            raise ValueError("dominance needs a numerator, a denominator, and an n below the threshold")
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all metrics that it uses."""
        metrics: tuple[str | None, ...] = (self.numerator, self.denominator, self.of)
        metrics += (self.dominance.numerator, self.dominance.denominator) if self.dominance else ()
        return tuple(metric for metric in metrics if metric)


class Label(Strict):
    """The name and description of a KPI in another language than the definition's, for people."""

    name: str = Field(description="Its name.")
    description: str = Field(description="What its value is, in a sentence.")


class Definition(Strict):
    """The standard definition of a KPI, the same for all companies. The folder is its domain."""

    kpi: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", description="Its id in code and tables, which is also the file's name."
    )
    name: str = Field(description="Its name for people.")
    description: str = Field(description="What its value is, in a sentence.")
    perspective: PERSPECTIVES = Field(description="The balanced scorecard's perspective, or sustainability.")
    kind: Literal["flow", "stock", "ratio", "distinct", "quantile", "index"] = Field(
        description="How its values combine: `flow` adds up over time and segments, `stock` over segments only; the"
        " others over neither."
    )
    unit: str = Field(
        description="`currency` (the reporting currency), `fraction` (0 to 1), `ratio`, `count`, `persons`, or any"
        " other unit, such as `hours`."
    )
    direction: Literal["up", "down", "band", "none"] = Field(
        description="`up`: more is better. `down`: less is better. `band`: neither too much nor too little. `none`:"
        " context only."
    )
    type: Literal["leading", "lagging"] = Field(
        description="`leading`: it changes before the results. `lagging`: it is a result."
    )
    metric: str = Field(description="The dbt metric that is its value.")
    n_obs: str = Field(description="The dbt metric that counts the observations behind a value.")
    freqs: tuple[Freq, ...] = Field(
        min_length=1,
        description="The frequencies at which it is meaningful: W week, M month, Q quarter, A calendar year.",
    )
    segments: tuple[str, ...] = Field(
        default=(), description="The segments that it can be cut by: entities or dimensions of its metric."
    )
    freq_dimension: str | None = Field(
        default=None,
        description="For facts with rows per month, per quarter and per year, such as the customers at a period's"
        " opening: the dimension that holds a row's frequency (M, Q or A). A period is computed from the rows of its"
        " own frequency, and has no values to date.",
    )
    additive_segments: bool | None = Field(
        default=None,
        description="Whether the members of a segment add up to the total. By default, those of a flow or stock do.",
    )
    bounds: Bounds = Field(default=Bounds(), description="The range of its possible values; a value outside is held.")
    persons: Persons | None = Field(
        default=None, description="The persons behind it. Required of a KPI that reads personnel data."
    )
    lookback: str | None = Field(
        default=None,
        pattern=DURATION,
        description="The history that a value needs before its period, such as `1 year`. An offset or window in the"
        " metric needs no mention.",
    )
    matures_after: str | None = Field(
        default=None,
        pattern=DURATION,
        description="For a cohort: how long after the period's end events still count, such as `90 days`. The value is"
        " provisional until then and for the working days of the calendar's `closes_after`.",
    )
    breaks: tuple[str, ...] = Field(
        default=(),
        description="The periods (`2026-01`, `2026-Q1`…) on whose first day the data's methodology changed.",
    )
    min_n_obs: int | None = Field(
        default=None,
        ge=0,
        description="The least number of observations behind a reliable value; with fewer, its `obs_status` is U (low"
        " reliability). By default 30 for ratios and quantiles, 0 for others.",
    )
    gate: GateSettings = Field(default_factory=dict, description="Checks that differ from their defaults, by name.")
    estimate: bool = Field(
        default=False,
        description="Whether its values are estimates by a model, such as a lifetime value: their `obs_status` is E.",
    )
    standard: str = Field(description="The standard or source that the definition follows.")
    definition_version: int = Field(
        ge=1, description="The version of the definition. Raise it with every change that may change values."
    )
    notes: str = Field(default="", description="What else a reader has to know.")
    labels: dict[str, Label] = Field(
        default_factory=dict, description="Its name and description by language, such as `sv`, for `kpi site --lang`."
    )

    @field_validator("breaks", mode="before")
    @classmethod
    def _are_periods(cls, value: Any) -> Any:
        codes = [str(code) for code in value] if isinstance(value, list | tuple) else value
        for code in codes if isinstance(codes, list) else ():
            try:
                parse(code)
            except NyckeltalError:
                raise ValueError(f"'{code}' is no period, such as 2026-10, 2026-Q4, 2026-W48 or 2026") from None
        return codes

    @model_validator(mode="after")
    def _freq_dimension_fits(self) -> Definition:
        if self.freq_dimension is None:
            return self
        if "W" in self.freqs or self.kind in ("flow", "stock"):
            raise ValueError("freq_dimension is for M, Q and A, and for a kind that doesn't add up over time")
        if self.persons:
            raise ValueError("freq_dimension can't be combined with persons: its counts of persons aren't protected")
        return self

    @property
    def reliable_n_obs(self) -> int:
        """The least n_obs of a value that isn't flagged U, low reliability.

        Shares, means and quantiles of fewer than 30 observations are flagged. 30 is the least sample size of the NCHS
        Data Presentation Standards for Proportions (Vital and Health Statistics 2(175), 2017), which suppress smaller
        ones. Sums, counts and stocks are exact, however few observations they have.
        """
        return self.min_n_obs if self.min_n_obs is not None else 30 if self.kind in ("ratio", "quantile") else 0

    @property
    def adds_up(self) -> bool:
        """Whether the members of a segment add up to the total."""
        return self.kind in ("flow", "stock") if self.additive_segments is None else self.additive_segments


@dataclass(frozen=True)
class Kpi:
    """An adopted KPI: its definition and its adoption, and the files that they are in."""

    domain: str
    definition: Definition
    adoption: Adoption
    definition_file: Path
    adoption_file: Path

    @property
    def id(self) -> str:
        """Its name in code and tables."""
        return self.definition.kpi

    @property
    def is_own(self) -> bool:
        """Whether the company defines it itself."""
        return self.definition_file == self.adoption_file

    @property
    def version(self) -> int:
        """The version of its definition in this company: the adoption's, else the standard definition's."""
        return self.adoption.definition_version or self.definition.definition_version

    @property
    def whole(self) -> Kpi:
        """The KPI as if all frequencies and segments that the definition allows were adopted."""
        all_allowed = {"freqs": self.definition.freqs, "segments": self.definition.segments, "to_date": True}
        return replace(self, adoption=self.adoption.model_copy(update=all_allowed))

    @property
    def unsegmented(self) -> Kpi:
        """The KPI as if no segment were adopted."""
        return replace(self, adoption=self.adoption.model_copy(update={"segments": ()}))

    @property
    def model(self) -> str:
        """The name of its dbt model."""
        return f"kpi_{self.id}"

    def problem(
        self, field: str, problem: str, *, standard: bool = False, expected: str | None = None
    ) -> NyckeltalError:
        """An error at a field of its adoption, or with `standard` at a field of its standard definition."""
        file = self.definition_file if standard else self.adoption_file
        line = yaml_file.line_of(yaml_file.read(file), (field,))
        return NyckeltalError(problem, file=file, line=line, field=field, expected=expected)


def standard_definitions() -> dict[str, tuple[Definition, Path]]:
    """Every standard definition by KPI id, with its file.

    Raises Problems.
    """
    definitions, findings = read_entries(STANDARD_DEFINITIONS, lambda _: Definition)
    if findings:
        raise Problems(findings)
    return definitions


def require_adopted(company: Company, kpi_ids: Iterable[str]) -> None:
    """Raises NyckeltalError for an id that no file of the company's kpis folder is named after. It reads no file."""
    adopted_ids = [file.stem for file in sorted((company.path / "kpis").glob("*/*.yml"))]
    for kpi_id in kpi_ids:
        if kpi_id not in adopted_ids:
            raise not_adopted(kpi_id, adopted_ids)


def read_entries(
    folder: Path, model_of: Callable[[Path], type[Entry]]
) -> tuple[dict[str, tuple[Entry, Path]], list[NyckeltalError]]:
    """The content of the files in the domains' folders, by KPI id with its file; and all mistakes.

    `model_of` gives the model that a file is read as, and may raise NyckeltalError.
    """
    entries: dict[str, tuple[Entry, Path]] = {}
    findings: list[NyckeltalError] = []
    for file in sorted(folder.glob("*/*.yml")):
        try:
            entry = yaml_file.load(file, model_of(file))
        except Problems as problems:
            findings += problems.findings
            continue
        except NyckeltalError as error:
            findings.append(error)
            continue
        if entry.kpi != file.stem:
            findings.append(
                NyckeltalError(
                    "the file is not named after its KPI",
                    file=file,
                    line=1,
                    field="kpi",
                    found=entry.kpi,
                    expected=file.stem,
                )
            )
        elif entry.kpi in entries:
            findings.append(NyckeltalError(f"KPI '{entry.kpi}' is also in {entries[entry.kpi][1]}", file=file, line=1))
        else:
            entries[entry.kpi] = (entry, file)
    return entries, findings

"""KPI definitions: the project's standard definitions and a company's adoptions, read and joined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from metrics import yaml_file
from metrics.check_rules import GateSettings
from metrics.company import DEFINITIONS, PERSPECTIVES, Company
from metrics.errors import NyckeltalError, Problems, did_you_mean
from metrics.periods import DURATION, parse
from metrics.yaml_file import Strict

STANDARD_DEFINITIONS = DEFINITIONS
Freq = Literal["W", "M", "Q", "A"]
Entry = TypeVar("Entry", "Definition", "Adoption")


class Bounds(Strict):
    """The values that a KPI can have at all."""

    lower: float | None = None
    upper: float | None = None


class Dominance(Strict):
    """The (n,k) rule: when a group's n largest contributors could hold more than the share k, it counts as n persons.

    `numerator` and `denominator` are metrics: the share of the group's sum that its largest contributor holds. The n
    largest hold at most n times that, which is what the rule is held against. Of such a KPI only the ratio is
    published, rounded: sums and means of amounts tell how many they are of.
    """

    n: int = Field(ge=1)
    k: float = Field(gt=0, lt=1)
    numerator: str
    denominator: str


class Persons(Strict):
    """The metrics that count the distinct persons behind a KPI, for disclosure control.

    `nested` says that the numerator's persons are some of the denominator's, so that the rest are protected too.
    """

    numerator: str
    denominator: str | None = None
    nested: bool = False
    threshold: int = Field(default=5, ge=3)
    dominance: Dominance | None = None

    @model_validator(mode="after")
    def _fewer_than_threshold(self) -> Persons:
        if self.dominance and (self.dominance.n >= self.threshold or self.denominator is None):
            raise ValueError("dominance needs a denominator, and an n below the threshold")
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that it names."""
        named: tuple[str | None, ...] = (self.numerator, self.denominator)
        named += (self.dominance.numerator, self.dominance.denominator) if self.dominance else ()
        return tuple(name for name in named if name)


class Definition(Strict):
    """`metrics/kpis/<domain>/<kpi>.yml`: what a KPI means, whoever adopts it.

    `kind` is flow (adds up over time and segments), stock (over segments), ratio, distinct, quantile or index.
    `segments` are the entities of its metric's semantic models that it can be cut by. `lookback` is the history that a
    value needs before its period, such as "1 year"; an offset in the metric is found without it. `matures_after` is for
    a KPI of a cohort: the window after the period's end, such as "90 days", until which its values are provisional.
    `breaks` are periods (2026-01, or a week, quarter or year) with whose first day the data's methodology changed.
    `min_n_obs` is the least n_obs of a value that isn't of low reliability (`reliable_n_obs` has the defaults).
    `gate` sets checks of the gate otherwise than their defaults; an adoption's goes over it.
    """

    kpi: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name: str
    description: str
    perspective: PERSPECTIVES
    kind: Literal["flow", "stock", "ratio", "distinct", "quantile", "index"]
    unit: str
    direction: Literal["up", "down", "band", "none"]
    type: Literal["leading", "lagging"]
    metric: str
    n_obs: str
    freqs: tuple[Freq, ...] = Field(min_length=1)
    segments: tuple[str, ...] = ()
    additive_segments: bool | None = None
    bounds: Bounds = Bounds()
    persons: Persons | None = None
    lookback: str | None = Field(default=None, pattern=DURATION)
    matures_after: str | None = Field(default=None, pattern=DURATION)
    breaks: tuple[str, ...] = ()
    min_n_obs: int | None = Field(default=None, ge=0)
    gate: GateSettings = Field(default_factory=dict)
    standard: str
    definition_version: int = Field(ge=1)
    notes: str = ""

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

    @property
    def reliable_n_obs(self) -> int:
        """The least n_obs of a value that isn't flagged U, low reliability.

        Shares, means and quantiles of fewer than 30 observations are flagged: the least sample size of the NCHS Data
        Presentation Standards for Proportions (Vital and Health Statistics 2(175), 2017), which suppress them. A sum,
        a count or a stock is what it is, however small.
        """
        return self.min_n_obs if self.min_n_obs is not None else 30 if self.kind in ("ratio", "quantile") else 0

    @property
    def adds_up(self) -> bool:
        """Whether the members of a segment add up to the total."""
        return self.kind in ("flow", "stock") if self.additive_segments is None else self.additive_segments


class Target(Strict):
    """A target value, or the reason why there is none. `freq` is required where the value depends on it."""

    value: float | None = None
    freq: Freq | None = None
    none: str | None = None

    @model_validator(mode="after")
    def _value_or_reason(self) -> Target:
        if (self.value is None) == (self.none is None):
            raise ValueError("state either a value, or under `none` the reason why there is none")
        return self


class Adoption(Strict):
    """`<company>/kpis/<domain>/<kpi>.yml`: one KPI that the company has put to work.

    `to_date` asks for the year to date and the rolling twelve months of every month and quarter beside its value.
    `definition_version` is the standard definition's, or higher: staging and marts of the company's own are a part of
    the definition, and may give other values too.
    """

    kpi: str
    owner: str = Field(min_length=3)
    level: Literal["key", "supporting"]
    objective: str
    target: Target
    review: Literal["monthly", "quarterly", "yearly"]
    freqs: tuple[Freq, ...] = Field(min_length=1)
    segments: tuple[str, ...] = ()
    to_date: bool = True
    gate: GateSettings = Field(default_factory=dict)
    definition_version: int | None = Field(default=None, ge=1)


@dataclass(frozen=True)
class Kpi:
    """An adopted KPI: definition and adoption, and the files in which they stand."""

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
    def version(self) -> int:
        """The version of its definition, as it stands in the company."""
        return self.adoption.definition_version or self.definition.definition_version

    @property
    def whole(self) -> Kpi:
        """It as if all that the definition allows were adopted."""
        all_of_it = {"freqs": self.definition.freqs, "segments": self.definition.segments, "to_date": True}
        return replace(self, adoption=self.adoption.model_copy(update=all_of_it))

    @property
    def unsegmented(self) -> Kpi:
        """It as if no segment were adopted."""
        return replace(self, adoption=self.adoption.model_copy(update={"segments": ()}))

    @property
    def model(self) -> str:
        """Its dbt model."""
        return f"kpi_{self.id}"

    def problem(
        self, field: str, problem: str, *, standard: bool = False, expected: str | None = None
    ) -> NyckeltalError:
        """A finding at a field of its adoption, or of its standard definition."""
        file = self.definition_file if standard else self.adoption_file
        line = yaml_file.line_of(yaml_file.read(file), (field,))
        return NyckeltalError(problem, file=file, line=line, field=field, expected=expected)


def standard_definitions() -> dict[str, tuple[Definition, Path]]:
    """Every standard definition by KPI id, with its file.

    Raises Problems.
    """
    definitions, findings = _read_folder(STANDARD_DEFINITIONS, Definition)
    if findings:
        raise Problems(findings)
    return definitions


def adopted_kpis(company: Company) -> list[Kpi]:
    """The company's adopted KPIs, sorted by domain and id.

    Raises Problems: every finding in every file at once.
    """
    definitions = standard_definitions()
    adoptions, findings = _read_folder(company.path / "kpis", Adoption)
    kpis = []
    for kpi_id, (adoption, file) in adoptions.items():
        if kpi_id not in definitions:
            findings.append(
                NyckeltalError(
                    f"there is no standard definition '{kpi_id}'{did_you_mean(kpi_id, list(definitions))}",
                    file=file,
                    line=1,
                    field="kpi",
                )
            )
            continue
        definition, definition_file = definitions[kpi_id]
        kpis.append(Kpi(definition_file.parent.name, definition, adoption, definition_file, file))
    if not adoptions and not findings:
        findings.append(NyckeltalError("the company has adopted no KPI", file=company.path / "kpis"))
    if findings:
        raise Problems(findings)
    return sorted(kpis, key=lambda kpi: (kpi.domain, kpi.id))


def _read_folder(folder: Path, model: type[Entry]) -> tuple[dict[str, tuple[Entry, Path]], list[NyckeltalError]]:
    entries: dict[str, tuple[Entry, Path]] = {}
    findings: list[NyckeltalError] = []
    for file in sorted(folder.glob("*/*.yml")):
        try:
            entry = yaml_file.load(file, model)
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
            findings.append(NyckeltalError(f"'{entry.kpi}' stands in {entries[entry.kpi][1]} too", file=file, line=1))
        else:
            entries[entry.kpi] = (entry, file)
    return entries, findings

"""The compiled catalogue: what `kpi compile` records about each adopted KPI, for the gate, the release and readers."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from metrics.core.errors import NyckeltalError, not_adopted
from metrics.core.periods import Period, earlier, later, parse, period_of
from metrics.definitions.calendar import Calendar
from metrics.definitions.company import Company
from metrics.definitions.identities import Identity
from metrics.definitions.kpis.adoption import EarlierTarget, Retired
from metrics.definitions.kpis.gate_settings import CheckSetting
from metrics.definitions.kpis.kpi import Label
from metrics.definitions.kpis.targets import Stated, ValidTarget, valid_targets
from metrics.definitions.objectives import Initiative, Objective

Key = tuple[str, str, str]
"""(kpi_id, freq, time_period): the unit that is judged and published together."""


class PersonCount(BaseModel):
    """A group of persons whose number a published cell of a protected KPI reveals.

    `role` is the number of the cell that reveals it. Metrics that count the same persons with the same filter have the
    same `group`. `stock` says that the persons are those on the last day of the period; else they are those of the
    whole period.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["numerator", "denominator", "n_obs"]
    group: str
    stock: bool


class Contributions(BaseModel):
    """The SQL for the amounts of single persons behind a protected KPI, and the rule by which few of them dominate.

    `sql` reads the warehouse's marts. Its columns are, for every day, role (the group of persons), day, person, amount
    and <segment>_member for each adopted segment. When the `n` persons with the largest amounts could have more than
    the share `k` of the group's sum, the group is treated as a group of n persons.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sql: str
    n: int
    k: float


@dataclass(frozen=True, order=True)
class Join:
    """A raw column whose values refer to rows of another feed, through `other_column` of that feed."""

    feed: str
    column: str
    other_feed: str
    other_column: str


class CatalogKpi(BaseModel):
    """One adopted KPI: its standard definition, its adoption, and what follows from the lineage.

    - `type`: leading or lagging; None in catalogues of earlier versions.
    - `feeds`: all feeds upstream. `daily_rollups`: the models with the rows, by day, of the facts that it is computed
      from.
    - `inputs`: by feed, the raw columns that its values depend on, those of its adopted segments included. `joins`: the
      keys that the SQL upstream, or a dbt test `relationships`, looks up in another feed. `covers`: the KPIs whose
      totals depend only on inputs that its own total depends on too.
    - `observable_from`: the first day from which its feeds cover a period and what the period looks back on; None where
      the KPI isn't supplied. `observable_to`: the last day on which an observable period may end, because feeds ended,
      one is paused (`paused` says which and why), or the KPI was retired; None without a limit.
    - `compared_with`: how long before its own period the earlier periods begin that it is compared with. `window`: how
      long before its period its first rows lie; None where it reads only rows of the period.
    - `without_rows`: its value for a period that its feeds cover but that has no rows; None where that isn't known, as
      for a stock: it has no value before its first row, and a period without rows after it is a fault.
    - `part_of`: the `group` of other KPIs' person counts that the numerator's persons are a part of.
    - `sql`: the text of its compiled dbt model; empty in `catalog.json`, beside which the model lies, and in catalogues
      of earlier versions.
    - `expanded_formula`: that of a ratio (a - b) / a or (a - b) / b in the metrics a and b, such as
      "(net_revenue - cost_of_goods) / net_revenue"; else None.
    - `labels`: its name and description in other languages, by their codes; `target_labels`: why its target has this
      value, or why there is none.
    - `target`: the value to reach; of a band its lower end, and `target_to` its upper one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kpi_id: str
    name: str
    description: str
    domain: str
    unit: str
    direction: str
    kind: str
    type: Literal["leading", "lagging"] | None = None
    standard: str
    additive_segments: bool
    level: str
    owner: str
    objective: str
    target: float | None
    target_freq: str | None
    target_note: str
    review: str
    freqs: tuple[str, ...]
    segments: tuple[str, ...]
    metric: str
    metric_type: Literal["simple", "ratio"]
    numerator_metric: str | None
    denominator_metric: str | None
    definition_version: int
    definition_hash: str
    model: str
    feeds: tuple[str, ...]
    daily_rollups: tuple[str, ...] = ()
    inputs: dict[str, tuple[str, ...]]
    joins: tuple[Join, ...] = ()
    covers: tuple[str, ...]
    entities: tuple[str, ...]
    supplied: bool
    missing_entities: tuple[str, ...]
    protected: bool
    disclosure_threshold: int
    nested_persons: bool
    only_ratio: bool
    person_counts: tuple[PersonCount, ...]
    part_of: str | None = None
    contributions: Contributions | None = None
    lookback: str | None
    compared_with: tuple[str, ...] = ()
    window: str | None = None
    observable_from: date | None = None
    without_rows: Literal["zero", "no value"] | None = None
    observable_to: date | None = None
    paused: str | None = None
    matures_after: str | None
    breaks: tuple[str, ...]
    min_n_obs: int
    lower_bound: float | None
    upper_bound: float | None
    gate: dict[str, CheckSetting]
    estimate: bool = False
    labels: dict[str, Label] = {}
    sql: str = ""
    expanded_formula: str | None = None
    target_since: date | None = None
    earlier_targets: tuple[EarlierTarget, ...] = ()
    target_tolerance: float | None = None
    target_by_period: dict[str, float] = {}
    target_to: float | None = None
    target_rationale: str = ""
    target_source: str | None = None
    target_labels: dict[str, str] = {}
    retired: Retired | None = None

    @property
    def is_retired(self) -> bool:
        """Whether the company no longer uses it; what was published of it stays."""
        return self.retired is not None

    @property
    def input_columns(self) -> list[tuple[str, str]]:
        """The raw columns that its values depend on, as (feed, column)."""
        return [(feed, column) for feed, columns in self.inputs.items() for column in columns]

    @property
    def formula(self) -> str:
        """Its metric; of a ratio, "numerator / denominator" with their metrics."""
        if self.numerator_metric is None or self.denominator_metric is None:
            return self.metric
        return " / ".join(
            part if re.fullmatch(r"\w+(\([^()]*\))?", part) else f"({part})"
            for part in (self.numerator_metric, self.denominator_metric)
        )

    @property
    def change_kind(self) -> Literal["relative", "difference"]:
        """How its changes are stated: as a difference for fractions, and for KPIs with a lower bound below 0.

        A change relative to a value near 0 says nothing, and scores such as NPS cross it. A KPI without a lower bound,
        such as net revenue, keeps relative changes.
        """
        return "difference" if self.unit == "fraction" or (self.lower_bound or 0) < 0 else "relative"

    @property
    def main_freq(self) -> str:
        """The frequency to show where none is chosen: M, else the next longer one, else W."""
        return next(freq for freq in ("M", "Q", "A", "W") if freq in self.freqs)

    @property
    def shown_freqs(self) -> tuple[str, ...]:
        """The frequencies to show in a summary: the main one, and that of its target."""
        return tuple(dict.fromkeys((self.main_freq, self.target_freq or self.main_freq)))

    @property
    def targets(self) -> list[ValidTarget]:
        """Its targets with the days on which their periods begin, also targets of single periods; oldest first."""
        stated = {}
        for target in self.earlier_targets:
            lower, upper = target.band or (target.value, None)
            stated[target.since] = Stated(lower, target.tolerance, upper)
        stated[self.target_since or date.min] = Stated(self.target, self.target_tolerance, self.target_to)
        of_periods = {
            parse(code): Stated(value, self.target_tolerance) for code, value in self.target_by_period.items()
        }
        return valid_targets(stated, of_periods, self.direction)

    def target_at(self, freq: str, start: date | None = None) -> ValidTarget | None:
        """The target for values of that frequency: the present one, or the one for the period that begins on `start`.

        None where there is none: a yearly sum has no weekly target.
        """
        if self.target_freq not in (None, freq):
            return None
        if start is None:
            return self.present_target
        return next((target for target in self.targets if target.covers(start)), None)

    @property
    def present_target(self) -> ValidTarget | None:
        """The target that is stated for all periods from now on."""
        if self.target is None:
            return None
        since = self.target_since or date.min
        stated = Stated(self.target, self.target_tolerance, self.target_to)
        return valid_targets({since: stated}, {}, self.direction)[0]

    def with_target_reason(self, code: str) -> CatalogKpi:
        """The KPI with the reason of its target, or for having none, in that language if that is translated."""
        text = self.target_labels.get(code)
        name = "target_note" if self.target is None else "target_rationale"
        return self if text is None else self.model_copy(update={name: text})

    def observes(self, period: Period) -> bool:
        """Whether the period is observable: its feeds cover it and what it looks back on, now or later."""
        return (self.observable_from is None or period.start >= self.observable_from) and (
            self.observable_to is None or period.end <= self.observable_to
        )

    @property
    def observable_days(self) -> str:
        """A text that says from when until when it can be computed, and why it is paused; empty without limits."""
        limits = [("from", self.observable_from), ("until", self.observable_to)]
        return " ".join(f"{word} {day}" for word, day in limits if day is not None) + (
            f" ({self.paused})" if self.paused else ""
        )

    def looks_back_on(self, period: Period) -> list[tuple[date, date]]:
        """The spans before the period, as (first day, last day), from which its value is computed too.

        They are the earlier periods that it is compared with, and the part of its window before the period.
        """
        earlier_periods = [period_of(period.freq, earlier(period.start, offset)) for offset in self.compared_with]
        spans = [(earlier_period.start, earlier_period.end) for earlier_period in earlier_periods]
        if self.window:
            spans.append((earlier(period.start, self.window), period.start - timedelta(days=1)))
        return spans

    def breaks_in(self, period: Period) -> bool:
        """Whether a break of the series lies in the period: by the definition, the data's methodology changed in it."""
        return any(period.start <= parse(code).start <= period.end for code in self.breaks)

    def reaches_to(self, period: Period) -> date:
        """The last day that the period's value depends on: the period's last, or the day a cohort's window closes."""
        return later(period.end, self.matures_after) if self.matures_after else period.end

    def review_due(self, last: date) -> date:
        """The day by which its owner has to review it again, after a review on the day `last`."""
        return later(last, "1 month" if self.review == "monthly" else "1 quarter")


@dataclass(frozen=True)
class ReleaseDate:
    """The day on which one period of some KPIs of a domain closes."""

    domain: str
    freq: str
    time_period: str
    period_start: date
    period_end: date
    closes_on: date
    kpis: tuple[str, ...]

    def state(self, day: date) -> str:
        """The state on that day: open or closed. On the closing day the period is still open."""
        return "open" if day <= self.closes_on else "closed"


Labelled = TypeVar("Labelled", CatalogKpi, Objective, Initiative)


def _labelled(entry: Labelled, code: str) -> Labelled:
    """The entry with its name and description in that language, if it has a label for it."""
    return entry.model_copy(update=dict(entry.labels[code])) if code in entry.labels else entry


class Catalog(BaseModel):
    """Every adopted KPI of a company, sorted by domain and id, the objectives that they serve, and the initiatives.

    `labels` are, by feed, the numeric raw columns that no KPI uses as a size: keys, line numbers, codes. `members` are
    names of the members of segments, by language, segment and member.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    company: str
    reporting_currency: str
    calendar: Calendar
    objectives: dict[str, Objective]
    initiatives: dict[str, Initiative] = {}
    kpis: tuple[CatalogKpi, ...]
    labels: dict[str, tuple[str, ...]] = {}
    identities: tuple[Identity, ...] = ()
    members: dict[str, dict[str, dict[str, str]]] = {}

    @property
    def live(self) -> list[CatalogKpi]:
        """The KPIs that are in use: all but the retired ones."""
        return [kpi for kpi in self.kpis if not kpi.is_retired]

    def in_language(self, code: str) -> Catalog:
        """The catalogue with names and descriptions in that language, where they are translated."""
        kpis = tuple(_labelled(kpi, code).with_target_reason(code) for kpi in self.kpis)
        objectives = {key: _labelled(objective, code) for key, objective in self.objectives.items()}
        initiatives = {key: _labelled(initiative, code) for key, initiative in self.initiatives.items()}
        return self.model_copy(update={"kpis": kpis, "objectives": objectives, "initiatives": initiatives})

    def member_names(self, code: str) -> dict[str, dict[str, str]]:
        """Names of members by segment: the company's own in that language, and the KPIs that goals serve."""
        return {"kpi_served": {kpi.kpi_id: kpi.name for kpi in self.kpis}} | self.members.get(code, {})

    def closes_on(self, kpi: CatalogKpi, period: Period) -> date:
        """The last day on which the KPI's values of the period are provisional.

        It is as many working days after the end of the period, or of a cohort's window, as the calendar says.
        """
        return self.calendar.closes_on(kpi.reaches_to(period), kpi.domain)

    def release_dates(self, list_from: Mapping[tuple[str, str], date], day: date, last: date) -> list[ReleaseDate]:
        """The release calendar of the supplied KPIs, the soonest closing date first.

        It has every period that hasn't closed by `day` and ends by `last`, future ones too. `list_from` has, by
        (kpi_id, freq), a day from which periods that have closed are listed as well. KPIs of one domain that close on
        the same days share a row.
        """
        groups: dict[tuple[str, str | None, str], list[str]] = defaultdict(list)
        for kpi in self.kpis:
            for freq in kpi.freqs if kpi.supplied else ():
                groups[kpi.domain, kpi.matures_after, freq].append(kpi.kpi_id)
        dates = []
        for (domain, _, freq), kpi_ids in groups.items():
            since = min((list_from[kpi_id, freq] for kpi_id in kpi_ids if (kpi_id, freq) in list_from), default=day)
            period = period_of(freq, min(since, day))
            kpi = self.kpi(kpi_ids[0])
            while self.closes_on(kpi, period.shift(-1)) >= day:
                period = period.shift(-1)
            while period.end <= last:
                closes = self.closes_on(kpi, period)
                dates.append(ReleaseDate(domain, freq, period.code, period.start, period.end, closes, tuple(kpi_ids)))
                period = period.next()
        return sorted(dates, key=lambda row: (row.closes_on, row.domain, row.period_end, row.freq, row.kpis))

    @property
    def definitions_json(self) -> str:
        """The whole catalogue as canonical JSON: equal texts for equal catalogues."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)

    def kpi(self, kpi_id: str) -> CatalogKpi:
        """The KPI of that id.

        Raises NyckeltalError, with the most similar id, when no such KPI is adopted.
        """
        for kpi in self.kpis:
            if kpi.kpi_id == kpi_id:
                return kpi
        raise not_adopted(kpi_id, [kpi.kpi_id for kpi in self.kpis])

    @staticmethod
    def path(company: Company) -> Path:
        """The path of the catalogue that `kpi compile` writes."""
        return company.path / "compiled" / "catalog.json"

    @staticmethod
    def read(company: Company) -> Catalog:
        """The company's compiled catalogue, with the SQL of each KPI's compiled model where that exists.

        Raises NyckeltalError when the file doesn't exist or was written by another version of the project.
        """
        path = Catalog.path(company)
        try:
            catalog = Catalog.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NyckeltalError("the company isn't compiled yet; run `kpi compile`", file=path) from None
        except ValueError:
            problem = "the catalogue was written by another version of the project; run `kpi compile`"
            raise NyckeltalError(problem, file=path) from None
        models = {kpi.kpi_id: path.parent / "kpi" / f"{kpi.model}.sql" for kpi in catalog.kpis}
        texts = {kpi_id: model.read_text(encoding="utf-8") for kpi_id, model in models.items() if model.exists()}
        kpis = tuple(kpi.model_copy(update={"sql": texts.get(kpi.kpi_id, "")}) for kpi in catalog.kpis)
        return catalog.model_copy(update={"kpis": kpis})

    @staticmethod
    def parse(text: str) -> Catalog:
        """A catalogue from the JSON text that a release recorded."""
        return Catalog.model_validate_json(text)

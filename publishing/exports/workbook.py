"""The published KPIs as an Excel workbook: the scorecard, a sheet for each domain, notes; with real numbers and days.

No text in it is a formula, wherever it comes from. A suppressed value is shown as the word "suppressed".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from metrics.core.errors import disk_faults_reported
from metrics.core.periods import parse
from metrics.core.segments import member_words
from metrics.core.text import visible, with_currency
from metrics.definitions.catalog import Catalog
from publishing import reader
from publishing.language import Language
from publishing.statuses import REVISIONS, STATUSES

if TYPE_CHECKING:
    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

Row = Mapping[str, Any]
Members = Mapping[str, Mapping[str, str]]

_PERIODS_SHOWN = {"M": 25, "Q": 9, "A": 6, "W": 27}
_LONGEST_TEXT = 32_767  # of a cell
_FORMATS = {"fraction": "0.0%", "currency": "#,##0", "count": "#,##0", "persons": "#,##0"}  # else two decimals
_LONGEST_LABEL = 60  # a number format has at most 255 characters, and holds it three times
_LINE = 15  # the height of a line, in points
_DAY, _MONTH = "yyyy-mm-dd", "yyyy-mm"
_SCORECARD = """
select s.*, c.currency, c.change_kind, c.definition_version, o.realtime_start, b.description as objective_description
from kpi.scorecard s
join kpi.catalog c using (kpi_id)
left join kpi.objectives b on b.objective = c.objective
left join kpi.observations o
    on o.kpi_id = s.kpi_id and o.freq = s.freq and o.time_period = s.time_period and o.segment = '_T'
order by s.objective, s.kpi_id
"""
_VALUES = """
select o.kpi_id, o.freq, o.time_period, o.period_start, o.segment, o.member, o.obs_value, o.obs_status
from kpi.observations o
join kpi.catalog c using (kpi_id)
where c.domain = ?
order by o.kpi_id, o.segment <> '_T', o.segment, o.member, o.period_start
"""
_REVISED = """
select kpi_id, time_period, revised_from, obs_value, revision_type, revision_reason, realtime_start
from kpi.vintages where segment = '_T' and revision_type is not null
order by sequence desc, kpi_id, period_start limit 500
"""
_FREQ_TITLES = {"M": "Monthly", "Q": "Quarterly", "A": "Yearly", "W": "Weekly"}


def write(file: Path, catalog: Catalog, language: Language) -> None:
    """Write the workbook. Raises NyckeltalError when it can't be written.

    `catalog` is that of the newest release: its names are used in the language.
    """
    from openpyxl import Workbook  # takes a third of a second to import

    book, catalog = Workbook(), catalog.in_language(language.code)
    words = {kpi.kpi_id: {"name": kpi.name, "description": kpi.description} for kpi in catalog.kpis}
    members = catalog.members.get(language.code, {})
    with reader.opened() as connection:

        def rows(query: str, *parameters: object) -> list[dict[str, Any]]:
            return reader.rows(connection, query, list(parameters))

        kpis = {
            row["kpi_id"]: row | {"english_name": row["name"]} | words[row["kpi_id"]]
            for row in rows("from kpi.catalog order by domain, name")
        }
        release = rows("from kpi.releases order by sequence desc limit 1")[0]
        _Sheet(book.active, language).scorecard(catalog, release, rows(_SCORECARD))
        for domain in dict.fromkeys(kpi["domain"] for kpi in kpis.values()):
            sheet = _Sheet(book.create_sheet(_sheet_name(language.title(domain), book.sheetnames)), language)
            sheet.members = {"kpi_served": {kpi["kpi_id"]: kpi["name"] for kpi in kpis.values()}} | members
            sheet.domain([kpi for kpi in kpis.values() if kpi["domain"] == domain], rows(_VALUES, domain))
        incidents = rows("from kpi.incidents where state in ('held', 'flagged') order by state desc, since desc")
        notes = _Sheet(book.create_sheet(_sheet_name(language.t("Notes"), book.sheetnames)), language)
        notes.notes(release, kpis, rows(_REVISED), incidents)
    draft = file.with_name(f".{file.name}.{uuid4().hex}")
    with disk_faults_reported("the workbook can't be written", file):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            book.save(draft)
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)


@dataclass
class _Sheet:
    """Fills a worksheet from the top; `row` is the next free one."""

    sheet: Worksheet
    language: Language
    row: int = 1
    members: Members = field(default_factory=dict)

    def scorecard(self, catalog: Catalog, release: Row, scores: Sequence[Row]) -> None:
        """A row for each KPI, by objective. `catalog` has the names of the language."""
        names, zone = {kpi.kpi_id: kpi.name for kpi in catalog.kpis}, catalog.calendar.time_zone
        objectives = {
            kpi.kpi_id: catalog.objectives[kpi.objective].name if kpi.objective in catalog.objectives else kpi.objective
            for kpi in catalog.kpis
        }
        t, title = self.language.t, self.language.title
        self.sheet.title = _sheet_name(t("Scorecard"), [])
        self.title(f"{catalog.company}: {t('Scorecard')}")
        published = self.language.moment(release["published_at"].astimezone(ZoneInfo(zone)))
        self.text(t("Release {number} of {moment} ({zone}).", number=release["sequence"], moment=published, zone=zone))
        self.row += 1
        self.header(
            *(title("KPI"), title("objective"), t("Period"), t("Value"), t("Unit"), t("Target"), t("Status")),
            *(t("Provisional"), t("Change on the period before"), t("Change on a year ago"), t("12 months")),
            *(t("Owner"), t("Held"), t("Flagged"), t("Version"), t("Published")),
        )
        self.sheet.freeze_panes = self.sheet.cell(self.row, 2)
        first = self.row - 1
        self.sheet.row_dimensions[first].height = 2 * _LINE
        for score in scores:
            shown = _format(score["unit"])
            changes = [self.change(score, score[name]) for name in ("change_previous", "change_year_ago")]
            self.cells(
                [
                    *((names[score["kpi_id"]], None), (objectives[score["kpi_id"]], None)),
                    (score["time_period"], None),
                    *((_value(score, t), shown), (_unit(score, t), None), _target(score, shown, self.language)),
                    *((t(score["status"]), None), (t("yes") if score["provisional"] else None, None)),
                    *(*changes, (score["rolling_12_months"], shown), (score["owner"], None)),
                    *((score["held"] or None, "0"), (score["flagged"] or None, "0")),
                    *((score["definition_version"], "0"), (score["realtime_start"], _DAY)),
                ]
            )
        for number in (4, 6, 9, 10, 11, 13, 14, 15, 16):  # columns of numbers and days
            head = self.sheet.cell(first, number)
            head.alignment = head.alignment.copy(horizontal="right", indent=0)
        self.sheet.auto_filter.ref = f"A{first}:P{self.row - 1}"
        self.finish([36, 26, 11, 15, 11, 15, 17, 13, 18, 15, 17, 32, 8, 10, 10, 12], repeated=first)

    def change(self, score: Row, change: float | None) -> tuple[float | None, str]:
        """A change and its number format, which says what it is in: +7.2%, +0.4 pp, +1.6 points."""
        if score["change_kind"] == "relative":
            return change, "+0.0%;-0.0%;0.0%"
        is_share = score["unit"] == "fraction"
        unit = self.language.percentage_points if is_share else self.language.unit(score["unit"], score["currency"])
        label = ' "{}"'.format(visible(unit).replace('"', "'")[:_LONGEST_LABEL])
        return change * 100 if is_share and change is not None else change, f"+0.0{label};-0.0{label};0.0{label}"

    def domain(self, kpis: Sequence[Row], values: Sequence[Row]) -> None:
        """A block for each frequency: a row for each KPI, and below it, grouped, one for each member."""
        t = self.language.t
        for freq, count in _PERIODS_SHOWN.items():
            shown = [kpi for kpi in kpis if freq in kpi["freqs"].split(", ")]
            if freq == "W":  # weeks only of KPIs that have nothing longer
                shown = [kpi for kpi in shown if kpi["freqs"] == "W"]
            of_freq = [row for row in values if row["freq"] == freq]
            starts = sorted({row["period_start"]: row["time_period"] for row in of_freq}.items())[-count:]
            if not shown or not starts:
                continue
            self.title(t(_FREQ_TITLES[freq]))
            self.header(
                self.language.title("KPI"), t("Segment"), t("Member"), t("Unit"), *(_period(code) for _, code in starts)
            )
            for kpi in shown:
                self._series(kpi, [row for row in of_freq if row["kpi_id"] == kpi["kpi_id"]], [d for d, _ in starts])
            self.row += 1
        self.sheet.freeze_panes = "E1"
        self.sheet.sheet_properties.outlinePr.summaryBelow = False  # members are below their total
        self.finish([36, 16, 18, 10, *[14] * max(_PERIODS_SHOWN.values())], repeated=None)

    def _series(self, kpi: Row, values: Sequence[Row], starts: Sequence[Any]) -> None:
        t, shown = self.language.t, _format(kpi["unit"])
        members: dict[tuple[str, str], dict[Any, Row]] = {("_T", "_T"): {}}
        for value in values:
            members.setdefault((value["segment"], value["member"]), {})[value["period_start"]] = value
        for (segment, member), by_start in members.items():
            is_total = segment == "_T"
            name = t("unknown") if member == "_U" else member_words(segment, member, self.members)
            names = [t("Total"), None] if is_total else [self.language.segment(segment), name]
            row = self.row
            periods = [by_start.get(start) for start in starts]
            texts = [(text, None) for text in (kpi["name"], *names, _unit(kpi, t))]
            cells = self.cells([*texts, *((_value(value, t) if value else None, shown) for value in periods)])
            for cell, shown_value in zip(cells[len(texts) :], periods, strict=True):
                if shown_value and shown_value["obs_status"] == "P":
                    cell.font = cell.font.copy(italic=True)
            if is_total:
                cells[0].font = cells[0].font.copy(bold=True)
            else:
                self.sheet.row_dimensions[row].outlineLevel = 1

    def notes(self, release: Row, kpis: Mapping[str, Row], revised: Sequence[Row], incidents: Sequence[Row]) -> None:
        """How to read the values, what each KPI means and how it is computed, what was revised, and what waits."""
        t, title = self.language.t, self.language.title
        self.title(t("Notes"))
        for text in (
            "Values are as the newest release published them.",
            "Provisional values are in italics.",
        ):
            self.text(t(text))
        self.row += 1
        self.title(t("KPIs")[:1].upper() + t("KPIs")[1:])
        header_row = self.row
        self.header(
            *(title("KPI"), t("Description"), title("domain"), t("Unit"), t("Owner"), t("Standard"), t("Version")),
            t("Formula"),
        )
        for kpi in kpis.values():
            facts = (kpi["name"], kpi["description"], t(kpi["domain"]), _unit(kpi, t), kpi["owner"], kpi["standard"])
            version, formula = (kpi["definition_version"], "0"), (kpi["formula"], None)
            self.cells([*((fact, None) for fact in facts), version, formula])
        if revised:
            self.row += 1
            self.title(t("Revisions of totals"))
            self.header(title("KPI"), t("Reason"), t("Period"), t("Was"), t("Is"), t("Revised"), t("Published"))
            for row in (row for row in revised if row["kpi_id"] in kpis):
                kpi = kpis[row["kpi_id"]]
                stated = self.language.revision(row["revision_type"], row["revision_reason"])
                reason = ": ".join(filter(None, (t(REVISIONS[row["revision_type"]]), stated)))
                numbers = [(row[name], _format(kpi["unit"])) for name in ("revised_from", "obs_value")]
                texts = [(text, None) for text in (kpi["name"], reason, row["time_period"])]
                self.cells([*texts, *numbers, (row["revision_type"], None), (row["realtime_start"], _DAY)])
        if incidents:
            self.row += 1
            self.title(t("Incidents"))
            self.header(t("KPIs"), t("Reason"), t("Status"), t("Since"))
            names = {kpi["english_name"]: kpi["name"] for kpi in kpis.values()}
            for row in incidents:
                reason = self.language.incident(row["title"], names)
                of_kpis = ", ".join(kpis[kpi_id]["name"] for kpi_id in row["kpis"].split(", ") if kpi_id in kpis)
                texts = [(text, None) for text in (of_kpis, reason, t(row["state"]))]
                self.cells([*texts, (row["since"], _DAY)])
        widths = [36, 80, 16, 14, 30, 30, 12, 50]
        self.finish(widths, repeated=None)
        for cells in self.sheet.iter_rows(min_row=header_row):
            for cell in cells:
                cell.alignment = cell.alignment.copy(wrap_text=True, vertical="top")
            lines = [len(str(cell.value or "")) / width for cell, width in zip(cells, widths, strict=False)]
            self.sheet.row_dimensions[cells[0].row].height = _LINE * max(1, ceil(max(lines) * 1.1))

    def title(self, text: str) -> None:
        from openpyxl.styles import Font

        self.cells([(text, None)])[0].font = Font(bold=True, size=14)

    def text(self, text: str) -> None:
        self.cells([(text, None)])

    def header(self, *texts: Any) -> None:
        """Write a row of column names. A date is shown as its month."""
        from openpyxl.styles import Font, PatternFill

        for cell in self.cells([(text, _MONTH if not isinstance(text, str) else None) for text in texts]):
            cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="E7ECF1")
            cell.alignment = cell.alignment.copy(wrap_text=True, vertical="top")

    def cells(self, values: Sequence[tuple[Any, str | None]]) -> list[Cell]:
        """Write values with their number formats into the next row."""
        from openpyxl.styles import Alignment

        written = []
        for column, (value, number_format) in enumerate(values, 1):
            cell = self.sheet.cell(self.row, column)
            if isinstance(value, str):
                cell.value = visible(value)[:_LONGEST_TEXT]
                cell.data_type = "s"  # also of a text that begins with =
                cell.alignment = Alignment(horizontal="left", indent=column > 1)  # apart from a number before it
            elif value is not None:
                cell.value = value
                cell.number_format = number_format or cell.number_format
            written.append(cell)
        self.row += 1
        return written

    def finish(self, widths: Sequence[int], *, repeated: int | None) -> None:
        """Set the columns' widths, and print landscape, one page wide, with the row `repeated` on every page."""
        from openpyxl.utils import get_column_letter

        for number, width in enumerate(widths, 1):
            self.sheet.column_dimensions[get_column_letter(number)].width = width
        self.sheet.page_setup.orientation = "landscape"
        self.sheet.page_setup.fitToHeight = 0
        self.sheet.sheet_properties.pageSetUpPr.fitToPage = True
        if repeated:
            self.sheet.print_title_rows = f"{repeated}:{repeated}"


def _value(row: Row, t: Any) -> Any:
    """The value, or the word for why there is none."""
    if row["obs_value"] is None and row["obs_status"] in ("Q", "O"):
        return t(STATUSES[row["obs_status"]])
    return row["obs_value"]


def _target(row: Row, shown: str, language: Language) -> tuple[Any, str | None]:
    """The target and its number format; of a band its two ends as a text."""
    if row["target_to"] is None:
        return row["target"], shown
    return language.target(row["target"], row["target_to"], row["unit"], row["currency"]), None


def _unit(row: Row, t: Any) -> str:
    if row["unit"] in ("fraction", "count"):
        return "%" if row["unit"] == "fraction" else ""
    return with_currency(row["unit"] if row["unit"] == "currency" else t(row["unit"]), row["currency"])


def _format(unit: str) -> str:
    return _FORMATS.get(unit, "#,##0.00")


def _period(code: str) -> Any:
    """The head of a period's column: a month as its first day, another period as its code."""
    period = parse(code)
    return period.start if period.freq == "M" else code


def _sheet_name(text: str, others: Sequence[str]) -> str:
    """A name that Excel accepts for a sheet, and that no other sheet has."""
    name = re.sub(r"[\[\]:*?/\\']", " ", visible(text)).strip()[:31] or "-"
    taken = {"history", *(other.casefold() for other in others)}  # Excel keeps History for itself
    return next(new for new in _candidates(name) if new.casefold() not in taken)


def _candidates(name: str) -> Iterator[str]:
    yield name
    for number in range(2, 10_000):
        yield f"{name[:26]} {number}"

"""The report of a month in a terminal, and as Markdown."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from metrics.core.text import one_line
from orchestration.cli.terminal import styled
from orchestration.markdown import plain
from publishing.site import page_file
from publishing.site.month_report import MonthReport, Part


def print_report(terminal: Console, report: MonthReport) -> None:
    """Print the sentences, numbered; the names of KPIs are bold."""
    terminal.print(f"{report.content.catalog.company}: {report.title}", style="bold", highlight=False)
    lines = Table.grid(padding=(0, 1, 0, 0))
    lines.add_column(justify="right")
    lines.add_column()
    for number, sentence in enumerate(report.sentences(), 1):
        words = ((part.text, "bold") if part.kpi_id else part.text for part in sentence)
        lines.add_row(f"{number}.", styled(*words))
    terminal.print(lines)
    terminal.print(_release(report), style="dim", highlight=False)
    hint = report.language.t("`kpi why KPI PERIOD` shows the figures behind a sentence.")
    terminal.print(hint, style="dim", highlight=False)


def markdown(report: MonthReport, site: str) -> str:
    """The sentences as Markdown, each KPI linked to its page below the address `site`."""
    lines = [f"# {_escaped(report.content.catalog.company)}: {_escaped(report.title)}", ""]
    for number, sentence in enumerate(report.sentences(), 1):
        lines.append(f"{number}. {''.join(_linked(part, site) for part in sentence)}")
    return "\n".join([*lines, "", _escaped(_release(report))])


def _release(report: MonthReport) -> str:
    """From which release the report is written."""
    release = report.content.release
    words = "From the values of release {number} of {day}."
    return report.language.t(words, number=release.sequence, day=report.language.day(release.realtime_start))


def _linked(part: Part, site: str) -> str:
    if part.page:
        return f"[{_escaped(part.text)}]({site}/{part.page})"
    if not part.kpi_id:
        return _escaped(part.text.replace("\N{NO-BREAK SPACE}", " "))
    anchor = f"#{part.period}" if part.period else ""
    return f"[{_escaped(part.text)}]({site}/{page_file(part.kpi_id)}{anchor})"


def _escaped(text: str) -> str:
    return plain(one_line(text))

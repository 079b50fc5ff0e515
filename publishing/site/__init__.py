"""The site: the scorecard, a page for each KPI and one on the data, as files that a browser opens from disk.

It is rendered from the published file and the newest release's catalogue. A file is only written if it
differs, under a temporary name, and is then renamed. The first page, which names the release, comes last. So an
interrupted call leaves no half pages, and the next call completes the rest. Nothing here decides what may be published.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from data_quality.ledger.lock import releasing
from data_quality.ledger.store import Ledger
from metrics.core import deployment
from metrics.core.errors import NyckeltalError, disk_faults_reported
from metrics.core.periods import parse
from metrics.core.private_files import make_data_dir
from metrics.core.text import visible
from metrics.definitions.catalog import Catalog
from publishing import duckdb_file
from publishing.answers import objectives
from publishing.duckdb_file import rendering
from publishing.language import language
from publishing.statuses import REVISIONS

_FOLDER = Path(__file__).parent
_COPIED = ("style.css", "sort.js")
_HEAD = re.compile(r'<html lang="(\w+)" data-release="(\w+)">')
_OUTCOME_WORDS = {
    "pass": "passed",
    "fail": "didn't pass",
    "not_applicable": "doesn't apply",
    "not_evaluated": "could not be evaluated",
}
_DIRECTION_WORDS = {
    "up": "more is better",
    "down": "less is better",
    "band": "neither too much nor too little",
    "none": "context only",
}
_DECISION_WORDS = {
    "release": "released by",
    "reject": "rejected by",
    "acknowledge": "acknowledged by",
    "review": "reviewed by",
}
_MARK_WORDS = {
    "usual": "usual range: where a value lies that follows the one before, or that of a year ago, by a usual change",
    "provisional": "provisional",
    "suppressed": "suppressed",
    "held": "held: waits for a decision",
    "flagged": "published with a warning",
    "revised": "first published value",
    "break": "break in the series",
}
_USUAL_WORDS = (
    "A change marked usual is within the KPI's usual variation, as nineteen of twenty of its changes are. One of more"
    " than 100 % says nothing, and is shown as a dash."
)
RELEASE_CHECKS = {  # what a release looks at, beside the checks of the gate (docs/reference/statuses.md)
    "closed_period": "The value of a closed period doesn't change.",
    "unexplained_change": "The value of an open period changes only where newer rows came.",
    "refactoring": "A definition that is recorded as a refactoring gives the same values.",
    "reconciliation": "Months, quarter and year don't contradict each other.",
    "base_restated": "No earlier period that the KPI looks back on has a changed value that is held.",
}


def publish(ledger: Ledger) -> None:
    """Render the site unless it shows the ledger's newest release already; in the language that it has, else English.

    It is left as it is where the published file could not be rendered, for which that one's publisher gives the reason.
    The caller must hold the release lock.
    """
    newest = ledger.newest
    if newest is None or _release_shown() == newest["release_id"]:
        return
    last = rendering.read(deployment.published_path())
    if last is not None and rendering.is_current(last, ledger):
        write(ledger)


def rebuild(code: str | None = None) -> Path:
    """Render the site again from the ledger, with the published file where that isn't of the newest release.

    The path of its first page. `code` is its language, else it keeps that which it has.
    Raises NyckeltalError for another language, when nothing was published, or when a file can't be written.
    """
    make_data_dir()
    with releasing():
        ledger = Ledger.open(deployment.ledger_path(), make=False)
        duckdb_file.publish(ledger)
        return write(ledger, code)


def write(ledger: Ledger, code: str | None = None) -> Path:
    """Render the site again; as `rebuild` does, from a published file of the ledger's newest release."""
    if ledger.newest is None:
        raise NyckeltalError("nothing was published yet", file=ledger.root)
    chosen = language(code or _shown(1) or "en").code
    folder = deployment.site_path().parent
    catalog = duckdb_file.newest_catalog(ledger)
    with disk_faults_reported("the site can't be written", folder):
        for parent in (folder.parent, folder):
            parent.mkdir(exist_ok=True)
            parent.chmod(0o755)  # other users can read it, whatever the umask of this process
        names = set()
        for name, text in render(catalog, deployment.published_path(), chosen):
            _put(folder / name, text)
            names.add(name)
        for file in folder.iterdir():
            if file.name not in names and file.is_file():
                file.unlink()  # the page of a KPI that isn't adopted any more, or a draft of an interrupted call
    return deployment.site_path()


def render(catalog: Catalog, published: Path, code: str) -> Iterator[tuple[str, str]]:
    """The files of the site, as name and text, the first page last. `catalog` is that of the newest release."""
    from data_quality.gate.checks.registry import CHECKS
    from publishing.site import content, leading, shifts
    from publishing.site.data_page import DataPage
    from publishing.site.kpi_pages import KpiPages
    from publishing.site.month_report import report_of
    from publishing.site.objectives_page import ObjectivesPage

    catalog = catalog.in_language(code)
    site = KpiPages(content.read(published, catalog), language(code))
    shifted = shifts.read(published, catalog, site.language)
    leads = leading.read(published, catalog, site.language)
    shared: dict[str, Any] = {
        "site": site,
        "report_file": report_file(site.closed_month_code()),
        "content": site.content,
        "language": site.language,
        "t": site.language.t,
        "company": catalog.company,
        "shifted": shifted,
        "shifted_of": shifts.by_kpi(shifted),
        "file": page_file,
        "revision_words": REVISIONS,
        "outcome_words": _OUTCOME_WORDS,
        "direction_words": _DIRECTION_WORDS,
        "decision_words": _DECISION_WORDS,
        "mark_words": _MARK_WORDS,
        "usual_words": _USUAL_WORDS,
        "sentences": {check.name: check.sentence for check in CHECKS} | RELEASE_CHECKS,
    }

    def page(template: str, **facts: Any) -> str:
        text: str = _templates().get_template(f"{template}.html.j2").render(**shared, **facts)
        return text

    for name in _COPIED:
        yield name, (_FOLDER / name).read_text(encoding="utf-8")
    for kpi in catalog.kpis:
        yield (
            page_file(kpi.kpi_id),
            page("kpi", leading=leading.notes(leads, kpi), **site.kpi_facts(kpi, shared["sentences"])),
        )
    yield (
        "objectives.html",
        page("objectives", here="objectives.html", page=ObjectivesPage(site, _objectives(published))),
    )
    report = report_of(published, site.content, site.language, parse(site.closed_month_code()), shifted)
    yield shared["report_file"], page("report", here=shared["report_file"], report=report)
    yield "data.html", page("data", here="data.html", data=DataPage(site.content, site.language))
    yield "domains.html", page("scorecard", by="domain", here="index.html")
    yield (
        deployment.site_path().name,
        page("scorecard", by="objective", here="index.html", release_id=site.content.release.release_id),
    )


def _objectives(published: Path) -> list[dict[str, Any]]:
    """The tree of objectives in the published file."""
    with duckdb.connect(str(published), read_only=True) as connection:
        return objectives.tree(connection)


def page_file(kpi_id: str) -> str:
    """The name of a KPI's page."""
    return f"kpi-{kpi_id}.html"


def report_file(month: str) -> str:
    """The name of a month's report. The site has only the report of the newest closed month."""
    return f"report-{month}.html"


def _put(file: Path, text: str) -> None:
    """Write the text to the file, unless the file has this text already."""
    if file.exists() and file.read_bytes() == text.encode("utf-8"):
        return
    draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o644)
    draft.replace(file)


def _release_shown() -> str | None:
    return _shown(2)


def _shown(group: int) -> str | None:
    """What the first page says of itself: the language (1), the release (2); None without a whole page."""
    try:
        text = deployment.site_path().read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    match = _HEAD.search(text) if text.rstrip().endswith("</html>") else None
    return match[group] if match else None


@cache
def _templates() -> Any:
    """The templates. Every text is escaped, and its control characters are written out."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )

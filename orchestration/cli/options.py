"""Options and arguments that several commands share, and the checks of their values."""

from __future__ import annotations

import getpass
from datetime import date, datetime
from typing import Annotated

import typer

from metrics.core.errors import NyckeltalError
from metrics.core.periods import FREQ_NAMES
from metrics.definitions.catalog import CatalogKpi

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Lang = Annotated[str, typer.Option(help="The language of the sentences, en or sv.")]
Freq = Annotated[str | None, typer.Option(help="W, M, Q or A. Without it M, or the frequency that the KPI has.")]
Last = Annotated[int, typer.Option(min=1, help="The number of periods, counted back from the newest.")]
AsOf = Annotated[str, typer.Option("--as-of", metavar="DAY", help="As it was published by the end of that day.")]
Reason = Annotated[str, typer.Option(help="Why. It is published with the decision.")]
By = Annotated[
    str | None,
    typer.Option(
        help="Who decides, as roles.yml names them. Without it, the user who runs the command. Recorded, not"
        " authenticated."
    ),
]
StatedBy = Annotated[
    str, typer.Option(envvar="USER", help="Who states this, as roles.yml names them. Recorded, not authenticated.")
]


def user() -> str:
    """The user who runs the command. Raises NyckeltalError where the environment names none."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        raise NyckeltalError("the environment names no user", field="--by", expected="who decides") from None


def past_day(text: str) -> date | None:
    """The day of --as-of, None for an empty text. Raises NyckeltalError for another text."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date() if text else None
    except ValueError:
        raise NyckeltalError("is no day", field="--as-of", found=text, expected="such as 2026-10-09") from None


def published_freq(freq: str, kpi: CatalogKpi | None) -> str:
    """The frequency `freq`, if the KPI is published at it (None: if any KPI can be).

    Raises NyckeltalError for another frequency.
    """
    freqs = kpi.freqs if kpi else tuple(FREQ_NAMES)
    if freq not in freqs:
        subject = f"{kpi.kpi_id} is" if kpi else "KPIs are"
        problem = f"{subject} not published {FREQ_NAMES.get(freq, 'at this frequency')}"
        raise NyckeltalError(problem, field="--freq", found=freq, expected=" or ".join(freqs))
    return freq

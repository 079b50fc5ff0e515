"""The command line of the simulator: `python -m sample_company.simulator --out DIR`."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sample_company.simulator.run import simulate
from sample_company.simulator.timeline import TIME_ZONE, Span

START = date(2023, 11, 1)
"""The feeds' `history_from`: fixed, so that a later run adds to the history and never rewrites it."""


def yesterday() -> date:
    """The newest whole local day (NYCKELTAL_NOW, an ISO time, stands in for the present)."""
    stated = os.environ.get("NYCKELTAL_NOW")
    now = datetime.fromisoformat(stated) if stated else datetime.now(UTC)
    if now.tzinfo is None:
        now = now.replace(tzinfo=UTC)
    return now.astimezone(ZoneInfo(TIME_ZONE)).date() - timedelta(days=1)


def main() -> None:
    """Read the arguments and simulate."""
    parser = argparse.ArgumentParser(
        prog="python -m sample_company.simulator",
        description="Write what the source systems of Nordvik, the sample company, deliver.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--until", type=date.fromisoformat, default=None, help="last day (default: yesterday)")
    parser.add_argument(
        "--start",
        type=date.fromisoformat,
        default=START,
        help=f"first day, the first of a month (default: {START}, as the feeds say)",
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="how much customers do: 1 is about 150 orders a day. Staff, incidents and meters stay",
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed is another Nordvik")
    given = parser.parse_args()
    try:
        span = Span(start=given.start, until=given.until or yesterday(), seed=given.seed, scale=given.scale)
    except ValueError as problem:
        parser.error(str(problem))
    os.umask(0o077)  # pay is among what it writes
    simulate(given.out, span)


if __name__ == "__main__":
    main()

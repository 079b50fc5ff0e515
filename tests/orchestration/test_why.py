"""What `kpi why` prints: numbers as exact as the change needs."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from orchestration.cli.reports.why import print_movement
from publishing.answers.reasons import Reasons
from publishing.language import language


def printed(before: float, after: float, added: list[float], unit: str) -> str:
    """The report of a change to which a member of a segment adds each of `added`."""
    members = [{"member": f"m{place}", "before": before, "after": after, "adds_to_change": value}
               for place, value in enumerate(added)]  # fmt: skip
    answer: dict[str, Any] = {
        "not_mature": None,
        "value": {"name": "Conversion", "value": after, "period": "2026-10"},
        "compared_with": {"value": before, "period": "2026-09"},
        "change": {"absolute": after - before, "relative": None},
        "segments": [{"segment": "channel", "members": members, "members_not_shown": 0}] if members else [],
        "incidents": [],
        "data": [],
    }
    out = io.StringIO()
    print_movement(Console(file=out, width=100), Reasons(language("en"), answer, unit, "SEK", {}))
    return out.getvalue().replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("before", "after", "unit", "sentence"),
    [
        (0.02681, 0.02731, "fraction", "was 2.73 % in October 2026: 0.050 pp more than in September 2026, 2.68 %."),
        (0.02, 0.035, "fraction", "was 3.5 % in October 2026: 1.5 pp more than in September 2026, 2.0 %."),
        (17_912_345.0, 17_900_045.0, "currency",
         "was 17.900 M SEK in October 2026: 12,300 SEK less than in September 2026, 17.912 M SEK."),
        (12.0, 13.0, "count", "was 13 in October 2026: 1 more than in September 2026, 12."),
        (5.0, 5.0, "hours", "was 5.00 hours in October 2026, as in September 2026."),
    ],
)  # fmt: skip
def test_both_values_show_the_change(before: float, after: float, unit: str, sentence: str) -> None:
    assert sentence in " ".join(printed(before, after, [], unit).split())


def test_what_is_nothing_beside_the_change_is_shown_as_nothing() -> None:
    text = printed(4.0, 4.4, [0.4, 4.2e-05, *[1e-9] * 6], "turns per year")
    assert "+0.40 turns per year" in text and "e-0" not in text and "0.0000" not in text
    assert "2 others together 0.00 turns per year.\n\nWhat is added" in text


def test_small_numbers_are_written_out() -> None:
    assert "was 0.0003 tonnes in October 2026: 0.00028 tonnes more" in printed(0.00002, 0.0003, [], "tonnes")

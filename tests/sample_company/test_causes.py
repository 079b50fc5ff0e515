"""What causes what in the sample company: an analysis of its figures has something true to find."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
from python_calamine import CalamineWorkbook

from sample_company.simulator.files import SourceFolder
from sample_company.simulator.people.staff import Staff, staff_ahead
from sample_company.simulator.people.staff_survey import ITEMS, Survey
from sample_company.simulator.timeline import Span


def test_engagement_falls_in_the_quarter_before_many_leave(tmp_path: Path) -> None:
    span = Span(start=date(2023, 11, 1), until=date(2026, 9, 30), seed=1, scale=1.0)
    staff = Staff(span)
    survey = Survey(span, staff, staff_ahead(span))
    for month in span.months():
        staff.run(month)
        survey.run(month)
    survey.write(SourceFolder(tmp_path))

    header, *rows = (
        CalamineWorkbook.from_path(tmp_path / "hr/pulse_survey.xlsx").get_sheet_by_name("Answers").to_python()
    )
    answers: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        answers[str(cells["wave"])] += [float(str(cells[item])) >= 4 for item in ITEMS if cells[item] != ""]
    leavers: dict[str, int] = defaultdict(int)
    for day in staff.left[~np.isnat(staff.left)].astype(object):
        leavers[f"{day.year}-Q{(day.month + 2) // 3}"] += 1

    waves = sorted(answers)[:-1]
    engagement = [np.mean(answers[wave]) for wave in waves]
    next_quarter = [leavers[wave] for wave in sorted(answers)[1:]]
    assert len(waves) == 11
    assert np.corrcoef(engagement, next_quarter)[0, 1] < -0.5
    assert max(engagement) - min(engagement) > 0.08

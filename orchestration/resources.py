"""The resource that the steps of a run share."""

from __future__ import annotations

from typing import Any

from orchestration.stages import Stages


class RunResources:
    """What the steps of a run report to the code that started it.

    `build_failures` has the reason for each KPI that could not be built; `feed_reports` (FeedReport), `verdicts`
    (Verdict) and `release` (Release) are the results of ingest, gate and publication.
    """

    def __init__(self, stages: Stages | None = None) -> None:
        self.stages = stages or Stages()
        self.feed_reports: list[Any] = []
        self.build_failures: dict[str, str] = {}
        self.verdicts: list[Any] = []
        self.release: Any = None

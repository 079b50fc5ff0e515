"""What the steps of a run are given."""

from __future__ import annotations

from typing import Any

from orchestration.stages import Stages


class RunResources:
    """What a run's steps tell its starter: stages, feed reports, verdicts, release."""

    def __init__(self, stages: Stages | None = None) -> None:
        self.stages = stages or Stages()
        self.feed_reports: list[Any] = []
        self.build_failures: dict[str, str] = {}
        self.verdicts: list[Any] = []
        self.release: Any = None

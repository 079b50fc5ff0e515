"""The stages of a run: the current stage and its progress, and the time that each stage took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from metrics.core.errors import values_withheld


def _silent(_: str) -> None:
    pass


@dataclass
class Stages:
    """A stopwatch that the steps of a run share. It calls `ended` with the name of each stage when the stage ends.

    `seconds` has the time of each stage that has ended, in the order of their first end; `failed` are those that ended
    with an error. `current` is the name of the current stage (empty between stages), `detail` its progress, such as
    "45 of 120".
    """

    ended: Callable[[str], None] = _silent
    seconds: dict[str, float] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    current: str = ""
    detail: str = ""
    _began: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times one stage. A stage that runs again adds to its seconds.

        Other errors than NyckeltalError lose their message: it may quote a value, and Dagster would store it.
        """
        self.current, self.detail, self._began = name, "", time.perf_counter()
        try:
            with values_withheld(name):
                yield
        except BaseException:
            self.failed.add(name)
            raise
        finally:
            self.seconds[name] = self.spent(name)
            self.current = ""
            self.ended(name)

    def spent(self, name: str) -> float:
        """The seconds that a stage has taken so far."""
        running = time.perf_counter() - self._began if name == self.current else 0.0
        return self.seconds.get(name, 0.0) + running

    def report(self, detail: str) -> None:
        """Sets the progress of the current stage."""
        self.detail = detail

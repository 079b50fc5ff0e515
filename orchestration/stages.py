"""The stages of a run: which one is under way and how far it is, and the seconds that each one took."""

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
    """A stopwatch that the steps of a run share; `ended` is called with each stage's name as it ends.

    `seconds` has the stages that have ended, in the order in which they first did; `failed` those among them that an
    error ended. Of the stage under way, `current` is the name (empty between stages) and `detail` says how far it is,
    such as "45 of 120".
    """

    ended: Callable[[str], None] = _silent
    seconds: dict[str, float] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    current: str = ""
    detail: str = ""
    _began: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times one stage. One that comes again adds to its seconds.

        An error that is no NyckeltalError leaves it without its text, which may quote a value: Dagster keeps it.
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
        """The seconds that a stage took so far."""
        running = time.perf_counter() - self._began if name == self.current else 0.0
        return self.seconds.get(name, 0.0) + running

    def report(self, detail: str) -> None:
        """Says how far the stage under way is."""
        self.detail = detail

"""Shows the stages of a run on the terminal: ended stages with their time, and the progress of the current one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from orchestration.cli.terminal import DONE, FAILED, styled
from orchestration.stages import Stages


@contextmanager
def shown(console: Console) -> Iterator[Stages]:
    """Stages shown live on a terminal; elsewhere, such as in a log, each stage gives a line when it ends."""
    if console.is_terminal:
        stages = Stages()
        with Live(_Display(stages), console=console, refresh_per_second=8, redirect_stdout=False):
            yield stages
        return

    def line(name: str) -> None:
        console.print(styled(_mark(stages, name), f"{name} {duration(stages.seconds[name])}"), highlight=False)

    stages = Stages(ended=line)
    yield stages


def duration(seconds: float) -> str:
    """A time as text: 4.2 s, 1 min 12 s."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _mark(stages: Stages, name: str) -> tuple[str, str]:
    return FAILED if name in stages.failed else DONE


class _Display:
    """A table with a line for each stage; Rich calls `__rich__` at every refresh of the terminal."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._spinner = Spinner("dots", style="cyan")

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        stages = self._stages
        for name in dict.fromkeys((*stages.seconds, stages.current)):
            if name:
                running = name == stages.current
                mark = self._spinner if running else styled(_mark(stages, name))
                detail = styled((stages.detail, "dim")) if running else ""
                table.add_row(mark, name, duration(stages.spent(name)), detail)
        return table

"""The command `kpi` in the process of the tests, where what is tested isn't the process itself."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from orchestration.cli.app import main


@dataclass(frozen=True)
class Ended:
    """The status of a command that has ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def kpi_command(*arguments: str) -> Ended:
    """Runs `kpi` with these arguments. An error that `kpi` doesn't report is raised."""
    stdout, stderr = io.StringIO(), io.StringIO()
    status = 0
    with patch.object(sys, "argv", ["kpi", *arguments]), redirect_stdout(stdout), redirect_stderr(stderr):
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Ended(status, stdout.getvalue(), stderr.getvalue())

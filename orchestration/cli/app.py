"""The command `kpi`: collects the commands, runs one, and reports a user's mistake. The commands are in `commands/`."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

import typer

from metrics.core.deployment import data_dir
from metrics.core.errors import NyckeltalError
from metrics.core.text import storable
from orchestration.cli.commands import command_groups
from orchestration.cli.terminal import FAILED, console, styled

app = typer.Typer(
    name="kpi", help="Governed KPIs: define, compile, run, look up.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
for group in command_groups():
    app.add_typer(group)


def main() -> None:
    """Runs the command. A user's mistake ends it with one line on standard error and exit status 2."""
    try:
        for number, argument in enumerate(sys.argv[1:], 1):
            if not storable(argument):
                raise NyckeltalError("is not UTF-8 text, so it can't be stored", field=f"argument {number}")
        app()
    except NyckeltalError as error:
        console(stderr=True).print(styled(FAILED, str(error)), highlight=False, soft_wrap=True)
        sys.exit(2)
    except OSError as error:
        reason = f"{error.filename or data_dir()}: {error.strerror}"
        console(stderr=True).print(styled(FAILED, reason), soft_wrap=True)
        sys.exit(2)


def command() -> NoReturn:
    """The script `kpi`: runs the command in this process, and ends the process."""
    # Nearly all objects of a command live until its end. Garbage collection would search them for two seconds of a run.
    gc.disable()
    status = 0
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, int):
            status = end.code
        elif end.code is not None:  # the interpreter prints a text and ends with status 1; so does this
            sys.stderr.write(f"{end.code}\n")
            status = 1
    # The interpreter would take two seconds to unload the modules of a run; all output is written by now.
    atexit._run_exitfuncs()
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    command()

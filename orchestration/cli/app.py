"""The command `kpi`: collects the commands, runs one, and reports a user's mistake. The commands are in `commands/`."""

from __future__ import annotations

import sys

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


if __name__ == "__main__":
    main()

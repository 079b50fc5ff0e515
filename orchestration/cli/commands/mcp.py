"""The command that AI assistants start: `kpi mcp`."""

from __future__ import annotations

import typer

HELP_ORDER = 6
app = typer.Typer()


@app.command()
def mcp() -> None:
    """Answer an AI assistant's questions on published KPIs: a read-only Model Context Protocol server.

    It speaks over standard input and output, and is started by the assistant's program.
    """
    from publishing import mcp_server

    mcp_server.server().run()

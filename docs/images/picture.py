"""Makes a picture of a terminal: `python docs/images/picture.py held.svg "kpi held"`.

The command runs in a pseudo-terminal, in which it prints its colours; what it printed is drawn by rich. The pictures
need no font from the network.
"""

from __future__ import annotations

import io
import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100


def main(file: str, command: str) -> None:
    os.environ |= {"COLUMNS": str(WIDTH), "TERM": "xterm-256color", "FORCE_COLOR": "1"}
    printed = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 1024)
        printed.extend(data)
        return data

    pty.spawn(["sh", "-c", command], read)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
    console.print(Text.from_ansi(printed.decode().replace("\r\n", "\n")))
    svg = console.export_svg(title="Nyckeltal", unique_id=Path(file).stem)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (Path(__file__).parent / file).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

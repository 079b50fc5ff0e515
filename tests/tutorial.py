"""The tutorial as a program: its files, its commands, and their outputs on the page.

`python -m tests.tutorial` does the tutorial from its first command to its last in a temporary home folder, which takes
some four minutes. It writes the outputs on the page anew, and the picture of a command of it that the README shows.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from metrics.core.deployment import PROJECT

PAGE = PROJECT / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE_NAME = re.compile(r"`([\w/]+\.(?:yml|sql))`")
_MARK = "=== block "
_PICTURED = "kpi held net_revenue-2026-04"


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """The page's blocks in order: (file name, content), ("bash", commands) or ("", output of the commands before)."""
    for block in _BLOCK.finditer(text):
        name, content = block.groups()
        if name in ("yaml", "sql"):
            paragraph = text[: block.start()].rstrip().rpartition("\n\n")[2]
            name = _FILE_NAME.findall(paragraph)[-1]
        yield name, content


def script(text: str) -> str:
    """A shell script that does what the page says; it prints a mark before each block of commands."""
    lines = [f"cd '{PROJECT}'"]
    for number, (name, content) in enumerate(blocks(text)):
        if name == "bash":
            lines.append(f"echo '{_MARK}{number}'\n{content}")
            if content.strip() == _PICTURED:
                lines.append(f"python '{PROJECT}/docs/images/picture.py' held.svg '{_PICTURED}' </dev/null >/dev/null")
        elif name:
            lines.append(f"cat > {name} <<'END_OF_FILE'\n{content}END_OF_FILE")
    return "\n".join(lines)


def with_outputs(text: str, printed: str, home: str) -> str:
    """The page with what was printed, in the home folder of a reader whose copy of the project lies there too."""
    printed = printed.replace(home, "~").replace(str(PROJECT), "~/nyckeltal")
    parts = re.split(rf"^{_MARK}(\d+)\n", printed, flags=re.MULTILINE)
    outputs = dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))
    newest, number = "", -1

    def anew(block: re.Match[str]) -> str:
        nonlocal newest, number
        number += 1
        if block[1] == "bash":
            newest = outputs[number]
        if block[1]:
            return block[0]
        lines = [line.rstrip() for line in newest.strip("\n").splitlines()]
        return "\n".join(["```", *lines, "```"])

    return _BLOCK.sub(anew, text)


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    with TemporaryDirectory() as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NYCKELTAL_")}
        process = subprocess.run(
            ["bash", "-c", script(text)], env={**environment, "HOME": home, "COLUMNS": "100"}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=True,
        )  # fmt: skip
        PAGE.write_text(with_outputs(text, process.stdout, str(Path(home))), encoding="utf-8")


if __name__ == "__main__":
    main()

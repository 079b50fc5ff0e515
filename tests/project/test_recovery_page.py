"""What `docs/how-to/recovery.md` quotes is what the program says."""

from __future__ import annotations

import errno
import os
import re

import pytest

from metrics.core.deployment import PROJECT

PAGE = (PROJECT / "docs" / "how-to" / "recovery.md").read_text(encoding="utf-8")
# Quoted without the file before it; what differs from time to time is left out, as `…`, in brackets or as a number.
QUOTED = [re.sub(r"^\S+: ", "", quoted) for quoted in re.findall(r"`✗ (.+?)`", PAGE)]


def _words(text: str) -> str:
    """A text as the sources hold it, over several lines: blanks and the signs that join parts are left out."""
    return re.sub(r'[\s"]|\bf(?=")', "", text)


@pytest.mark.parametrize("quoted", QUOTED)
def test_a_quoted_message_stands_in_the_sources(quoted: str) -> None:
    folders = [PROJECT / name for name in ("metrics", "data_quality", "publishing", "orchestration")]
    texts = [path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py")]
    sources = _words("\n".join([*texts, os.strerror(errno.ENOSPC)]))
    fragments = [part for part in re.split(r"[…:;]|\(\w+\)|\S*/\S+|\d+", quoted) if len(part) > 12]
    assert fragments and not [part for part in fragments if _words(part) not in sources]

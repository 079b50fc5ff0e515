"""How many examples Hypothesis tries: few in `make test`, ten times as many in `make thorough`."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

_TIMES = int(os.environ.get("NYCKELTAL_TIMES_EXAMPLES", "1"))


def examples(count: int, **options: Any) -> settings:
    """Settings for a test whose examples differ in their time, with so many examples in `make test`."""
    return settings(max_examples=count * _TIMES, deadline=None, **options)

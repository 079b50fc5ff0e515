"""What Dagster's own processes load (`workspace.yaml`): the definitions of the company in `NYCKELTAL_COMPANY`."""

from __future__ import annotations

import os

from metrics.core.private_files import OTHERS
from orchestration.definitions import build_defs

os.umask(OTHERS)  # this process is Dagster's own: all that it writes is private, but for the published file
defs = build_defs()

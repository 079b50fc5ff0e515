"""The module that Dagster's own processes load (`workspace.yaml`): the definitions of the company.

The company's folder is in the environment variable `NYCKELTAL_COMPANY`.
"""

from __future__ import annotations

import os

from metrics.core.private_files import GROUP_AND_OTHERS_BITS
from orchestration.definitions import build_defs

os.umask(
    GROUP_AND_OTHERS_BITS
)  # this process belongs to Dagster: all files that it writes are private, except the published file
defs = build_defs()

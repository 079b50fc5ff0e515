"""What Dagster's own processes load (`workspace.yaml`): the definitions of the company in `NYCKELTAL_COMPANY`."""

from __future__ import annotations

from orchestration.definitions import build_defs

defs = build_defs()

"""The columns of the ledger's four tables, and which of them name a row.

Columns are only ever added, at the end and nullable: `Ledger.open` adds them to an older ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pyarrow as pa

_TEXT, _DAY, _NUMBER, _COUNT = pa.string(), pa.date32(), pa.float64(), pa.int64()
_MOMENT = pa.timestamp("us", tz="UTC")


def _schema(*fields: tuple[str, pa.DataType], required: str) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=name not in required.split()) for name, kind in fields])


OBSERVATIONS = _schema(
    ("release_id", _TEXT),
    ("kpi_id", _TEXT),
    ("freq", _TEXT),
    ("time_period", _TEXT),
    ("period_start", _DAY),
    ("period_end", _DAY),
    ("segment", _TEXT),
    ("member", _TEXT),
    ("obs_value", _NUMBER),
    ("numerator", _NUMBER),
    ("denominator", _NUMBER),
    ("n_obs", _COUNT),
    ("n_persons_numerator", _COUNT),  # NULL for protected KPIs, always
    ("n_persons_denominator", _COUNT),
    ("obs_status", _TEXT),
    ("conf_status", _TEXT),
    ("definition_version", _COUNT),
    ("definition_hash", _TEXT),
    ("candidate_hash", _TEXT),
    ("realtime_start", _DAY),
    ("published_at", _MOMENT),
    ("revision_type", _TEXT),  # NULL for the first vintage and where only the status changed
    ("revision_reason", _TEXT),
    ("decision_id", _TEXT),  # the decision that released it; NULL where none was needed
    ("year_to_date", _NUMBER),
    ("rolling_12_months", _NUMBER),
    required="release_id kpi_id freq time_period period_start period_end segment member obs_status conf_status"
    " definition_version definition_hash candidate_hash realtime_start published_at",
)
VERDICTS = _schema(
    ("release_id", _TEXT),
    ("kpi_id", _TEXT),
    ("freq", _TEXT),
    ("time_period", _TEXT),
    ("verdict", _TEXT),
    ("checks", _TEXT),
    ("candidate_hash", _TEXT),
    ("definition_hash", _TEXT),
    ("batch_id", _TEXT),
    ("judged_at", _MOMENT),
    required="release_id kpi_id freq time_period verdict checks definition_hash judged_at",
)
DECISIONS = _schema(
    ("decision_id", _TEXT),
    ("kpi_id", _TEXT),
    ("freq", _TEXT),
    ("time_period", _TEXT),
    ("candidate_hash", _TEXT),
    ("decision", _TEXT),
    ("checks", _TEXT),
    ("reason", _TEXT),
    ("decided_by", _TEXT),  # recorded, not authenticated
    ("decided_at", _MOMENT),
    ("incident_id", _TEXT),  # the incident that the decision settled; it has one row for each of the incident's keys
    ("new_level_from", _DAY),  # the first day of the KPI's new level, where the release decision states one
    ("outcome", _TEXT),  # of a review: keep, change or retire; of an opinion: adopt, leave out, retire or keep
    required="decision_id kpi_id decision checks reason decided_by decided_at",
)
RELEASES = _schema(
    ("release_id", _TEXT),
    ("sequence", _COUNT),
    ("realtime_start", _DAY),
    ("published_at", _MOMENT),
    ("n_observations", _COUNT),
    ("n_verdicts", _COUNT),
    ("content_hash", _TEXT),
    ("previous_hash", _TEXT),
    ("catalog", _TEXT),
    ("batch_id", _TEXT),
    ("manifest", _TEXT),  # a line for each row that the release covers, so that a damaged row can be named
    ("note", _TEXT),  # what a person stated with the release: that the clock had been ahead before it, or a purge
    ("purge", _TEXT),  # which rows a purge changed in the releases before it, and who made it (JSON of verify.Purge)
    ("company", _TEXT),  # how far each feed had come, and who may decide (JSON of release/company_record.py)
    required="release_id sequence realtime_start published_at n_observations n_verdicts content_hash catalog",
)
# In the order in which they are made. The releases come last: when they exist, the ledger is complete.
SCHEMAS = {"observations": OBSERVATIONS, "verdicts": VERDICTS, "decisions": DECISIONS, "releases": RELEASES}
# The columns of the first format, by their number. Hashes cover them always, and later columns only where they have a
# value, so that the hashes of older rows stay the same.
_FIRST_COLUMNS = {"observations": 24, "verdicts": 10, "decisions": 10, "releases": 10}
FIRST_FORMAT = {name: frozenset(schema.names[: _FIRST_COLUMNS[name]]) for name, schema in SCHEMAS.items()}
KEY_COLUMNS = {
    "observations": ("kpi_id", "freq", "time_period", "segment", "member"),
    "verdicts": ("kpi_id", "freq", "time_period"),
    "decisions": ("decision_id",),
    "releases": ("sequence",),
}
Rows = Sequence[dict[str, Any]]
TableName = Literal["observations", "verdicts", "decisions", "releases"]

"""Ingest: what the source systems delivered, into the warehouse's raw schema. No formulas and no Dagster here."""

from orchestration.ingest.load import ingest
from orchestration.ingest.record import FeedReport

__all__ = ["FeedReport", "ingest"]

"""Ingest: what the source systems delivered, into the warehouse's raw schema. It computes nothing and knows no Dagster."""

from orchestration.ingest.load import ingest
from orchestration.ingest.record import FeedReport

__all__ = ["FeedReport", "ingest"]

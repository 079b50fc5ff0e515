"""Timings of the metric engine, side by side with what else computes the same values."""

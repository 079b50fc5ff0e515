"""How far the distribution of a block of rows is from the distribution of the most similar block of the past year.

A block is a week or a month. Arrays called `past` have a row and a column for each block: whether the block of the
column is in the reference period of the block of the row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_quality.gate.checks.blocks import CHANCE_DEVIATIONS, MAX_DAYS_BEFORE, MIN_BLOCKS, MIN_DAYS_BEFORE
from data_quality.gate.checks.series import Numbers

# A Poisson count with this mean is zero once in e^10 times.
_MIN_LOST = 10


def is_past(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The array `past` (see above) of blocks that begin on those days."""
    ago = days[:, None] - days[None, :]
    return (ago >= MIN_DAYS_BEFORE) & (ago <= MAX_DAYS_BEFORE)


def unlikeness(
    past: NDArray[np.bool_], shares: Numbers, to_come: NDArray[np.bool_]
) -> tuple[Numbers, NDArray[np.int64], Numbers]:
    """For each block: the distance to the most similar block of its reference period, the index of that block, and the
    usual distance, which is the largest of the blocks of the reference period.

    `shares` has a row for each block and a column for each class of values: the share of the block's rows. The distance
    is the total variation distance: the share of rows whose class would have to change. `to_come` has the shape
    of `shares`: classes that the rows of a young block can't have reached yet; they are compared as if they were one
    class. The distance is NaN without a reference period; the usual distance is NaN where that has fewer than
    MIN_BLOCKS blocks with a distance.
    """
    in_common = (np.minimum(shares[:, None, :], shares[None, :, :]) * ~to_come[:, None, :]).sum(axis=2)
    share_to_come = to_come @ shares.T
    own_share_to_come = np.diagonal(share_to_come)[:, None]
    similarity = np.where(past, in_common + np.minimum(own_share_to_come, share_to_come), -np.inf)
    nearest = similarity.argmax(axis=1)
    distance = np.where(past.any(axis=1), np.maximum(1 - similarity.max(axis=1), 0), np.nan)
    has_distance = past & ~np.isnan(distance)
    usual = np.where(has_distance, distance, -np.inf).max(axis=1)
    return distance, nearest, np.where(has_distance.sum(axis=1) >= MIN_BLOCKS, usual, np.nan)


def beyond_chance(distance: Numbers, usual: Numbers, n_rows: Numbers) -> Numbers:
    """The part of each distance beyond the usual one and beyond what chance explains for so many rows.

    Where the usual distance is zero, one row may differ.
    """
    rate = np.maximum(usual, np.minimum(1 / n_rows, 0.5))
    beyond: Numbers = np.maximum(distance - usual - CHANCE_DEVIATIONS * np.sqrt(rate * (1 - rate) / n_rows), 0)
    return beyond


def largest_lost_share(
    past: NDArray[np.bool_], shares: Numbers, to_come: NDArray[np.bool_], n_rows: Numbers
) -> Numbers:
    """For each block: the largest share, in every block of its reference period, of a class that it has no row of.

    It is the share in the block where the class was smallest. A class isn't counted if that means _MIN_LOST rows or
    fewer, or if the block's rows can't have reached it yet (`to_come`).
    """
    smallest = np.where(past[:, :, None], shares[None, :, :], np.inf).min(axis=1)
    is_lost = (shares == 0) & ~to_come & np.isfinite(smallest) & (smallest * n_rows[:, None] > _MIN_LOST)
    share: Numbers = np.where(is_lost, smallest, 0).max(axis=1)
    return share


def effective_fraction(past: NDArray[np.bool_], rows: Numbers, weights: Numbers) -> Numbers:
    """The effective sample size of each block as a fraction of its rows, from 0 to 1.

    `rows` and `weights` have a row for each block and a column for each class. Of a sum, rows with large values weigh
    more, so that fewer rows count as independent. The fraction is the median of the reference period, so that a few
    values that are far too large don't reduce it themselves.
    """
    sizes = weights / np.where(rows > 0, rows, 1)
    effective = weights.sum(axis=1) ** 2 / (weights * sizes).sum(axis=1) / rows.sum(axis=1)
    has_past = past.any(axis=1)
    effective[has_past] = np.nanmedian(np.where(past[has_past], effective, np.nan), axis=1)
    fraction: Numbers = np.clip(effective, 0, 1)
    return fraction

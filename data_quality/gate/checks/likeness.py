"""How unlike the past year a block of rows is, by the shares of classes in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_quality.gate.checks.blocks import BY_CHANCE, FARTHEST, FEWEST, NEAREST
from data_quality.gate.checks.series import Numbers


def is_past(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of each block (rows) which ones (columns) it is held against."""
    ago = days[:, None] - days[None, :]
    return (ago >= NEAREST) & (ago <= FARTHEST)


def unlikeness(
    past: NDArray[np.bool_], shares: Numbers, to_come: NDArray[np.bool_]
) -> tuple[Numbers, NDArray[np.int64], Numbers]:
    """Of each block its distance from the one most like it in the year before, which one that is, and the usual
    distance: the greatest of the year's own. NaN where the year has too few blocks to tell.

    `past` says of each block which ones it is held against, `shares` are the shares of the classes in each. The
    distance is the total variation: the share that would have to be of another class for the two to be alike. Classes
    that a block's rows may not have reached yet, as it is too young, are `to_come` and count as one.
    """
    alike = (np.minimum(shares[:, None, :], shares[None, :, :]) * ~to_come[:, None, :]).sum(axis=2)
    waiting = to_come @ shares.T
    common = np.where(past, alike + np.minimum(np.diagonal(waiting)[:, None], waiting), -np.inf)
    nearest = common.argmax(axis=1)
    distance = np.where(past.any(axis=1), np.maximum(1 - common.max(axis=1), 0), np.nan)
    known = past & ~np.isnan(distance)
    usual = np.where(known, distance, -np.inf).max(axis=1)
    return distance, nearest, np.where(known.sum(axis=1) >= FEWEST, usual, np.nan)


def beyond_chance(distance: Numbers, usual: Numbers, n_rows: Numbers) -> Numbers:
    """How far distances go beyond the usual ones and what chance makes of so many rows.

    Where nothing differs as a rule, a row may.
    """
    rate = np.maximum(usual, np.minimum(1 / n_rows, 0.5))
    beyond: Numbers = np.maximum(distance - usual - BY_CHANCE * np.sqrt(rate * (1 - rate) / n_rows), 0)
    return beyond


def freedom(past: NDArray[np.bool_], rows: Numbers, weights: Numbers) -> Numbers:
    """Which part of the rows counts as to chance: all of them, but of a sum those with large values count for more.

    As a rule in the past, so that a few values that are far too large are no excuse for themselves.
    """
    sizes = weights / np.where(rows > 0, rows, 1)
    effective = weights.sum(axis=1) ** 2 / (weights * sizes).sum(axis=1) / rows.sum(axis=1)
    known = past.any(axis=1)
    effective[known] = np.nanmedian(np.where(past[known], effective, np.nan), axis=1)
    free: Numbers = np.clip(effective, 0, 1)
    return free

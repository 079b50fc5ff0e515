"""The Great Expectations suite that judges the gate's frame: no figure of a check is above its limit.

Great Expectations passes an empty frame, a NaN and a condition that matches no row. So a figure counts as passed only
if the result shows that it was evaluated: missing figures are removed before, and evaluated ones are counted after.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from data_quality.gate.checks.check import LimitOf
from data_quality.gate.verdict import Outcome

_SENTENCE = "No figure is above its limit."


def judge(frame: pd.DataFrame, limits: Sequence[LimitOf]) -> dict[str, list[Outcome]]:
    """By the name of each limit, the outcome of every row of the frame (of `checks.frame.figures`), in its order.

    A row passes when the suite evaluated it and didn't list it as unexpected. A row that wasn't shown to be evaluated
    is not_evaluated. A limit of NaN doesn't apply.
    """
    outcomes: dict[str, Any] = {}
    figures = []
    for limit in limits:
        figure, above = _numbers(frame[limit.check.name]), _numbers(frame[limit.name])
        applies = (_numbers(frame[f"{limit.check.name}__applies"]) > 0) & ~np.isnan(above)
        rows = np.flatnonzero(applies & ~np.isnan(figure))
        outcomes[limit.name] = np.where(applies, "not_evaluated", "not_applicable")
        figures.append(
            pd.DataFrame({"limit": limit.name, "row": rows, "figure": figure[rows], "figure__limit": above[rows]})
        )
    judged = pd.concat(figures, ignore_index=True)
    failing = _failing(judged)
    if failing is not None:
        for name, passing in judged.groupby("limit")["row"]:
            outcomes[str(name)][passing] = "pass"
        for name, row in failing:
            outcomes[name][row] = "fail"
    return {name: column.tolist() for name, column in outcomes.items()}


def _numbers(column: pd.Series) -> Any:
    return column.to_numpy(dtype="float64", na_value=np.nan)


def _failing(judged: pd.DataFrame) -> set[tuple[str, int]] | None:
    """The limit and row of the figures that are above their limit; None when not all were shown to be evaluated.

    `judged` has a row for each figure: limit, row, figure and figure__limit.
    """
    try:
        (validation,) = validate("gate", judged, {"figure": _SENTENCE}, ["limit", "row"]).results
    except Exception as error:  # any error makes the gate hold, instead of ending the run
        logging.getLogger(__name__).error("the suite could not be validated: %s", type(error).__name__)
        return None
    if validation.exception_info.get("raised_exception", True):
        return None  # an exception is stored per metric, and then the entry at the top is missing
    result = validation.result
    if result.get("element_count") != len(judged) or result.get("missing_count") != 0:
        return None
    failing = {(str(row["limit"]), int(row["row"])) for row in result.get("unexpected_index_list") or ()}
    if len(failing) != result.get("unexpected_count") or validation.success != (not failing):
        return None
    return failing


def validate(name: str, frame: pd.DataFrame, sentences: Mapping[str, str], keys: Sequence[str]) -> Any:
    """Great Expectations' result for a suite that expects, for each column x of `sentences`, x <= x__limit.

    `sentences` describe the expectations by column. Rows where both columns are missing are ignored. `keys` are the
    columns that identify an unexpected row in the result.
    """
    # The import takes 5 s, so that it happens only when something is judged. Usage statistics are switched off.
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations import ExpectColumnPairValuesAToBeGreaterThanB

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    suite = gx.ExpectationSuite(
        name=name,
        expectations=[
            ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=f"{column}__limit",
                column_B=column,
                or_equal=True,
                ignore_row_if="both_values_are_missing",
                description=sentence,
                meta={"limit": column},
            )
            for column, sentence in sentences.items()
        ],
    )
    asset = context.data_sources.add_pandas("warehouse").add_dataframe_asset("candidates")
    batch = asset.add_batch_definition_whole_dataframe("planned keys").get_batch({"dataframe": frame})
    result_format = {"result_format": "COMPLETE", "unexpected_index_column_names": list(keys)}
    return batch.validate(suite, result_format=result_format)

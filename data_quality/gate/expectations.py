"""The Great Expectations suite that judges the gate's frame: one expectation for each limit of a check.

Great Expectations passes an empty frame, a NaN and a condition that matches no row. So a row counts as passed only if
the result shows that it was evaluated: missing figures are removed before, and evaluated rows are counted after.
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


def judge(frame: pd.DataFrame, limits: Sequence[LimitOf]) -> dict[str, list[Outcome]]:
    """By the name of each limit, the outcome of every row of the frame (of `checks.frame.figures`), in its order.

    A row passes when the suite evaluated it and didn't list it as unexpected. A row that wasn't shown to be evaluated
    is not_evaluated. A limit of NaN doesn't apply.
    """
    applies = {limit.name: _numbers(frame[f"{limit.check.name}__applies"]) > 0 for limit in limits}
    applies = {limit.name: applies[limit.name] & ~np.isnan(_numbers(frame[limit.name])) for limit in limits}
    to_judge = {limit.name: applies[limit.name] & ~np.isnan(_numbers(frame[limit.check.name])) for limit in limits}
    results = _validate(frame, [limit for limit in limits if to_judge[limit.name].any()], to_judge)
    outcomes: dict[str, list[Outcome]] = {}
    for limit in limits:
        judged_rows = to_judge[limit.name]
        failing = _failing_keys(results.get(limit.name), judged_rows)
        outcomes[limit.name] = [
            "not_applicable"
            if not applies[limit.name][row]
            else "not_evaluated"
            if not judged_rows[row] or failing is None
            else "fail"
            if key_no in failing
            else "pass"
            for row, key_no in enumerate(frame["key_no"])
        ]
    return outcomes


def _numbers(column: pd.Series) -> Any:
    return column.to_numpy(dtype="float64", na_value=np.nan)


def _validate(frame: pd.DataFrame, limits: Sequence[LimitOf], to_judge: dict[str, Any]) -> dict[str, Any]:
    """The validation result of each limit's expectation, by the limit's name; empty when the suite raised an error."""
    if not limits:
        return {}
    judged = frame[["key_no"]].copy()
    for limit in limits:
        # Rows that must not be judged get NaN: a row condition would take far longer.
        judged[limit.name] = frame[limit.check.name].astype("float64").where(to_judge[limit.name])
        judged[f"{limit.name}__limit"] = frame[limit.name].astype("float64").where(to_judge[limit.name])
    try:
        result = validate("gate", judged, {limit.name: limit.check.sentence for limit in limits}, ["key_no"])
        return {validation.expectation_config.meta["limit"]: validation for validation in result.results}
    except Exception as error:  # any error makes the gate hold, instead of ending the run
        logging.getLogger(__name__).error("the suite could not be validated: %s", type(error).__name__)
        return {}


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


def _failing_keys(validation: Any, to_judge: Any) -> set[int] | None:
    """The key_no of the unexpected rows; None when the result doesn't show that all rows of `to_judge` were evaluated.

    `to_judge` is a boolean per row of the frame.
    """
    if validation is None or validation.exception_info.get("raised_exception", True):
        return None  # an exception is stored per metric, and then the entry at the top is missing
    result = validation.result
    if result.get("element_count") != len(to_judge) or result.get("missing_count") != (~to_judge).sum():
        return None
    failing = {int(row["key_no"]) for row in result.get("unexpected_index_list") or ()}
    if len(failing) != result.get("unexpected_count") or validation.success != (not failing):
        return None
    return failing

"""The Great Expectations suite that judges the gate's frame: one expectation for each limit of a check.

Great Expectations passes an empty frame, a NaN and a condition that matches no row. So nothing counts as passed but
what it is seen to have evaluated: figures that are missing are sorted out before, and rows are counted after.
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
    """For the name of each limit the outcome of every row of `checks.frame.figures`, in its order.

    A row passes when the suite evaluated it and didn't name it as unexpected; a row that it can't be shown to have
    evaluated is not_evaluated. A limit that is NaN doesn't apply.
    """
    applies = {of.name: _numbers(frame[f"{of.check.name}__applies"]) > 0 for of in limits}
    applies = {of.name: applies[of.name] & ~np.isnan(_numbers(frame[of.name])) for of in limits}
    to_judge = {of.name: applies[of.name] & ~np.isnan(_numbers(frame[of.check.name])) for of in limits}
    results = _validate(frame, [of for of in limits if to_judge[of.name].any()], to_judge)
    outcomes: dict[str, list[Outcome]] = {}
    for of in limits:
        chosen = to_judge[of.name]
        failing = _failing_rows(results.get(of.name), chosen)
        outcomes[of.name] = [
            "not_applicable"
            if not applies[of.name][row]
            else "not_evaluated"
            if not chosen[row] or failing is None
            else "fail"
            if number in failing
            else "pass"
            for row, number in enumerate(frame["key_no"])
        ]
    return outcomes


def _numbers(column: pd.Series) -> Any:
    return column.to_numpy(dtype="float64", na_value=np.nan)


def _validate(frame: pd.DataFrame, limits: Sequence[LimitOf], to_judge: dict[str, Any]) -> dict[str, Any]:
    """The validation result of each limit's expectation; empty when the suite as a whole raised an error."""
    if not limits:
        return {}
    judged = frame[["key_no"]].copy()
    for of in limits:
        # Rows that aren't to be judged have no numbers: a condition on the rows would take far longer.
        judged[of.name] = frame[of.check.name].astype("float64").where(to_judge[of.name])
        judged[f"{of.name}__limit"] = frame[of.name].astype("float64").where(to_judge[of.name])
    try:
        result = validate("gate", judged, {of.name: of.check.sentence for of in limits}, ["key_no"])
        return {one.expectation_config.meta["limit"]: one for one in result.results}
    except Exception as error:  # whatever goes wrong in there, the gate holds instead of falling over
        logging.getLogger(__name__).error("the suite could not be validated: %s", type(error).__name__)
        return {}


def validate(name: str, frame: pd.DataFrame, sentences: Mapping[str, str], keys: Sequence[str]) -> Any:
    """Great Expectations' result for the suite of that name on the frame, which has x and x__limit for each x in
    `sentences`; those say what is expected.

    Rows where both are missing are left out; `keys` are the columns that tell of an unexpected row.
    """
    # Imported here as it takes 5 s, which only who judges has to spend; and without its calls home.
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


def _failing_rows(validation: Any, to_judge: Any) -> set[int] | None:
    """The key_no of the unexpected rows; None when the expectation can't be shown to have evaluated all of `to_judge`.

    `to_judge` says of each row of the frame whether it was to be judged.
    """
    if validation is None or validation.exception_info.get("raised_exception", True):
        return None  # an exception is kept per metric, without that entry on top
    found = validation.result
    if found.get("element_count") != len(to_judge) or found.get("missing_count") != (~to_judge).sum():
        return None
    failing = {int(row["key_no"]) for row in found.get("unexpected_index_list") or ()}
    if len(failing) != found.get("unexpected_count") or validation.success != (not failing):
        return None
    return failing

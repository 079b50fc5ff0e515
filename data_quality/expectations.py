"""The Great Expectations suite that judges the gate's frame: one expectation per check. Figures come from `checks.py`.

Great Expectations passes an empty frame, a NaN and a condition that matches no row. So nothing counts as passed but
what it is seen to have evaluated: figures that are missing are sorted out before, and rows are counted after.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from data_quality.verdict import Outcome
from metrics.check_rules import CheckRule


def judge(frame: pd.DataFrame, checks: Sequence[CheckRule]) -> dict[str, list[Outcome]]:
    """For each check the outcome of every row of the frame of `checks.figures`, in the frame's order.

    A row passes when the suite evaluated it and didn't name it as unexpected; a row that it can't be shown to have
    evaluated is not_evaluated.
    """
    numbers = {check.name: frame[check.name].to_numpy(dtype="float64", na_value=np.nan) for check in checks}
    applies = {check.name: frame[f"{check.name}__applies"].to_numpy(dtype=bool) for check in checks}
    to_judge = {name: applies[name] & ~np.isnan(numbers[name]) for name in numbers}
    results = _validate(frame, [check for check in checks if to_judge[check.name].any()], to_judge)
    outcomes: dict[str, list[Outcome]] = {}
    for check in checks:
        chosen = to_judge[check.name]
        failing = _failing_rows(results.get(check.name), chosen)
        outcomes[check.name] = [
            "not_applicable"
            if not applies[check.name][row]
            else "not_evaluated"
            if not chosen[row] or failing is None
            else "fail"
            if number in failing
            else "pass"
            for row, number in enumerate(frame["key_no"])
        ]
    return outcomes


def _validate(frame: pd.DataFrame, checks: Sequence[CheckRule], to_judge: dict[str, Any]) -> dict[str, Any]:
    """The validation result of each check's expectation; empty when the suite as a whole raised an error."""
    if not checks:
        return {}
    judged = frame[["key_no"]].copy()
    for check in checks:
        # Rows that aren't to be judged have no numbers: a condition on the rows would take far longer.
        for column in (check.name, f"{check.name}__limit"):
            judged[column] = frame[column].astype("float64").where(to_judge[check.name])
    try:
        result = validate("gate", judged, checks, ["key_no"])
        return {one.expectation_config.meta["check"]: one for one in result.results}
    except Exception as error:  # whatever goes wrong in there, the gate holds instead of falling over
        logging.getLogger(__name__).error("the suite could not be validated: %s", type(error).__name__)
        return {}


def validate(name: str, frame: pd.DataFrame, checks: Sequence[CheckRule], keys: Sequence[str]) -> Any:
    """Great Expectations' result for the suite of that name on the frame, which has c and c__limit for each check c.

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
                column_A=f"{check.name}__limit",
                column_B=check.name,
                or_equal=True,
                ignore_row_if="both_values_are_missing",
                description=check.description,
                severity=check.severity,
                meta={"check": check.name},
            )
            for check in checks
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

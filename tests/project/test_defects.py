"""The list of deliberate defects fits the code: each can be applied, and its test is there."""

from __future__ import annotations

import ast

import pytest

from metrics.core.deployment import PROJECT
from tests.defect_list import DEFECTS, Defect


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_can_be_applied_and_its_test_is_there(defect: Defect) -> None:
    assert defect.problem(PROJECT) is None
    altered = defect.altered(PROJECT)
    if defect.file.endswith(".py"):
        ast.parse(altered)  # so that a test fails for what it tests, and not for a file that can't be read
    file, _, function = defect.test.partition("[")[0].partition("::")
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_defect_has_a_name_and_a_slip_of_its_own() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)
    assert len({(defect.file, defect.text) for defect in DEFECTS}) == len(DEFECTS)
    assert all(defect.text != defect.replacement for defect in DEFECTS)

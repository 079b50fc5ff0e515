"""How the SQL upstream of KPIs uses raw columns: which columns join feeds, and which are used as quantities ("sizes").

A column is followed from its feed through casts, unions and models as long as its values stay the same. A column that
can't be followed is never treated as a key. A column is treated as a size if the SQL calculates with it, or may do so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from metrics.definitions.catalog import Join
from metrics.versioning.lineage import Lineage
from metrics.versioning.pruning import NotPruned, Select
from metrics.versioning.rendering import MODELS, RAW


class Origin(NamedTuple):
    """The raw column that a value comes from, and whether it was cast to text on the way."""

    feed: str
    column: str
    is_text: bool


Origins = frozenset[Origin | None]
"""The raw columns that an expression's values come from; None stands for a source that can't be followed."""


class Uses(NamedTuple):
    """The joins between feeds in some SQL, and the raw columns (feed, name) that it uses as sizes."""

    joins: frozenset[Join]
    sizes: frozenset[tuple[str, str]]


_UNKNOWN: Origins = frozenset({None})
# Expressions whose value is their first argument, or one of its values.
_PASSES = (
    exp.Paren, exp.Alias, exp.Trim, exp.Lower, exp.Upper,
    exp.AnyValue, exp.First, exp.Last, exp.ArgMin, exp.ArgMax, exp.IgnoreNulls,
)  # fmt: skip
# Expressions that only compare values for equality, count them, order them, or concatenate them as text.
_USES_AS_LABEL = (
    exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is, exp.In, exp.Count, exp.Group, exp.GroupingSets,
    exp.Ordered, exp.DPipe, exp.Concat, exp.ConcatWs,
)  # fmt: skip


class ColumnUses:
    """The uses of raw columns by the models of a dbt manifest."""

    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage
        self._uses_by_model: dict[str, Uses] = {}
        self._origins: dict[tuple[str, str], Origins] = {}

    def of(self, generated: Mapping[str, str]) -> Uses:
        """The uses in generated models and in all models upstream of them; `generated` as for `Lineage.parts`."""
        models = self._lineage.models_read(generated)
        for model in models.keys() - self._uses_by_model.keys():
            self._uses_by_model[model] = self._select_uses(self._lineage.select(model), self._lineage.reads(model))
        all_uses = [self._uses_by_model[model] for model in models]
        all_uses += [
            self._select_uses(select, [(MODELS, model) for model in models_read])
            for select, models_read in self._lineage.generated_selects(generated).values()
        ]
        tested_joins = {
            join
            for child, parent in self._lineage.relationships
            if child[0] in models and parent[0] in models
            for join in _joins(self._column_origins(*child), self._column_origins(*parent))
        }
        return Uses(
            frozenset(tested_joins).union(*(uses.joins for uses in all_uses)),
            frozenset[tuple[str, str]]().union(*(uses.sizes for uses in all_uses)),
        )

    def _select_uses(self, select: Select | None, tables: Iterable[tuple[str, str]]) -> Uses:
        """The uses in one select. If it can't be analysed, it is assumed to calculate with all columns of `tables`."""
        try:
            if select is None:
                raise NotPruned
            _ = select.reads
        except NotPruned:
            origins = {
                origin
                for table in tables
                for name in self._lineage.columns(table)
                for origin in self._table_origins(table, name)
            }
            return Uses(frozenset(), _sizes(origins))
        joins, sizes = set[Join](), set[tuple[str, str]]()
        for scope in select.scopes:
            for left, right in _equalities(scope):
                joins.update(_joins(self._values(left, scope), self._values(right, scope)))
            for column in scope.columns:
                if _may_be_size(column):
                    sizes |= _sizes(self._values(column, scope))
        return Uses(frozenset(joins), frozenset(sizes))

    def _values(self, expression: exp.Expr | None, scope: Scope) -> Origins:
        """The origins of an expression's values; a constant has none."""
        if isinstance(expression, exp.Cast):
            return frozenset(
                origin and origin._replace(is_text=origin.is_text or _is_text_cast(expression))
                for origin in self._values(expression.this, scope)
            )
        if isinstance(expression, (*_PASSES, exp.Min, exp.Max)):
            return self._values(expression.this, scope)
        if isinstance(expression, exp.Case | exp.If):
            branches = expression.args.get("ifs") or [expression]
            default = expression.args.get("default") or expression.args.get("false")
            return self._values_of([*(branch.args["true"] for branch in branches), default], scope)
        if isinstance(expression, exp.Coalesce):
            return self._values_of([expression.this, *expression.expressions], scope)
        if isinstance(expression, exp.Null | exp.Literal):
            return frozenset()
        if isinstance(expression, exp.Column):
            source = scope.sources.get(expression.table)
            if isinstance(source, Scope):
                return self._output_origins(source, expression.name)
            if isinstance(source, exp.Table):
                return self._table_origins((source.db, source.name), expression.name)
        return _UNKNOWN

    def _values_of(self, expressions: Iterable[exp.Expr | None], scope: Scope) -> Origins:
        return frozenset[Origin | None]().union(
            *(self._values(expression, scope) for expression in expressions if expression)
        )

    def _output_origins(self, scope: Scope, name: str) -> Origins:
        """The raw columns that an output column of a select is computed from; for a union, the columns of both sides.

        _UNKNOWN if the select has no column of that name, or several.
        """
        select = scope.expression
        if isinstance(select, exp.Union):
            left, right = scope.set_operation_scopes
            by_name = select.args.get("by_name")
            right_name = name if by_name else select.right.named_selects[select.named_selects.index(name)]
            return self._output_origins(left, name) | self._output_origins(right, right_name)
        projections = select.selects if isinstance(select, exp.Select) else []
        matching = [projection for projection in projections if projection.alias_or_name == name]
        return self._values(matching[0], scope) if len(matching) == 1 else _UNKNOWN

    def _table_origins(self, table: tuple[str, str], column: str) -> Origins:
        """The origins of a column of a raw table or a model, given as (schema, name)."""
        schema, name = table
        if schema == RAW:
            return frozenset({Origin(name, self._lineage.raw_column(name, column), is_text=False)})
        return self._column_origins(name, column) if schema == MODELS and name in self._lineage.models else _UNKNOWN

    def _column_origins(self, model: str, column: str) -> Origins:
        """The origins of a column of a model of the manifest."""
        if (model, column) not in self._origins:
            select = self._lineage.select(model)
            self._origins[model, column] = self._output_origins(select.scopes[-1], column) if select else _UNKNOWN
        return self._origins[model, column]


def _joins(left: Origins, right: Origins) -> Iterator[Join]:
    """The joins between two feeds that follow from the equality of two expressions, in both directions.

    Where a side may come from several columns, as after a union, each of these columns refers to the other side. There
    is no join in the other direction: a key that is missing in one of several columns may be in another.
    """
    for keys, targets in ((left, right), (right, left)):
        if len(targets) == 1 and (target := next(iter(targets))):
            yield from (
                Join(key.feed, key.column, target.feed, target.column)
                for key in keys
                if key and key.feed != target.feed
            )


def _equalities(scope: Scope) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """The pairs of expressions that are equal in every row of a select, from its join conditions and its WHERE."""
    select = scope.expression
    if not isinstance(select, exp.Select):
        return
    where = select.args.get("where")
    for condition in (*(join.args.get("on") for join in select.args.get("joins", ())), where and where.this):
        for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            if isinstance(part, exp.EQ):
                yield part.this, part.expression


def _sizes(origins: Iterable[Origin | None]) -> frozenset[tuple[str, str]]:
    """The raw columns (feed, name) among the origins, without those that were cast to text."""
    return frozenset((origin.feed, origin.column) for origin in origins if origin and not origin.is_text)


def _may_be_size(column: exp.Column) -> bool:
    """Whether the place of a column in its select may use its value as a size.

    A column that a select only passes on is no size there: the selects that read it decide.
    """
    node: exp.Expr = column
    while node.parent:
        parent, place = node.parent, node.arg_key
        if isinstance(parent, exp.Cast):
            if _is_text_cast(parent):
                return False
        elif isinstance(parent, exp.ArgMin | exp.ArgMax) and place == "expression":
            return False
        elif not (
            (isinstance(parent, _PASSES) and place == "this")
            or (isinstance(parent, exp.If) and place in ("true", "false"))
            or (isinstance(parent, exp.Case) and place in ("ifs", "default"))
            or isinstance(parent, exp.Tuple | exp.Distinct | exp.Coalesce)
        ):
            break
        node = parent
    return not (
        isinstance(parent, _USES_AS_LABEL)
        or (isinstance(parent, exp.Select) and place == "expressions")
        or (isinstance(parent, exp.Window) and place == "partition_by")
    )


def _is_text_cast(cast: exp.Cast) -> bool:
    return cast.is_type(*exp.DataType.TEXT_TYPES)

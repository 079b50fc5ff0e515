"""What the SQL upstream of KPIs does with raw columns: by which it joins feeds, and which it takes for sizes.

A column is followed from its feed through casts, unions and models for as long as a value stays what it is. What can't
be followed is no key; what may be calculated with is a size.
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
    """The raw column that a value comes from, and whether it was made a text on the way."""

    feed: str
    column: str
    is_text: bool


Origins = frozenset[Origin | None]
"""Where an expression's values come from, None standing for all that can't be followed."""


class Uses(NamedTuple):
    """How some SQL joins feeds, and the raw columns (feed, name) that it takes for sizes."""

    joins: frozenset[Join]
    sizes: frozenset[tuple[str, str]]


_UNKNOWN: Origins = frozenset({None})
# What gives its first argument, or one of its values.
_PASSES = (
    exp.Paren, exp.Alias, exp.Trim, exp.Lower, exp.Upper,
    exp.AnyValue, exp.First, exp.Last, exp.ArgMin, exp.ArgMax, exp.IgnoreNulls,
)  # fmt: skip
# What only asks whether values are the same, counts or orders them, or writes them out.
_TAKES_FOR_LABELS = (
    exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is, exp.In, exp.Count, exp.Group, exp.GroupingSets,
    exp.Ordered, exp.DPipe, exp.Concat, exp.ConcatWs,
)  # fmt: skip


class ColumnUses:
    """The uses of raw columns by the models of a dbt manifest."""

    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage
        self._of_models: dict[str, Uses] = {}
        self._origins: dict[tuple[str, str], Origins] = {}

    def of(self, generated: Mapping[str, str]) -> Uses:
        """The uses by generated models and by all upstream of them; `generated` as `Lineage.parts` takes it."""
        models = self._lineage.needed(generated)
        for model in models.keys() - self._of_models.keys():
            self._of_models[model] = self._uses(self._lineage.select(model), self._lineage.reads(model))
        found = [self._of_models[model] for model in models]
        found += [
            self._uses(select, [(MODELS, model) for model in reads])
            for select, reads in self._lineage.generated_selects(generated).values()
        ]
        tested = {
            join
            for one, other in self._lineage.relationships
            if one[0] in models and other[0] in models
            for join in _joins(self._of_column(*one), self._of_column(*other))
        }
        return Uses(
            frozenset(tested).union(*(uses.joins for uses in found)),
            frozenset[tuple[str, str]]().union(*(uses.sizes for uses in found)),
        )

    def _uses(self, select: Select | None, reads: Iterable[tuple[str, str]]) -> Uses:
        """What one select does. One that can't be taken apart may calculate with all that it reads."""
        try:
            if select is None:
                raise NotPruned
            _ = select.reads
        except NotPruned:
            read = {
                origin for table in reads for name in self._lineage.columns(table) for origin in self._of(table, name)
            }
            return Uses(frozenset(), _sizes(read))
        joins, sizes = set[Join](), set[tuple[str, str]]()
        for scope in select.scopes:
            for left, right in _equalities(scope):
                joins.update(_joins(self._values(left, scope), self._values(right, scope)))
            for column in scope.columns:
                if _may_be_size(column):
                    sizes |= _sizes(self._values(column, scope))
        return Uses(frozenset(joins), frozenset(sizes))

    def _values(self, expression: exp.Expr | None, scope: Scope) -> Origins:
        """Where the values of an expression come from; a constant comes from nowhere."""
        if isinstance(expression, exp.Cast):
            found = self._values(expression.this, scope)
            return frozenset(one and one._replace(is_text=one.is_text or _to_text(expression)) for one in found)
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
                return self._of_output(source, expression.name)
            if isinstance(source, exp.Table):
                return self._of((source.db, source.name), expression.name)
        return _UNKNOWN

    def _values_of(self, expressions: Iterable[exp.Expr | None], scope: Scope) -> Origins:
        return frozenset[Origin | None]().union(*(self._values(one, scope) for one in expressions if one))

    def _of_output(self, scope: Scope, name: str) -> Origins:
        """Where a column of a select, or of a union of selects, comes from."""
        select = scope.expression
        if isinstance(select, exp.Union):
            left, right = scope.set_operation_scopes
            other = name if select.args.get("by_name") else select.right.named_selects[select.named_selects.index(name)]
            return self._of_output(left, name) | self._of_output(right, other)
        found = [one for one in select.selects if one.alias_or_name == name] if isinstance(select, exp.Select) else []
        return self._values(found[0], scope) if len(found) == 1 else _UNKNOWN

    def _of(self, table: tuple[str, str], name: str) -> Origins:
        schema, of = table
        if schema == RAW:
            return frozenset({Origin(of, self._lineage.raw_column(of, name), is_text=False)})
        return self._of_column(of, name) if schema == MODELS and of in self._lineage.models else _UNKNOWN

    def _of_column(self, model: str, name: str) -> Origins:
        """Where a column of a model of the manifest comes from."""
        if (model, name) not in self._origins:
            select = self._lineage.select(model)
            self._origins[model, name] = self._of_output(select.scopes[-1], name) if select else _UNKNOWN
        return self._origins[model, name]


def _joins(one: Origins, other: Origins) -> Iterator[Join]:
    """The joins that an equality of such values makes: those of two feeds, each way.

    Where one side may be of several columns, as of a union, each of them looks up the other one; but a key that
    isn't found in one of several may be in another, so that in those none is looked up.
    """
    for side, looked_in in ((one, other), (other, one)):
        if len(looked_in) == 1 and (to := next(iter(looked_in))):
            yield from (
                Join(origin.feed, origin.column, to.feed, to.column)
                for origin in side
                if origin and origin.feed != to.feed
            )


def _equalities(scope: Scope) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """The pairs of expressions that are equal in every row which a select joins."""
    select = scope.expression
    if not isinstance(select, exp.Select):
        return
    where = select.args.get("where")
    for condition in (*(join.args.get("on") for join in select.args.get("joins", ())), where and where.this):
        for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            if isinstance(part, exp.EQ):
                yield part.this, part.expression


def _sizes(origins: Iterable[Origin | None]) -> frozenset[tuple[str, str]]:
    """The raw columns of those that weren't made a text."""
    return frozenset((one.feed, one.column) for one in origins if one and not one.is_text)


def _may_be_size(column: exp.Column) -> bool:
    """Whether what is done with it there may need a size. What hands it on says nothing: those that read that do."""
    node: exp.Expr = column
    while node.parent:
        around, place = node.parent, node.arg_key
        if isinstance(around, exp.Cast):
            if _to_text(around):
                return False
        elif isinstance(around, exp.ArgMin | exp.ArgMax) and place == "expression":
            return False
        elif not (
            (isinstance(around, _PASSES) and place == "this")
            or (isinstance(around, exp.If) and place in ("true", "false"))
            or (isinstance(around, exp.Case) and place in ("ifs", "default"))
            or isinstance(around, exp.Tuple | exp.Distinct | exp.Coalesce)
        ):
            break
        node = around
    return not (
        isinstance(around, _TAKES_FOR_LABELS)
        or (isinstance(around, exp.Select) and place == "expressions")
        or (isinstance(around, exp.Window) and place == "partition_by")
    )


def _to_text(cast: exp.Cast) -> bool:
    return cast.is_type(*exp.DataType.TEXT_TYPES)

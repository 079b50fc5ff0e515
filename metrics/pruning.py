"""A select without what some of its columns don't need, and the columns of other tables that they do need.

What is left gives those columns the same rows: filters, joins, groupings and everything that they read stay. A select
whose columns can't be told for certain isn't taken apart, so that nothing is ever left out that could change a value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.helpers import is_implicit_group_by_all
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

DIALECT = "duckdb"
Schema = Mapping[str, Mapping[str, Collection[str]]]  # the columns of a table, by database schema and name, in order


class NotPruned(Exception):
    """The select can't be taken apart safely."""


@dataclass(frozen=True)
class Pruned:
    """What is left of a select: its SQL in one canonical form, and by (schema, table) the columns that it reads.

    A table is there without columns where only its rows count.
    """

    sql: str
    reads: Mapping[tuple[str, str], frozenset[str]]


class Select:
    """A query of which parts are asked for, its names resolved once."""

    def __init__(self, sql: str, schema: Schema, unordered: str) -> None:
        """Takes SQL in DuckDB's dialect, and the columns of the tables that it reads.

        `unordered` is the database schema of tables that may have more columns, in whatever order. Raises NotPruned.
        """
        try:
            tree = parse_one(sql, dialect=DIALECT)
            if not isinstance(tree, exp.Query):
                raise NotPruned
            _refuse_unclear(tree, unordered)
            columns: dict[str, object] = {
                db: known
                for db, tables in schema.items()
                if (known := {table: dict.fromkeys(names, "") for table, names in tables.items() if names})
            }
            self._tree = qualify(tree, dialect=DIALECT, schema=columns)
        except SqlglotError:  # a column or a star of a table whose columns aren't known, or of two tables
            raise NotPruned from None
        self.columns = tuple(self._tree.named_selects)

    @property
    def reads(self) -> Mapping[tuple[str, str], frozenset[str]]:
        """What the whole of it reads: by (schema, table) the columns. Raises NotPruned."""
        return _reads(self._tree)

    def only(self, columns: Collection[str]) -> Pruned:
        """What those of its columns need. Raises NotPruned when it hasn't got one of them, or one twice."""
        if not set(columns) <= set(self.columns) or len(set(self.columns)) < len(self.columns):
            raise NotPruned
        asked = [exp.column(name, table="asked", quoted=True).as_(name, quoted=True) for name in sorted(columns)]
        whole = exp.Subquery(this=self._tree.copy(), alias=exp.TableAlias(this=exp.to_identifier("asked", quoted=True)))
        tree = exp.select(*(asked or [exp.Literal.number(1).as_("row")])).from_(whole)
        try:
            tree = pushdown_projections(tree)
            reads = _reads(tree)
        except SqlglotError:
            raise NotPruned from None
        _put_in_order(tree)
        return Pruned(tree.sql(dialect=DIALECT, comments=False), reads)


def _refuse_unclear(tree: exp.Expr, unordered: str) -> None:
    """Refuses what says which columns it means by something else than their names."""
    counts_columns = tree.find(exp.SetOperation) or any(
        select.args.get("distinct") or is_implicit_group_by_all(select) for select in tree.find_all(exp.Select)
    )
    for node in tree.walk():
        if (
            isinstance(node, exp.Columns | exp.Pivot | exp.Lateral)
            or (isinstance(node, exp.Join) and node.method)
            or (isinstance(node, exp.With) and node.recursive)
            or (isinstance(node, exp.Star) and not _is_projection(node))
        ):
            raise NotPruned
        if isinstance(node, exp.Select) and counts_columns and node.is_star:
            tables = (source.this for source in (node.args.get("from_"), *node.args.get("joins", ())) if source)
            if any(isinstance(table, exp.Table) and table.db == unordered for table in tables):
                raise NotPruned


def _is_projection(star: exp.Star) -> bool:
    owner = star.parent.parent if isinstance(star.parent, exp.Column) else star.parent
    return isinstance(owner, exp.Select | exp.Count)


def _reads(tree: exp.Expr) -> dict[tuple[str, str], frozenset[str]]:
    reads: dict[tuple[str, str], set[str]] = {}
    for scope in traverse_scope(tree):
        for _, source in scope.references:
            if isinstance(source, exp.Table) and source.db:
                reads.setdefault((source.db, source.name), set())
        if scope.table_columns:  # a whole row as one value
            raise NotPruned
        outside = {id(column) for column in scope.external_columns}  # the scope around it has them too
        for column in scope.columns:
            found = scope.sources.get(column.table)
            if found is None and id(column) not in outside:
                raise NotPruned
            if isinstance(found, exp.Table) and found.db:
                reads.setdefault((found.db, found.name), set()).add(column.name)
    return {table: frozenset(columns) for table, columns in reads.items()}


def _put_in_order(tree: exp.Expr) -> None:
    """Sorts the columns of every select in which their order says nothing."""
    for scope in traverse_scope(tree):
        select = scope.expression
        if isinstance(select, exp.Select) and not scope.is_set_operation and not _by_position(scope):
            select.set("expressions", sorted(select.selects, key=lambda one: one.alias_or_name))


def _by_position(scope: Scope) -> bool:
    ordered = [part for name in ("order", "group") if (part := scope.expression.args.get(name))]
    return bool(scope.outer_columns) or any(
        isinstance(one, exp.Literal) or (isinstance(one, exp.Ordered) and isinstance(one.this, exp.Literal))
        for part in ordered
        for one in part.expressions
    )

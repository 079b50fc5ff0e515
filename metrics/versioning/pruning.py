"""A select without what some of its columns don't need, and the columns of other tables that they do need.

What is left gives those columns the same rows: filters, joins, groupings and everything that they read stay. A select
whose columns can't be told for certain isn't taken apart, so that nothing is ever left out that could change a value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from textwrap import shorten

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.helpers import is_implicit_group_by_all
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

DIALECT = "duckdb"
_STYLES = re.compile(r"\x1b\[[0-9;]*m")  # by which sqlglot underlines a place
Schema = Mapping[str, Mapping[str, Collection[str]]]  # the columns of a table, by database schema and name, in order


class NotPruned(Exception):
    """The select can't be taken apart safely; its text is the statement that stops it, or why."""


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
                raise NotPruned(_quoted(tree))
            _refuse_unclear(tree, unordered)
            columns: dict[str, object] = {
                db: known
                for db, tables in schema.items()
                if (known := {table: dict.fromkeys(names, "") for table, names in tables.items() if names})
            }
            self._tree = qualify(tree, dialect=DIALECT, schema=columns)
        except SqlglotError as error:  # a column or a star of a table whose columns aren't known, or of two tables
            raise NotPruned(_in_one_line(str(error))) from None
        self.columns = tuple(self._tree.named_selects)

    @cached_property
    def scopes(self) -> list[Scope]:
        """The selects in it, each after those that it reads; itself last."""
        return traverse_scope(self._tree)

    @property
    def reads(self) -> Mapping[tuple[str, str], frozenset[str]]:
        """What the whole of it reads: by (schema, table) the columns. Raises NotPruned."""
        return _reads(self._tree)

    def only(self, columns: Collection[str]) -> Pruned:
        """What those of its columns need. Raises NotPruned when it hasn't got one of them, or one twice."""
        if not set(columns) <= set(self.columns) or len(set(self.columns)) < len(self.columns):
            raise NotPruned("a column that is read of it is missing from the select, or is there twice")
        asked = [exp.column(name, table="asked", quoted=True).as_(name, quoted=True) for name in sorted(columns)]
        whole = exp.Subquery(this=self._tree.copy(), alias=exp.TableAlias(this=exp.to_identifier("asked", quoted=True)))
        tree = exp.select(*(asked or [exp.Literal.number(1).as_("row")])).from_(whole)
        try:
            tree = pushdown_projections(tree)
            reads = _reads(tree)
        except SqlglotError as error:
            raise NotPruned(_in_one_line(str(error))) from None
        _put_in_order(tree)
        return Pruned(tree.sql(dialect=DIALECT, comments=False), reads)


def _refuse_unclear(tree: exp.Expr, unordered: str) -> None:
    """Refuses what says which columns it means by something else than their names."""
    takes_all = any(
        isinstance(source.this, exp.Table) and source.this.db == unordered
        for select in tree.find_all(exp.Select)
        for source in (select.args.get("from_"), *select.args.get("joins", ()))
        if source and select.is_star
    )
    for node in tree.walk():
        if (
            isinstance(node, exp.Columns | exp.Pivot | exp.Lateral)
            or (isinstance(node, exp.Join) and node.method)
            or (isinstance(node, exp.With) and node.recursive)
            or (isinstance(node, exp.Star) and not _is_projection(node))
        ):
            raise NotPruned(_quoted(node))
        if takes_all and isinstance(node, exp.Select) and node.is_star and _counts_columns(node):
            raise NotPruned(_quoted(node))


def _counts_columns(select: exp.Select) -> bool:
    """Whether the rows depend on which columns the select has, or on their order."""
    if select.args.get("distinct") or is_implicit_group_by_all(select):
        return True
    around = select.parent
    while isinstance(around, exp.Subquery | exp.SetOperation):
        if isinstance(around, exp.SetOperation) and (
            not isinstance(around, exp.Union) or around.args.get("distinct") or not around.args.get("by_name")
        ):
            return True
        around = around.parent
    return False


def _quoted(node: exp.Expr) -> str:
    """The statement in one short line, with the table that a pivot is of."""
    whole = node.parent if isinstance(node, exp.Pivot | exp.Star) and node.parent else node
    return _in_one_line(whole.sql(dialect=DIALECT, comments=False))


def _in_one_line(text: str) -> str:
    return shorten(" ".join(_STYLES.sub("", text).split()), 120, placeholder=" …")


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
            raise NotPruned(f"a row of {scope.table_columns[0].name} as one value")
        outside = {id(column) for column in scope.external_columns}  # the scope around it has them too
        for column in scope.columns:
            found = scope.sources.get(column.table)
            if found is None and id(column) not in outside:
                raise NotPruned(f"{_quoted(column)}, of no table")
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

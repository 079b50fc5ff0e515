"""Prunes a select to some of its columns: removes what they don't need, and lists the columns of tables that they read.

The pruned select gives these columns the same rows: filters, joins, groupings and everything that they read stay. A
select whose columns can't be resolved for certain isn't pruned, so that nothing is removed that could change a value.
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
_STYLES = re.compile(r"\x1b\[[0-9;]*m")  # escapes with which sqlglot underlines a place in its messages
Schema = Mapping[str, Mapping[str, Collection[str]]]  # the columns of each table, in order, by schema and name


class NotPruned(Exception):
    """The select can't be pruned safely. The text is the statement that prevents it, or the reason."""


@dataclass(frozen=True)
class Pruned:
    """A pruned select: its SQL in a canonical form, and the columns that it reads, by (schema, table).

    The columns of a table are empty where only its rows matter.
    """

    sql: str
    reads: Mapping[tuple[str, str], frozenset[str]]


class Select:
    """A query that can be pruned to some of its columns. Its names are resolved once."""

    def __init__(self, sql: str, schema: Schema, unordered: str) -> None:
        """Parses SQL in DuckDB's dialect; `schema` has the columns of the tables that it reads.

        `unordered` is the database schema, such as raw, whose tables may have columns that `schema` lacks: `select *`
        of them isn't clear. Raises NotPruned.
        """
        try:
            tree = parse_one(sql, dialect=DIALECT)
            if not isinstance(tree, exp.Query):
                raise NotPruned(_quoted(tree))
            _refuse_unclear(tree, unordered)
            columns: dict[str, object] = {
                db: known_columns
                for db, tables in schema.items()
                if (known_columns := {table: dict.fromkeys(names, "") for table, names in tables.items() if names})
            }
            self._tree = qualify(tree, dialect=DIALECT, schema=columns)
        except SqlglotError as error:  # a column or star of a table with unknown columns, or an ambiguous column
            raise NotPruned(_in_one_line(str(error))) from None
        self.columns = tuple(self._tree.named_selects)

    @cached_property
    def scopes(self) -> list[Scope]:
        """The scopes of the query and its inner selects, each after the scopes that it reads; the query last."""
        return traverse_scope(self._tree)

    @property
    def reads(self) -> Mapping[tuple[str, str], frozenset[str]]:
        """The columns that the whole query reads, by (schema, table). Raises NotPruned."""
        return _reads(self._tree)

    def only(self, columns: Collection[str]) -> Pruned:
        """The query pruned to those columns. Raises NotPruned when one of them is missing, or any column is there
        twice.

        The canonical SQL selects from a subquery named "asked": definition hashes cover that name.
        """
        if not set(columns) <= set(self.columns) or len(set(self.columns)) < len(self.columns):
            raise NotPruned("a column that is read of it is missing from the select, or is there twice")
        projections = [exp.column(name, table="asked", quoted=True).as_(name, quoted=True) for name in sorted(columns)]
        whole = exp.Subquery(this=self._tree.copy(), alias=exp.TableAlias(this=exp.to_identifier("asked", quoted=True)))
        tree = exp.select(*(projections or [exp.Literal.number(1).as_("row")])).from_(whole)
        try:
            tree = pushdown_projections(tree)
            reads = _reads(tree)
        except SqlglotError as error:
            raise NotPruned(_in_one_line(str(error))) from None
        _put_in_order(tree)
        return Pruned(tree.sql(dialect=DIALECT, comments=False), reads)


def _refuse_unclear(tree: exp.Expr, unordered: str) -> None:
    """Raises NotPruned for SQL that refers to columns by something else than their names."""
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
        if takes_all and isinstance(node, exp.Select) and node.is_star and _depends_on_columns(node):
            raise NotPruned(_quoted(node))


def _depends_on_columns(select: exp.Select) -> bool:
    """Whether the rows of a query depend on which columns the select has, or on their order."""
    if select.args.get("distinct") or is_implicit_group_by_all(select):
        return True
    parent = select.parent
    while isinstance(parent, exp.Subquery | exp.SetOperation):
        if isinstance(parent, exp.SetOperation) and (
            not isinstance(parent, exp.Union) or parent.args.get("distinct") or not parent.args.get("by_name")
        ):
            return True
        parent = parent.parent
    return False


def _quoted(node: exp.Expr) -> str:
    """The statement in one short line; a pivot or a star together with its parent."""
    whole = node.parent if isinstance(node, exp.Pivot | exp.Star) and node.parent else node
    return _in_one_line(whole.sql(dialect=DIALECT, comments=False))


def _in_one_line(text: str) -> str:
    return shorten(" ".join(_STYLES.sub("", text).split()), 120, placeholder=" …")


def _is_projection(star: exp.Star) -> bool:
    owner = star.parent.parent if isinstance(star.parent, exp.Column) else star.parent
    return isinstance(owner, exp.Select | exp.Count)


def _reads(tree: exp.Expr) -> dict[tuple[str, str], frozenset[str]]:
    """The columns that a query reads, by (schema, table). Its columns are qualified with their tables.

    Raises NotPruned for a column of no table, and for a row that is read as one value.
    """
    reads: dict[tuple[str, str], set[str]] = {}
    for scope in traverse_scope(tree):
        for _, source in scope.references:
            if isinstance(source, exp.Table) and source.db:
                reads.setdefault((source.db, source.name), set())
        if scope.table_columns:  # a whole row as one value
            raise NotPruned(f"a row of {scope.table_columns[0].name} as one value")
        outside = {id(column) for column in scope.external_columns}  # the scope around it has them too
        for column in scope.columns:
            column_source = scope.sources.get(column.table)
            if column_source is None and id(column) not in outside:
                raise NotPruned(f"{_quoted(column)}, of no table")
            if isinstance(column_source, exp.Table) and column_source.db:
                reads.setdefault((column_source.db, column_source.name), set()).add(column.name)
    return {table: frozenset(columns) for table, columns in reads.items()}


def _put_in_order(tree: exp.Expr) -> None:
    """Sorts the columns of every select in which their order has no meaning."""
    for scope in traverse_scope(tree):
        select = scope.expression
        if isinstance(select, exp.Select) and not scope.is_set_operation and not _by_position(scope):
            select.set("expressions", sorted(select.selects, key=lambda projection: projection.alias_or_name))


def _by_position(scope: Scope) -> bool:
    """Whether the select's columns are referred to by position, as in `group by 1` or `with t(a, b) as (select …)`."""
    clauses = [clause for name in ("order", "group") if (clause := scope.expression.args.get(name))]
    return bool(scope.outer_columns) or any(
        isinstance(key, exp.Literal) or (isinstance(key, exp.Ordered) and isinstance(key.this, exp.Literal))
        for clause in clauses
        for key in clause.expressions
    )

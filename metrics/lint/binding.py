"""Finds columns that a model, metric or test names and that don't exist, before dbt would find them in a run.

DuckDB binds each model's SQL to empty tables in memory: one for each feed, with its declared columns, and one for each
model, with the columns of its result. No warehouse and no file is opened, and no row is read, so no finding can quote a
cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb

from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError, Problems, did_you_mean
from metrics.core.quoting import identifier
from metrics.definitions.company import Company
from metrics.definitions.feeds import Feed, stored_name
from metrics.versioning.lineage import Lineage
from metrics.versioning.rendering import MODELS, RAW, NotRendered, called_macros, rendered, undefined

Types = Mapping[str, str]  # the type of each column, in the order of the table
_FEED_TYPES = {
    "text": "varchar", "integer": "bigint", "decimal": "decimal(28,8)", "number": "double", "boolean": "boolean",
    "date": "date", "timestamp": "timestamp",
}  # fmt: skip
_ADDED = {"_loaded_at": "timestamptz", "_source_file": "varchar", "_source_line": "bigint"}
# What DuckDB says of a name that it doesn't find: the kind of name, and the name.
_NOT_FOUND = [
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("column", r'Referenced column "([^"]+)" not found'),
        ("column", r'does not have a column named "([^"]+)"'),
        ("column", r'Column "([^"]+)" (?:in (?:REPLACE|EXCLUDE|RENAME|USING)|does not exist on)'),
        ("column", r'Column with name "?([^"\s]+)"? does not exist'),
        ("table or alias", r'Referenced table "([^"]+)" not found'),
        ("table", r'Table with name "?([^"\s!]+)"? does not exist'),
        ("function", r'Function with name "?([^"\s!]+)"? does not exist'),
        ("type", r'Type with name "?([^"\s!]+)"? does not exist'),
    )
]
_SIMILAR = re.compile(r"^(?:Candidate \w+:|Did you mean)(.*)$", re.MULTILINE)
_LINE = re.compile(r"\nLINE (\d+): ")


@dataclass(frozen=True)
class _Unbound:
    """Why SQL can't be bound, and the line of the SQL.

    `name` is what isn't there, None for another reason; `kind` says what it names; `similar` has names that are there.
    """

    reason: str
    line: int | None
    kind: str = ""
    name: str | None = None
    similar: tuple[str, ...] = ()


def require_bound(company: Company, lineage: Lineage) -> None:
    """Raises Problems: a finding for each model, metric and test that names a column which isn't there.

    Models that read a wrong model aren't checked, nor is SQL that needs a run of dbt to be rendered.
    """
    # SQL that reads files can't be bound, as files are out of reach here, and so isn't checked.
    with duckdb.connect(
        ":memory:", config={"enable_external_access": "false", "threads": "1", "python_enable_replacements": "false"}
    ) as connection:
        binder = _Binder(company, lineage, connection)
        findings = [
            *binder.of_templates(), *binder.of_models(), *binder.of_tests(), *binder.of_semantic_models(),
            *binder.of_metrics(),
        ]  # fmt: skip
    if findings:
        # A mistake in a macro is found in each model that calls it.
        raise Problems(list({str(finding): finding for finding in findings}.values()))


class _Binder:
    """The empty tables, and what is found wrong about what reads them. Models come first: they make the tables."""

    def __init__(self, company: Company, lineage: Lineage, connection: duckdb.DuckDBPyConnection) -> None:
        self._company = company
        self._lineage = lineage
        self._connection = connection
        self._tables: dict[tuple[str, str], Types] = {}
        connection.execute(f"create schema {MODELS}; create schema {RAW}")
        for feed in company.feeds.values():
            self._create_table((RAW, feed.name), _columns_of(feed))

    def of_templates(self) -> Iterator[NyckeltalError]:
        """The names in templates that neither dbt nor a macro has."""
        macros = self._lineage.macros
        known = {macro["name"] for macro in macros.values()} | {macro["package_name"] for macro in macros.values()}
        own = {key for node in self._lineage.nodes.values() for key in called_macros(node, macros)}
        for code in (*self._lineage.nodes.values(), *(macros[key] for key in sorted(own))):
            for name in sorted(undefined(code.get("raw_code") or code.get("macro_sql") or "") - known):
                problem = f"the template names '{name}', which neither dbt nor a macro has"
                file = self._file(code)
                hint = did_you_mean(name, sorted(known))
                yield NyckeltalError(problem + hint, file=file, line=_line_of(name, file))

    def of_models(self) -> Iterator[NyckeltalError]:
        """The mistakes in the models' SQL, and differences of its columns from the contracts; parents first."""
        for name in self._parents_first():
            node = self._lineage.nodes[self._lineage.models[name]]
            contract_columns = self._contract(node)
            actual = self._bound_model(node)
            if isinstance(actual, _Unbound):
                yield self._of_sql(node, actual)
            elif actual is not None and contract_columns is not None:
                yield from self._unlike_contract(node, actual, contract_columns)
            # What reads a model may read what its contract promises and what it gives: one mistake is one finding.
            given = actual if isinstance(actual, dict) else None
            if contract_columns is not None or given is not None:
                self._create_table((MODELS, name), {**(given or {}), **(contract_columns or {})})

    def of_tests(self) -> Iterator[NyckeltalError]:
        """The columns that dbt tests name and that their model doesn't have."""
        for node in self._lineage.nodes.values():
            if node["resource_type"] != "test":
                continue
            if node.get("test_metadata") is None:
                bound = self._bound_model(node)
                if isinstance(bound, _Unbound):
                    yield self._of_sql(node, bound)
                continue
            attached = self._lineage.nodes.get(node.get("attached_node") or "")
            column = node.get("column_name")
            table = self._tables.get((MODELS, attached["name"])) if attached else None
            if attached and column and table and column.lower() not in {name.lower() for name in table}:
                problem = f"a test of the column '{column}', which {attached['name']} doesn't have"
                file = self._file(node)
                line = _line_of(column, file, after=attached["name"])
                yield NyckeltalError(problem + did_you_mean(column, list(table)), file=file, line=line)

    def of_semantic_models(self) -> Iterator[NyckeltalError]:
        """The mistakes in the expressions of entities, dimensions and measures."""
        for semantic in self._lineage.manifest["semantic_models"].values():
            for part in (*semantic["entities"], *semantic["dimensions"], *semantic["measures"]):
                expression, label = part["expr"] or part["name"], f"'{part['name']}' of {semantic['name']}"
                yield from self._of_expression(expression, semantic, semantic, part["name"], label)

    def of_metrics(self) -> Iterator[NyckeltalError]:
        """The mistakes in the expressions of metrics."""
        semantic_models = {
            semantic_model["name"]: semantic_model
            for semantic_model in self._lineage.manifest["semantic_models"].values()
        }
        for metric in self._lineage.manifest["metrics"].values():
            aggregated = metric["type_params"].get("metric_aggregation_params")
            if aggregated and aggregated["semantic_model"] in semantic_models:
                semantic = semantic_models[aggregated["semantic_model"]]
                expression, label = metric["type_params"]["expr"] or metric["name"], f"the metric '{metric['name']}'"
                yield from self._of_expression(str(expression), semantic, metric, metric["name"], label)

    def _of_expression(
        self, expression: str, semantic: Mapping[str, Any], stated: Mapping[str, Any], name: str, label: str
    ) -> Iterator[NyckeltalError]:
        """What is wrong about an expression over a semantic model's table, which `stated` has under that name."""
        model = semantic["node_relation"]["alias"]
        table = self._tables.get((MODELS, model))
        bound = self._bound(f"select {expression} from {MODELS}.{identifier(model)}") if table else None
        if isinstance(bound, _Unbound):
            file = self._file(stated)
            problem = f"{label}: {bound.reason}"
            if bound.name is not None:
                hint = did_you_mean(bound.name, [*(table or ()), *bound.similar])
                problem = f"{label} reads a {bound.kind} '{bound.name}', which {model} doesn't have{hint}"
            yield NyckeltalError(problem, file=file, line=_line_of(name, file))

    def _of_sql(self, node: Mapping[str, Any], unbound: _Unbound) -> NyckeltalError:
        file, tables = self._file(node), self._reads(node)
        problem = unbound.reason
        if unbound.name is not None:
            similar, read = list(unbound.similar), ""
            if unbound.kind == "column":
                similar += sorted({column for table in tables for column in self._tables[table]})
                read = f" in {', '.join(name for _, name in tables) or node['name']}"
            problem = f"there is no {unbound.kind} '{unbound.name}'{read}{did_you_mean(unbound.name, similar)}"
        lines = self._sql(node).splitlines()
        excerpt = lines[unbound.line - 1] if unbound.line and unbound.line <= len(lines) else ""
        if (line := _line_with(excerpt, file)) is None and not _has_word(unbound.name, file):
            macros = [self._lineage.macros[key] for key in called_macros(node, self._lineage.macros)]
            file = next((path for path in map(self._file, macros) if _has_word(unbound.name, path)), file)
        return NyckeltalError(problem, file=file, line=line or _line_of(unbound.name, file))

    def _unlike_contract(
        self, node: Mapping[str, Any], actual: Types, contract_columns: Types
    ) -> Iterator[NyckeltalError]:
        file = self._file(node)
        missing = [column for column in contract_columns if column not in actual]
        extra = [column for column in actual if column not in contract_columns]
        for column in missing:
            near = get_close_matches(column, extra, n=1)
            extra = [column_name for column_name in extra if column_name not in near]
            problem = f"gives no column '{column}', which the contract of {node['name']} has"
            problem += f" (it gives '{near[0]}')" if near else ""
            yield NyckeltalError(problem, file=file, line=_line_of(near[0] if near else None, file))
        for column in extra:
            problem = f"gives a column '{column}', which the contract of {node['name']} doesn't have"
            yield NyckeltalError(problem, file=file, line=_line_of(column, file))
        for column, data_type in actual.items():
            if column in contract_columns and contract_columns[column] != data_type:
                yield NyckeltalError(
                    f"the type of '{column}' is another one than in the contract of {node['name']}",
                    file=file,
                    line=_line_of(column, file),
                    found=data_type.lower(),
                    expected=contract_columns[column].lower(),
                )

    def _bound_model(self, node: Mapping[str, Any]) -> Types | _Unbound | None:
        """The columns and types of a model's or test's result, or the first column that can't be found.

        None if its SQL can't be rendered without a run, or the columns of a table that it reads are unknown.
        """
        if any(table not in self._tables for table in self._reads(node)):
            return None
        try:
            sql = self._sql(node)
        except NotRendered:
            return None
        return self._bound(sql)

    def _bound(self, sql: str) -> Types | _Unbound | None:
        try:
            rows = self._connection.execute(f"describe ({sql}\n)").fetchall()
        except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
            text = str(error)
            line = _LINE.search(text)
            unbound = _Unbound(text.splitlines()[0], int(line[1]) if line else None)
            matches = ((kind, match[1]) for kind, pattern in _NOT_FOUND if (match := pattern.search(text)))
            kind, name = next(matches, ("", None))
            if kind == "table" and name and ("." in name or re.search(rf'[.]"?{re.escape(name)}\b', sql)):
                return None  # of a schema of the warehouse, which isn't here
            similar = re.findall(r'"([^"]+)"', " ".join(_SIMILAR.findall(text)))
            # DuckDB doesn't name CTEs, nor columns of others than the one that is read.
            similar += re.findall(r"\b(\w+) as \(" if kind.startswith("table") else r"\bas (\w+)", sql)
            return replace(unbound, kind=kind, name=name, similar=tuple(similar))
        except duckdb.Error:
            return None
        return {name: data_type for name, data_type, *_ in rows}

    def _sql(self, node: Mapping[str, Any]) -> str:
        config = node["config"]
        if node["resource_type"] == "test":
            config = {**config, "materialized": "view"}
        return rendered({**node, "config": config}, self._lineage.macros).rstrip().rstrip(";")

    def _contract(self, node: Mapping[str, Any]) -> Types | None:
        """The columns that the model's contract promises, their types as DuckDB writes them."""
        if not node["config"].get("contract", {}).get("enforced"):
            return None
        columns = [
            f"cast(null as {column_info['data_type']}) as {identifier(name)}"
            for name, column_info in node["columns"].items()
        ]
        bound = self._bound(f"select {', '.join(columns)}")
        return bound if isinstance(bound, dict) else None

    def _create_table(self, table: tuple[str, str], columns: Types) -> None:
        schema, name = table
        described = ", ".join(f"{identifier(column)} {data_type}" for column, data_type in columns.items())
        try:
            self._connection.execute(f"create table {schema}.{identifier(name)} ({described})")
        except duckdb.Error:  # columns of one name, or a type that SQL can't write: nothing that reads it is checked
            return
        self._tables[table] = columns

    def _reads(self, node: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The models and feeds that a model or test reads."""
        keys = node["depends_on"]["nodes"]
        models = [
            (MODELS, self._lineage.nodes[unique_id]["name"]) for unique_id in keys if unique_id in self._lineage.nodes
        ]
        return models + [(RAW, unique_id.rsplit(".", 1)[1]) for unique_id in keys if unique_id.startswith("source.")]

    def _parents_first(self) -> list[str]:
        """Every model, each after the models that it reads."""
        names = {unique_id: name for name, unique_id in self._lineage.models.items()}
        return [names[unique_id] for unique_id in self._lineage.parents_first if unique_id in names]

    def _file(self, node: Mapping[str, Any]) -> Path:
        """The file of a node, where the company or the project has it."""
        path = Path(node["original_file_path"])
        if path.parts[0] == "company":
            return self._company.path.joinpath(*path.parts[1:])
        return (self._company.path if path.parts[0] == "compiled" else PROJECT / "dbt_project") / path


def _columns_of(feed: Feed) -> Types:
    """The columns that ingest gives the feed's raw table."""
    columns = {stored_name(name): _FEED_TYPES[column.type] for name, column in feed.columns.items()}
    columns |= {stored_name(name): "varchar" for name, treatment in feed.personal.items() if treatment == "hash"}
    return {name: data_type for name, data_type in columns.items() if feed.personal.get(name) != "drop"} | _ADDED


def _line_with(excerpt: str, file: Path) -> int | None:
    """The first line of the file that reads as the excerpt."""
    text = " ".join(excerpt.split())
    lines = _lines(file)
    return next((number for number, line in enumerate(lines, 1) if text and " ".join(line.split()) == text), None)


def _line_of(word: str | None, file: Path, after: str | None = None) -> int:
    """The number of the first line with `word` (as a whole word, in any case); 1 if there is none.

    With `after`, the search begins at the first line with that word, or at the top if there is none.
    """
    lines = _lines(file)
    start = _line_of(after, file) if after else 1
    word_pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE) if word else None
    return next(
        (
            number
            for number, line in enumerate(lines, 1)
            if number >= start and word_pattern and word_pattern.search(line)
        ),
        1,
    )


def _has_word(word: str | None, file: Path) -> bool:
    return bool(word and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", "\n".join(_lines(file)), re.IGNORECASE))


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []

"""Giving columns the types that a feed declares. A value that doesn't parse becomes NULL, and is told of."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from metrics.feeds import ColumnType
from orchestration.ingest.engine import engine
from orchestration.ingest.faults import FileFault

DECIMAL = pa.decimal128(28, 8)
ARROW_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "decimal": DECIMAL,
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
DUCKDB_TYPES = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "decimal": "DECIMAL(28,8)",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
_TRUE = ["true", "t", "1", "yes", "y"]
_FALSE = ["false", "f", "0", "no", "n"]
_LABELS = {
    "integer": "a whole number",
    "decimal": "a decimal number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date",
    "timestamp": "a timestamp",
}
_ISO = {"date": "like 2026-11-23", "timestamp": "like 2026-11-23 06:00:00"}
_ZONE = r"( ?(Z|[+-]\d\d(:?\d\d)?))?"
# What Arrow's own parsers refuse, or take too freely, and we accept: slower, so only for columns that need it.
# DuckDB's DECIMAL over 18 digits parses a hundred times slower than a short one, which is tried first.
_SQL = {
    "integer": r"CASE WHEN regexp_full_match(v, '[+-]?\d+(\.0*)?') THEN try_cast(v AS BIGINT) END",
    "decimal": "coalesce(try_cast(v AS DECIMAL(18,8))::DECIMAL(28,8), try_cast(v AS DECIMAL(28,8)))",
    "number": "CASE WHEN isfinite(try_cast(v AS DOUBLE)) THEN try_cast(v AS DOUBLE) END",
    "date": r"CASE WHEN regexp_full_match(v, '\d{4}-\d\d-\d\d([ T]00:00(:00(\.0+)?)?" + _ZONE + r")?') "
    "THEN try_cast(left(v, 10) AS DATE) END",
    "timestamp": r"CASE WHEN regexp_full_match(v, '\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?" + _ZONE + r")?') "
    "THEN try_cast(regexp_replace(v, ' ?([Z+-][0-9:]*)$', '\\1') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' END",
}


def described(declared: ColumnType) -> str:
    """The type in words, for the reason why a value was set aside."""
    label = _LABELS[declared.type]
    if declared.type in _ISO:
        return f"{label} ({_ISO[declared.type] if declared.format is None else 'format ' + declared.format})"
    separators = [f"decimal sign '{declared.decimal}'"] if declared.decimal != "." else []
    separators += [f"thousands sign '{declared.thousands}'"] if declared.thousands else []
    return label + (f" ({', '.join(separators)})" if separators else "")


def typed(column: pa.ChunkedArray, declared: ColumnType) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None]:
    """The column in its declared type, and where it holds a value that isn't one (None: nowhere).

    Blanks around a value are passed over, a blank value of another type than text is NULL. Timestamps with an
    offset become UTC; all come out without time zone. Raises FileFault for a format that strptime doesn't know.
    """
    target = ARROW_TYPES[declared.type]
    if not pa.types.is_string(column.type):
        native = _from_native(column, declared, target)
        if native is not None:
            return native, None
        column = _as_text(column)
        declared = ColumnType(type=declared.type)
    if declared.type == "text":
        return column, None
    text = pc.utf8_trim_whitespace(column)
    blank = pc.equal(text, "")
    if pc.any(blank).as_py():
        text = pc.if_else(blank, pa.scalar(None, pa.string()), text)
    given = text
    if declared.type in ("integer", "decimal", "number"):
        text = _plain_number(text, declared)
    values = _parsed(text, declared, target)
    if values.null_count == given.null_count:
        return values, None
    return values, pc.and_(pc.is_valid(given), pc.is_null(values))


def _plain_number(text: pa.ChunkedArray, declared: ColumnType) -> pa.ChunkedArray:
    """Numbers with the declared separators as 1234.5; those that don't follow them become NULL."""
    decimal, thousands = declared.decimal, declared.thousands
    if decimal == "." and thousands is None:
        return text
    fraction = f"({_literal(decimal)}\\d*)?"
    pattern = f"^[+-]?\\d+{fraction}$"
    if thousands:
        pattern = f"^[+-]?(\\d{{1,3}}({_literal(thousands)}\\d{{3}})+|\\d+){fraction}$"
    text = pc.if_else(pc.match_substring_regex(text, pattern), text, pa.scalar(None, pa.string()))
    if thousands:
        text = pc.replace_substring(text, thousands, "")
    return pc.replace_substring(text, decimal, ".")


def _literal(sign: str) -> str:
    return "".join(f"\\x{{{ord(one):x}}}" for one in sign)


def _parsed(text: pa.ChunkedArray, declared: ColumnType, target: pa.DataType) -> pa.ChunkedArray:
    if declared.type == "boolean":
        lower = pc.utf8_lower(text)
        no = pc.if_else(pc.is_in(lower, value_set=pa.array(_FALSE)), pa.scalar(False), pa.scalar(None, pa.bool_()))
        return pc.if_else(pc.is_in(lower, value_set=pa.array(_TRUE)), pa.scalar(True), no)
    if declared.format is not None and declared.type in ("date", "timestamp"):
        return _by_format(text, declared.format, target)
    quick = _by_arrow(text, declared.type, target)
    if quick is not None:
        return quick
    return _by_sql(text, _SQL[declared.type], {}, target)


def _by_arrow(text: pa.ChunkedArray, kind: str, target: pa.DataType) -> pa.ChunkedArray | None:
    """Arrow's parsers are the quickest, and all or nothing: None when one value isn't to their taste."""
    try:
        values = pc.cast(text, target)
    except pa.ArrowInvalid:
        if kind != "timestamp":
            return None
        try:
            return pc.cast(pc.cast(text, pa.timestamp("us", "UTC")), target)
        except pa.ArrowInvalid:
            return None
    if kind == "integer" and pc.any(pc.match_substring(text, "x", ignore_case=True)).as_py():
        return None  # Arrow reads 0x1F as a number
    if kind == "number" and not pc.all(pc.is_finite(values)).as_py() and values.null_count < len(values):
        return None
    return values


def _by_format(text: pa.ChunkedArray, format_: str, target: pa.DataType) -> pa.ChunkedArray:
    instant = "try_strptime(v, $format)"
    if "%z" in format_ or "%Z" in format_:
        instant += " AT TIME ZONE 'UTC'"
    try:
        return _by_sql(text, instant + ("::DATE" if target == pa.date32() else ""), {"format": format_}, target)
    except duckdb.Error as error:
        raise FileFault(f"the format '{format_}' that the feed declares isn't one of strptime: {error}") from None


def _by_sql(text: pa.ChunkedArray, expression: str, parameters: dict[str, str], target: pa.DataType) -> pa.ChunkedArray:
    cursor = engine()
    cursor.register("one", pa.table({"v": text}))
    values = cursor.execute(f"SELECT {expression} AS value FROM one", parameters or None).to_arrow_table()
    return values.column("value").cast(target)


def _from_native(column: pa.ChunkedArray, declared: ColumnType, target: pa.DataType) -> pa.ChunkedArray | None:
    """A column that has a type already, when that goes into the declared one without loss; None when it doesn't."""
    kind = column.type
    if pa.types.is_timestamp(kind) and declared.type == "timestamp":
        return column.cast(target)
    fits = {
        "integer": pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind),
        "decimal": pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind),
        "number": pa.types.is_integer(kind) or pa.types.is_decimal(kind),
        "boolean": pa.types.is_boolean(kind),
        "date": pa.types.is_date(kind),
        "timestamp": pa.types.is_date(kind),
    }
    if not fits.get(declared.type) and not (declared.type == "number" and pa.types.is_floating(kind)):
        return None
    if declared.type == "number" and pa.types.is_floating(kind) and not pc.all(pc.is_finite(column)).as_py():
        return None
    try:
        return column.cast(target)
    except pa.ArrowInvalid:
        return None


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    cursor = engine()
    cursor.register("one", pa.table({"v": column}))
    return cursor.sql("SELECT v::VARCHAR AS v FROM one").to_arrow_table().column("v")

"""Giving columns the types that a feed declares. A value that doesn't parse becomes NULL, and is told of."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from metrics.definitions.feeds import ColumnType
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
# What Python, and so every tool on the way, can hold. Beyond it a single value would stop whole runs.
_CALENDAR = (datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))
# Beyond it a float no longer tells one whole number from the next.
_EXACT_FLOATS = {pa.float16(): 2.0**11, pa.float32(): 2.0**24, pa.float64(): 2.0**53}
_DECIMAL_RANGE = 1e20
_LABELS = {
    "text": "text, or a whole number that is exact (a float below 2^53)",
    "integer": "a whole number",
    "decimal": "a decimal number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date of the years 1 to 9999",
    "timestamp": "a timestamp of the years 1 to 9999",
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
    offset become UTC; all come out without time zone. A whole number is the same text whatever type it has in the
    file. Raises FileFault for a format that strptime doesn't know.
    """
    target = ARROW_TYPES[declared.type]
    if pa.types.is_string(column.type):
        given, values = _from_text(column, declared, target)
    else:
        given, values = column, _from_native(column, declared, target)
    values = _null_where(values, beyond_calendar(values))
    if values.null_count == given.null_count:
        return values, None
    return values, pc.and_(pc.is_valid(given), pc.is_null(values))


def beyond_calendar(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Where a column of dates or timestamps lies outside the years 1 to 9999; None: nowhere, or no such column."""
    if not pa.types.is_date(column.type) and not pa.types.is_timestamp(column.type):
        return None
    # Compared as numbers, since Python can't hold what lies outside.
    numbers = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
    first, last = (pa.scalar(end).cast(pa.timestamp("us")).cast(column.type, safe=False) for end in _CALENDAR)
    first, last = first.cast(numbers.type), last.cast(numbers.type)
    ends = pc.min_max(numbers)
    if not ends["min"].is_valid or (ends["min"].as_py() >= first.as_py() and ends["max"].as_py() <= last.as_py()):
        return None
    return pc.or_(pc.less(numbers, first), pc.greater(numbers, last))


def _null_where(column: pa.ChunkedArray, wrong: pa.ChunkedArray | None) -> pa.ChunkedArray:
    return column if wrong is None else pc.if_else(wrong, pa.scalar(None, column.type), column)


def _from_text(
    column: pa.ChunkedArray, declared: ColumnType, target: pa.DataType
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The texts, blank ones as NULL, and their values."""
    if declared.type == "text":
        return column, column
    text = pc.utf8_trim_whitespace(column)
    blank = pc.equal(text, "")
    if pc.any(blank).as_py():
        text = pc.if_else(blank, pa.scalar(None, pa.string()), text)
    plain = _plain_number(text, declared) if declared.type in ("integer", "decimal", "number") else text
    return text, _parsed(plain, declared, target)


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
    except duckdb.Error:
        raise FileFault(f"the format '{format_}' that the feed declares isn't one of strptime") from None


def _by_sql(text: pa.ChunkedArray, expression: str, parameters: dict[str, str], target: pa.DataType) -> pa.ChunkedArray:
    cursor = engine()
    cursor.register("one", pa.table({"v": text}))
    values = cursor.execute(f"SELECT {expression} AS value FROM one", parameters or None).to_arrow_table()
    return values.column("value").cast(target)


def _from_native(column: pa.ChunkedArray, declared: ColumnType, target: pa.DataType) -> pa.ChunkedArray:
    """A column that has a type already in the declared one; NULL where that would lose something."""
    kind = column.type
    numeric = pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    if pa.types.is_floating(kind) and declared.type in ("text", "integer", "decimal", "number"):
        return _from_floats(column, declared, target)
    fits = {
        "integer": numeric,
        "decimal": numeric,
        "number": numeric,
        "boolean": pa.types.is_boolean(kind),
        "date": pa.types.is_date(kind),
        "timestamp": pa.types.is_date(kind) or pa.types.is_timestamp(kind),
    }
    if fits.get(declared.type):
        try:
            return column.cast(target)
        except pa.ArrowInvalid:
            pass  # some value doesn't go in without loss: one by one, as text
    text = _as_text(column)
    return text if declared.type == "text" else _parsed(text, ColumnType(type=declared.type), target)


def _from_floats(column: pa.ChunkedArray, declared: ColumnType, target: pa.DataType) -> pa.ChunkedArray:
    """Floats, NULL where they aren't finite or can't be exact in the declared type."""
    exact = _EXACT_FLOATS[column.type]
    column = column.cast(pa.float64())
    if declared.type == "number":
        return _null_where(column.cast(target), pc.invert(pc.is_finite(column)))
    size = pc.abs(column)
    if declared.type == "decimal":
        good = pc.less(size, _DECIMAL_RANGE)
        return _null_where(column, pc.invert(good)).cast(target)
    good = pc.and_(pc.less(size, exact), pc.equal(pc.floor(column), column))
    return _null_where(column, pc.invert(good)).cast(pa.int64()).cast(target)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as text; a decimal without the noughts at its end, so that 101 and 101.00 are one key."""
    expression = "v::VARCHAR"
    if pa.types.is_decimal(column.type) and column.type.scale > 0:
        expression = "regexp_replace(v::VARCHAR, '\\.?0*$', '')"
    cursor = engine()
    cursor.register("one", pa.table({"v": column}))
    return cursor.sql(f"SELECT {expression} AS v FROM one").to_arrow_table().column("v")

"""Converts columns to the types that a feed declares. A value that can't be converted becomes NULL and is reported."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from metrics.definitions.feeds import ColumnType
from orchestration.ingest.faults import FileFault
from orchestration.ingest.parsing.duckdb_cursor import duckdb_cursor

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
_TRUE = ["true", "t", "1", "yes", "y"]
_FALSE = ["false", "f", "0", "no", "n"]
# The times that Python, and so every later step, can represent. A single value outside them would stop the run.
_CALENDAR = (datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))
# From this size on, a float can't represent every whole number.
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
# The accepted forms that Arrow's parsers refuse. These expressions are slower, so they are used only for columns that
# need them. DuckDB parses a DECIMAL of more than 18 digits a hundred times slower than a shorter one, which is tried
# first.
_SQL = {
    "integer": r"CASE WHEN regexp_full_match(v, '[+-]?\d+(\.0*)?') THEN try_cast(v AS BIGINT) END",
    "decimal": "coalesce(try_cast(v AS DECIMAL(18,8))::DECIMAL(28,8), try_cast(v AS DECIMAL(28,8)))",
    "number": "CASE WHEN isfinite(try_cast(v AS DOUBLE)) THEN try_cast(v AS DOUBLE) END",
    "date": r"CASE WHEN regexp_full_match(v, '\d{4}-\d\d-\d\d([ T]00:00(:00(\.0+)?)?" + _ZONE + r")?') "
    "THEN try_cast(left(v, 10) AS DATE) END",
    "timestamp": r"CASE WHEN regexp_full_match(v, '\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?" + _ZONE + r")?') "
    "THEN try_cast(regexp_replace(v, ' ?([Z+-][0-9:]*)$', '\\1') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' END",
}


def type_in_words(declared: ColumnType) -> str:
    """The type in words, for the reason why a row was rejected."""
    label = _LABELS[declared.type]
    if declared.type in _ISO:
        return f"{label} ({_ISO[declared.type] if declared.format is None else 'format ' + declared.format})"
    separators = [f"decimal sign '{declared.decimal}'"] if declared.decimal != "." else []
    separators += [f"thousands sign '{declared.thousands}'"] if declared.thousands else []
    return label + (f" ({', '.join(separators)})" if separators else "")


def to_declared_type(column: pa.ChunkedArray, declared: ColumnType) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None]:
    """The column in its declared type, and a boolean column: where a value can't be converted (None: nowhere).

    Blanks around a value are ignored; a blank value of another type than text is NULL. Timestamps with an offset are
    converted to UTC; the result has no time zone. A whole number gives the same text whatever type it has in the file.
    Raises FileFault for a format that strptime doesn't know.
    """
    target = ARROW_TYPES[declared.type]
    if pa.types.is_string(column.type):
        given_values, values = _from_text(column, declared, target)
    else:
        given_values, values = column, _from_native(column, declared, target)
    values = _null_where(values, beyond_calendar(values))
    if values.null_count == given_values.null_count:
        return values, None
    return values, pc.and_(pc.is_valid(given_values), pc.is_null(values))


def beyond_calendar(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Where a column of dates or timestamps is outside the years 1 to 9999 (None: nowhere, or another type)."""
    if not pa.types.is_date(column.type) and not pa.types.is_timestamp(column.type):
        return None
    # Compared as numbers, because Python can't represent values outside these years.
    numbers = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
    first, last = (pa.scalar(end).cast(pa.timestamp("us")).cast(column.type, safe=False) for end in _CALENDAR)
    first, last = first.cast(numbers.type), last.cast(numbers.type)
    ends = pc.min_max(numbers)
    if not ends["min"].is_valid or (ends["min"].as_py() >= first.as_py() and ends["max"].as_py() <= last.as_py()):
        return None
    return pc.or_(pc.less(numbers, first), pc.greater(numbers, last))


def _null_where(column: pa.ChunkedArray, is_wrong: pa.ChunkedArray | None) -> pa.ChunkedArray:
    return column if is_wrong is None else pc.if_else(is_wrong, pa.scalar(None, column.type), column)


def _from_text(
    column: pa.ChunkedArray, declared: ColumnType, target: pa.DataType
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The trimmed texts, NULL where blank, and their values in the declared type; a column of text stays as it is."""
    if declared.type == "text":
        return column, column
    text = pc.utf8_trim_whitespace(column)
    blank = pc.equal(text, "")
    if pc.any(blank).as_py():
        text = pc.if_else(blank, pa.scalar(None, pa.string()), text)
    plain = _plain_number(text, declared) if declared.type in ("integer", "decimal", "number") else text
    return text, _parsed(plain, declared, target)


def _plain_number(text: pa.ChunkedArray, declared: ColumnType) -> pa.ChunkedArray:
    """Numbers written with the declared separators in the form 1234.5; a number written otherwise becomes NULL."""
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
    return "".join(f"\\x{{{ord(character):x}}}" for character in sign)


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


def _by_arrow(text: pa.ChunkedArray, declared_type: str, target: pa.DataType) -> pa.ChunkedArray | None:
    """The values by Arrow's parsers, the quickest; None when there is a value that these refuse or read wrongly."""
    try:
        values = pc.cast(text, target)
    except pa.ArrowInvalid:
        if declared_type != "timestamp":
            return None
        try:
            return pc.cast(pc.cast(text, pa.timestamp("us", "UTC")), target)
        except pa.ArrowInvalid:
            return None
    if declared_type == "integer" and pc.any(pc.match_substring(text, "x", ignore_case=True)).as_py():
        return None  # Arrow reads 0x1F as a number
    if declared_type == "number" and not pc.all(pc.is_finite(values)).as_py() and values.null_count < len(values):
        return None
    return values


def _by_format(text: pa.ChunkedArray, format_: str, target: pa.DataType) -> pa.ChunkedArray:
    instant = "try_strptime(v, $format)"
    if "%z" in format_ or "%Z" in format_:
        instant += " AT TIME ZONE 'UTC'"
    try:
        return _by_sql(text, instant + ("::DATE" if target == pa.date32() else ""), {"format": format_}, target)
    except duckdb.Error:
        raise FileFault(f"the format '{format_}' that the feed declares is not a format of strptime") from None


def _by_sql(text: pa.ChunkedArray, expression: str, parameters: dict[str, str], target: pa.DataType) -> pa.ChunkedArray:
    cursor = duckdb_cursor()
    cursor.register("input", pa.table({"v": text}))
    values = cursor.execute(f"SELECT {expression} AS value FROM input", parameters or None).to_arrow_table()
    return values.column("value").cast(target)


def _from_native(column: pa.ChunkedArray, declared: ColumnType, target: pa.DataType) -> pa.ChunkedArray:
    """Converts a column that isn't text in the file.

    NULL where a value doesn't fit the declared type, or would give an inexact key (text or integer). Decimals are
    rounded to 8 places, numbers to the precision of a float, timestamps to microseconds.
    """
    file_type = column.type
    numeric = pa.types.is_integer(file_type) or pa.types.is_decimal(file_type)
    if pa.types.is_floating(file_type) and declared.type in ("text", "integer", "decimal", "number"):
        return _from_floats(column, declared, target)
    casts_directly = {
        "integer": numeric,
        "decimal": numeric,
        "number": numeric,
        "boolean": pa.types.is_boolean(file_type),
        "date": pa.types.is_date(file_type),
        "timestamp": pa.types.is_date(file_type) or pa.types.is_timestamp(file_type),
    }
    if casts_directly.get(declared.type):
        try:
            return column.cast(target)
        except pa.ArrowInvalid:
            pass  # a value doesn't fit as it is: convert each value by itself, through text
    text = _as_text(column)
    return text if declared.type == "text" else _parsed(text, ColumnType(type=declared.type), target)


def _from_floats(column: pa.ChunkedArray, declared: ColumnType, target: pa.DataType) -> pa.ChunkedArray:
    """Floats in the declared type.

    NULL where they aren't finite or are too large; as text and integer also where they aren't exact whole numbers.
    """
    exact = _EXACT_FLOATS[column.type]
    column = column.cast(pa.float64())
    if declared.type == "number":
        return _null_where(column.cast(target), pc.invert(pc.is_finite(column)))
    size = pc.abs(column)
    if declared.type == "decimal":
        in_range = pc.less(size, _DECIMAL_RANGE)
        return _null_where(column, pc.invert(in_range)).cast(target)
    is_whole = pc.and_(pc.less(size, exact), pc.equal(pc.floor(column), column))
    return _null_where(column, pc.invert(is_whole)).cast(pa.int64()).cast(target)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as text; decimals without zeros at the end, so that 101 and 101.00 give the same key."""
    expression = "v::VARCHAR"
    if pa.types.is_decimal(column.type) and column.type.scale > 0:
        expression = "regexp_replace(v::VARCHAR, '\\.?0*$', '')"
    cursor = duckdb_cursor()
    cursor.register("input", pa.table({"v": column}))
    return cursor.sql(f"SELECT {expression} AS v FROM input").to_arrow_table().column("v")

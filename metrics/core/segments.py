"""How combinations of segments and their members are written: segment `channel:country`, member `web:SE`.

The names stand in alphabetical order. Within a part of a member, `%` is written `%25` and `:` is written `%3A`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

_SEPARATOR = ":"


def combined(segments: Iterable[str]) -> str:
    """The segment that combines those segments; their order doesn't matter."""
    return _SEPARATOR.join(sorted(segments))


def canonical(segment: str) -> str:
    """The segment with the names of a combination in their order: `country:channel` is `channel:country`."""
    return combined(segment.split(_SEPARATOR))


def parts_of(segment: str) -> tuple[str, ...]:
    """The segments that a combination is made of. A single segment is its own only part."""
    return tuple(segment.split(_SEPARATOR))


def is_combination(segment: str) -> bool:
    """Whether the segment combines several segments."""
    return _SEPARATOR in segment


def singles(segments: Iterable[str]) -> list[str]:
    """The single segments and the parts of the combinations, each once."""
    return list(dict.fromkeys(part for segment in segments for part in parts_of(segment)))


def identifier(segment: str) -> str:
    """The segment as part of a column's name in compiled SQL."""
    return segment.replace(_SEPARATOR, "__x__")


def words(segment: str) -> str:
    """The segment for people: the parts of a combination with ` × ` between them."""
    return " × ".join(parts_of(segment))


def member_parts(member: str) -> tuple[str, ...]:
    """The parts of a combination's member, in the order of `parts_of` its segment."""
    return tuple(part.replace("%3A", _SEPARATOR).replace("%25", "%") for part in member.split(_SEPARATOR))


def member_words(segment: str, member: str, names: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """A member of the segment for people, as `words` writes the segment.

    `names` are the names of members, by single segment: a member without one is written with spaces for the
    underscores between its words. Without `names` it is written as it is.
    """
    parts = member_parts(member) if is_combination(segment) else (member,)
    if names is None:
        return " × ".join(parts)
    return " × ".join(
        names.get(of, {}).get(part) or _spaced(part) for of, part in zip(parts_of(segment), parts, strict=True)
    )


def _spaced(member: str) -> str:
    return re.sub(r"\b[a-z0-9]+(_[a-z0-9]+)+\b", lambda joined: joined[0].replace("_", " "), member)


def combined_member_sql(members: Sequence[str]) -> str:
    """The SQL of a combination's member, from the SQL of its parts' members; NULL is the unknown member `_U`."""
    texts = [f"COALESCE(CAST({member} AS STRING), '_U')" for member in members]
    parts = [f"REPLACE(REPLACE({text}, '%', '%25'), '{_SEPARATOR}', '%3A')" for text in texts]
    return f"CONCAT({f', {_SEPARATOR!r}, '.join(parts)})"


def part_sql(member: str, number: int | str) -> str:
    """DuckDB's SQL of one part of a combination's member; `number` counts from 1, both are numbers or SQL."""
    return f"replace(replace(string_split({member}, '{_SEPARATOR}')[{number}], '%3A', '{_SEPARATOR}'), '%25', '%')"

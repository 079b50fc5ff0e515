"""A dbt model's code as SQL that depends on the code alone: not on a run, a target, an environment or a warehouse.

`dbt compile` renders for one run, whose moment and tables then stand in the text. Here the clock stands still and
references are plain names; a model that asks for more (`is_incremental()`, `this`, `var()`, a query) isn't rendered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateError
from sqlglot import Dialect
from sqlglot.errors import SqlglotError

MODELS, RAW = "models", "raw"  # the schemas under which references and sources stand in rendered SQL
_NO_MOMENT = datetime(1, 1, 1)
# What dbt may be told of a model without its rows being other ones.
_HARMLESS = {"materialized", "schema", "alias", "tags", "meta", "on_error", "docs", "group", "access"}
_REBUILT = {"table", "view", "ephemeral"}
_ENVIRONMENT = Environment(undefined=StrictUndefined, extensions=["jinja2.ext.do"])
_TOKENIZER = Dialect.get_or_raise("duckdb")


class NotRendered(Exception):
    """The code's SQL isn't known without a run of dbt; its text says what asks for one."""


def rendered(node: Mapping[str, Any], macros: Mapping[str, Any]) -> str:
    """The SQL of a model's node of dbt's manifest; `macros` are the manifest's.

    Tables are `"models"."<model>"` and `"raw"."<feed>"`. Raises NotRendered.
    """
    config = node["config"]
    if node.get("language", "sql") != "sql" or config["materialized"] not in _REBUILT:
        raise NotRendered(f"{node.get('language', 'sql')} materialized as {config['materialized']}")
    if hooks := _hooks(node):
        raise NotRendered(f"the hook {hooks[0]}")
    code = "".join(macros[name]["macro_sql"] for name in called_macros(node, macros)) + node["raw_code"]
    context = {
        "ref": _ref,
        "source": _source,
        "config": _config,
        "model": node,
        "env_var": _env_var,
        "run_started_at": _NO_MOMENT,
    }
    try:
        return _ENVIRONMENT.from_string(code).render(context)
    except (TemplateError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise NotRendered(f"the template: {error}") from None


def unrendered(node: Mapping[str, Any], macros: Mapping[str, Any]) -> str:
    """All of the code that a node's rows depend on: its own, the project's macros that it calls, and its hooks."""
    own = node.get("raw_code") or node["checksum"]["checksum"]  # of a seed, its rows
    texts = [own, *(macros[name]["macro_sql"] for name in called_macros(node, macros)), *_hooks(node)]
    return "\n".join([str(node["config"]["materialized"]), *map(normalised, texts)])


def called_macros(node: Mapping[str, Any], macros: Mapping[str, Any]) -> list[str]:
    """The macros that a node calls, and those that these call, but for dbt's own: names of the manifest, sorted."""
    found: set[str] = set()
    waiting = list(node["depends_on"]["macros"])
    while waiting:
        name = waiting.pop()
        if name not in found and name in macros and not macros[name]["package_name"].startswith("dbt"):
            found.add(name)
            waiting += macros[name]["depends_on"]["macros"]
    return sorted(found)


def normalised(code: str) -> str:
    """SQL or a template of it as its tokens, one space between them: without comments, whatever its spacing."""
    try:
        tokens = _TOKENIZER.tokenize(code)
    except SqlglotError:  # no SQL: as it stands
        return code
    return " ".join(f"{token.token_type.name} {token.text!r}" for token in tokens)


def _hooks(node: Mapping[str, Any]) -> list[str]:
    return [str(hook["sql"]) for kind in ("pre-hook", "post-hook") for hook in node["config"].get(kind) or ()]


def _ref(*names: str, **version: Any) -> str:
    if version:
        raise NotRendered(f"the version of {names[-1]}")
    return f'"{MODELS}"."{names[-1]}"'


def _source(_: str, feed: str) -> str:
    return f'"{RAW}"."{feed}"'


def _config(**stated: Any) -> str:
    if not set(stated) <= _HARMLESS:
        raise NotRendered(f"config of {', '.join(sorted(set(stated) - _HARMLESS))}")
    return ""


def _env_var(_: str, default: str | None = None) -> str:
    if default is None:
        raise NotRendered("an environment variable without a default")
    return default

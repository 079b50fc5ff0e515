"""Renders a dbt model's code to SQL that depends on the code alone: not on a run, target, environment or warehouse.

The SQL of `dbt compile` contains the time and the tables of one run. Here the time is a constant and references are
plain names. A model that needs more of dbt (`is_incremental()`, `this`, `var()`, a query) isn't rendered.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateError
from jinja2.meta import find_undeclared_variables
from sqlglot import Dialect
from sqlglot.errors import SqlglotError

MODELS, RAW = "models", "raw"  # the schemas of references and sources in rendered SQL
_NO_MOMENT = datetime(1, 1, 1)
# The settings of a model's config() that don't change its rows.
_HARMLESS = {"materialized", "schema", "alias", "tags", "meta", "on_error", "docs", "group", "access"}
_STATELESS = {"table", "view", "ephemeral"}  # the materializations that don't depend on earlier runs
_ENVIRONMENT = Environment(undefined=StrictUndefined, extensions=["jinja2.ext.do"])
# What dbt has in templates besides macros, Jinja's own last.
_DBT_NAMES = """
    adapter api builtins caller column compiled_code config context context_macro_stack database dbt_metadata_envs
    dbt_version defer_relation diff_of_two_dicts env env_var exceptions execute flags fromjson fromyaml function graph
    invocation_args_dict invocation_id kwargs load_agate_table load_result local_md5 log metric model modules
    otel_span_id otel_trace_id post_hooks pre_hooks print project_name ref render return run_started_at schema
    selected_resources set set_strict source source_node sql sql_now store_raw_result store_result submit_python_job
    target this thread_id tojson toyaml try_or_compiler_error validation var varargs write zip zip_strict
    adapter_macro cycler dict joiner lipsum namespace range self
"""
_TOKENIZER = Dialect.get_or_raise("duckdb")


class NotRendered(Exception):
    """The SQL can't be known without a run of dbt. The text says what in the code needs one."""


def rendered(node: Mapping[str, Any], macros: Mapping[str, Any]) -> str:
    """The SQL of a model, given as its node of dbt's manifest; `macros` are the manifest's.

    Its tables are `"models"."<model>"` and `"raw"."<feed>"`. Raises NotRendered.
    """
    config = node["config"]
    if node.get("language", "sql") != "sql" or config["materialized"] not in _STATELESS:
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


def undefined(code: str) -> set[str]:
    """The names that a template uses and neither it nor dbt defines, such as names of macros.

    Empty for a template that can't be read, such as one with tags of dbt's own.
    """
    try:
        names = find_undeclared_variables(_ENVIRONMENT.parse(code))
    except TemplateError:
        return set()
    return {name for name in names - set(_DBT_NAMES.split()) if not name.startswith("_")}


def unrendered(node: Mapping[str, Any], macros: Mapping[str, Any]) -> str:
    """All code that a node's rows depend on: its own, the macros that it calls (except dbt's), and its hooks."""
    code = node.get("raw_code") or node["checksum"]["checksum"]  # a seed has no code: the checksum of its rows
    texts = [code, *(macros[name]["macro_sql"] for name in called_macros(node, macros)), *_hooks(node)]
    return "\n".join([str(node["config"]["materialized"]), *map(normalised, texts)])


def called_macros(node: Mapping[str, Any], macros: Mapping[str, Any]) -> list[str]:
    """The macros that a node calls, directly or through other macros, without dbt's own: manifest keys, sorted."""
    called: set[str] = set()
    unvisited = list(node["depends_on"]["macros"])
    while unvisited:
        name = unvisited.pop()
        if name not in called and name in macros and not macros[name]["package_name"].startswith("dbt"):
            called.add(name)
            unvisited += macros[name]["depends_on"]["macros"]
    return sorted(called)


def normalised(code: str) -> str:
    """The tokens of SQL or of an SQL template, as a text that is independent of comments and spacing."""
    try:
        tokens = _TOKENIZER.tokenize(code)
    except SqlglotError:  # not SQL: unchanged
        return code
    return " ".join(f"{token.token_type.name} {token.text!r}" for token in tokens)


def _hooks(node: Mapping[str, Any]) -> list[str]:
    return [str(hook["sql"]) for hook_name in ("pre-hook", "post-hook") for hook in node["config"].get(hook_name) or ()]


def _ref(*names: str, **version: Any) -> str:
    if version:
        raise NotRendered(f"the version of {names[-1]}")
    return f'"{MODELS}"."{names[-1]}"'


def _source(_: str, feed: str) -> str:
    return f'"{RAW}"."{feed}"'


def _config(**settings: Any) -> str:
    if not set(settings) <= _HARMLESS:
        raise NotRendered(f"config of {', '.join(sorted(set(settings) - _HARMLESS))}")
    return ""


def _env_var(_: str, default: str | None = None) -> str:
    if default is None:
        raise NotRendered("an environment variable without a default")
    return default

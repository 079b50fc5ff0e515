"""The reference pages in `docs/reference/`: every key of every YAML file, and the input entities.

Run it as `python -m metrics.reference`. To change the pages, change the models or the input contracts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from metrics.core import yaml_file
from metrics.core.deployment import PROJECT
from metrics.definitions.calendar import Calendar
from metrics.definitions.company import CompanyFile
from metrics.definitions.feeds import FeedFile
from metrics.definitions.identities import IdentitiesFile
from metrics.definitions.kpis.adoption import Adoption
from metrics.definitions.kpis.kpi import Definition
from metrics.definitions.objectives import ObjectivesFile
from metrics.definitions.roles import Roles
from metrics.lint.exceptions import ExceptionsFile
from metrics.versioning.reviewed import DefinitionsFile

# The model of each YAML file, by its path in the company folder; the last one is in the project.
FILES: dict[str, type[BaseModel]] = {
    "company.yml": CompanyFile,
    "calendar.yml": Calendar,
    "objectives.yml": ObjectivesFile,
    "roles.yml": Roles,
    "exceptions.yml": ExceptionsFile,
    "feeds/<system>.yml": FeedFile,
    "kpis/<domain>/<kpi>.yml": Adoption,
    "kpis/identities.yml": IdentitiesFile,
    "definitions.yml": DefinitionsFile,
    "metrics/kpis/<domain>/<kpi>.yml": Definition,
}
_PLAIN = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    date: "day",
    NoneType: "nothing",
}
_PLURALS = {str: "texts", int: "whole numbers", float: "numbers", date: "days"}
_OWN_KPIS = """\
The folder in which the file lies is the KPI's domain, one of the standard ones or the company's own: `calendar.yml` and
`roles.yml` may name it.

A KPI of the company's own has its whole definition in this file: the keys above, and those of [a standard
definition](#metricskpisdomainkpiyml). `freqs`, `segments`, `gate` and `definition_version` are written only once. The
key `metric` makes it such a file. If its id is that of a standard definition, it replaces that definition, and the
project's identities no longer apply to the KPI. Its metric may be one of the project, or one of the
company's own in `models/metrics/*.yml`. `kpi new kpi <id> --metric <metric>` writes such a file to fill in."""
_HEAD = "<!-- Written by `python -m metrics.reference`; change the models or contracts, not this page. -->"


def pages() -> dict[str, str]:
    """The reference pages by their path in the project."""
    return {"docs/reference/yaml_files.md": _files(), "docs/reference/input_entities.md": _entities()}


def _files() -> str:
    parts = [
        "# Every key of every YAML file",
        _HEAD,
        "A key that isn't listed is refused, with file, line and the nearest spelling. Keys without a default are"
        " required. Aliases (`*name`) are not supported. `sample_company/` has an example of each file.\n\n"
        "The files are those of a [company folder](../explanation/company_folder.md); the last one is the project's."
        " The columns that staging models must have are in [input entities](input_entities.md).",
    ]
    for name, model in FILES.items():
        parts.append(f"## `{name}`")
        parts += _sections(model, "")
        if model is Adoption:
            parts.append(_OWN_KPIS)
        if model is IdentitiesFile:
            parts.append("The project's own are in `metrics/kpis/identities.yml`, in the same form.")
    return "\n\n".join(parts) + "\n"


def _sections(model: type[BaseModel], place: str) -> Iterator[str]:
    """The docstring of the model at the path `place`, a table of its keys, then the same for each model within it."""
    yield _description(model)
    rows = [
        f"| `{name}` | {_kind(field.annotation, field)} | {_default(field)} | {_cell(field.description or '')} |"
        for name, field in ((field.alias or name, field) for name, field in model.model_fields.items())
    ]
    yield "\n".join(["| key | value | default | meaning |", "| --- | --- | --- | --- |", *rows])
    for name, field in model.model_fields.items():
        for inner, path in models_in(field.annotation, f"{place}.{name}".removeprefix(".")):
            yield f"### `{path}`"
            yield from _sections(inner, path)


def _description(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def models_in(annotation: Any, path: str) -> Iterator[tuple[type[BaseModel], str]]:
    """The pydantic models within a type annotation, each with the path of YAML keys that leads to it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, path
    elif get_origin(annotation) is dict:
        yield from models_in(get_args(annotation)[1], f"{path}.<name>")
    elif get_origin(annotation) is Annotated:
        yield from models_in(get_args(annotation)[0], path)
    elif get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from models_in(part, path)


def _kind(annotation: Any, field: FieldInfo | None = None) -> str:
    """The kind of value in words, with its limits."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = "mapping (below)"
    elif origin is Literal:
        kind = ", ".join(f"`{value}`" for value in inner)
    elif origin is tuple:
        kind = f"list of {_PLURALS.get(inner[0]) or _kind(inner[0])}"
    elif origin is dict:
        kind = f"names, each with: {_kind(inner[1])}"
    elif origin is Annotated:
        kind = _kind(inner[0])
    elif origin in (Union, UnionType):
        kind = ", or ".join(_kind(part) for part in inner if part is not NoneType)
    else:
        kind = _PLAIN[annotation]
    for limit in field.metadata if field else ():
        if isinstance(limit, Ge):
            kind += f", at least {limit.ge}"
        elif isinstance(limit, Gt):
            kind += f", above {limit.gt}"
        elif isinstance(limit, Le):
            kind += f", at most {limit.le}"
        elif isinstance(limit, Lt):
            kind += f", below {limit.lt}"
    return kind


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value == () or value == {} or isinstance(value, BaseModel):
        return "–"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{entry}"' for entry in value) + "]`"
    return "`true`" if value is True else "`false`" if value is False else f"`{value}`" if value != "" else "–"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _entities() -> str:
    parts = [
        "# Input entities",
        _HEAD,
        "The tables that a company's staging models fill: `models/staging/stg_<entity>.sql`, one select each. dbt"
        " enforces the columns, their types and tests. An entity without such a file is empty, and the KPIs that need"
        " it are not supplied.",
    ]
    folder = PROJECT / "dbt_project" / "models" / "input"
    for file in sorted(folder.glob("*/*.yml")):
        parts += [part for model in yaml_file.read(file)["models"] for part in _entity(model, file)]
    return "\n\n".join(parts) + "\n"


def _entity(model: Any, file: Path) -> Iterator[str]:
    yield f"## `{model['name'].removeprefix('stg_')}`"
    optional = model["config"]["meta"].get("optional")
    domain = f" Domain: {file.parent.name}." + (" It is optional: KPIs are supplied without it." if optional else "")
    yield " ".join(model["description"].split()) + domain
    rows = []
    for column in model["columns"]:
        tests = ", ".join(map(_test, column.get("data_tests", []))) or "–"
        meaning = _cell(" ".join(column["description"].split()))
        rows.append(f"| `{column['name']}` | {column['data_type']} | {tests} | {meaning} |")
    yield "\n".join(["| column | type | tests | meaning |", "| --- | --- | --- | --- |", *rows])
    if tests := ", ".join(map(_test, model.get("data_tests", []))):
        yield f"Of the whole table: {tests}."


def _test(test: Any) -> str:
    """A dbt test as text: its name and its arguments."""
    if isinstance(test, str):
        return f"`{test}`"
    ((name, properties),) = test.items()
    arguments = properties.get("arguments", properties)
    argument_text = "; ".join(
        f"{key}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in arguments.items()
        if key != "config"
    )
    return f"`{name}` ({_cell(argument_text)})" if argument_text else f"`{name}`"


if __name__ == "__main__":
    for path, text in pages().items():
        (PROJECT / path).write_text(text, encoding="utf-8")

"""What dbt says of a project that it can't parse, as an error at the file and line of the mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.definitions.company import Company

_FILE = re.compile(r"(?:\(|^\s+- )((?:company|models|macros|compiled|tests)/[^)\n]+)", re.MULTILINE)
_YAML_FILE = re.compile(r"Error reading \w+: (\S+) - Runtime Error")
_LINE = re.compile(r"^\s*(?:Syntax error near )?line (\d+)$", re.MULTILINE)
_MISSING = re.compile(
    r"depends on a (?P<kind>source|node) named '(?:raw\.)?(?P<name>[^']+)' which was not found"
    r"|The metric `(?P<metric>[^`]+)` does not exist"
)
_QUOTED = re.compile(r"['`](\w+)['`]")
_COLOUR = re.compile(r"\[\x1b\[\d+m[A-Z]+\x1b\[\d+m\]: |\x1b\[\d+m")


def parse_fault(company: Company, dbt_project: Path, message: str, reasons: Sequence[str] = ()) -> NyckeltalError:
    """The error for dbt's message. `reasons` are what dbt logged about a semantic layer that isn't valid."""
    roots = {"company": company.path, "compiled": company.path / "compiled"}
    if missing := _MISSING.search(message):
        name = missing["name"] or missing["metric"]
        file = _file(_FILE.search(message), roots, dbt_project)
        kind = {"source": "feed", "node": "model"}.get(missing["kind"] or "", "metric")
        known: Iterable[str] = company.feeds
        if kind != "feed":
            known = _names(kind, (company.path / "models", dbt_project / "models"))
        hint = did_you_mean(name, sorted(known))
        return NyckeltalError(f"there is no {kind} '{name}'{hint}", file=file, line=_line_of(name, file))
    if reasons:
        message = "\n  ".join(_COLOUR.sub("", reason) for reason in reasons)
        files = sorted((company.path / "models").rglob("*.yml"))
        word = next(iter(_QUOTED.findall(message)), "")
        file = next((path for path in files if _line_of(word, path)), company.path)
        return NyckeltalError(f"dbt can't parse the project: {message}", file=file, line=_line_of(word, file))
    if "codec can't decode" in message:
        texts = sorted(path for path in company.path.rglob("*.*") if path.suffix in (".sql", ".yml"))
        file = next((path for path in texts if not _is_utf8(path)), company.path)
        return NyckeltalError("isn't UTF-8", file=file, expected="a text saved as UTF-8")
    in_yaml = _YAML_FILE.search(message)
    folders = (company.path / "models", dbt_project / "models")
    paths = [folder / in_yaml[1] for folder in folders if in_yaml and (folder / in_yaml[1]).is_file()]
    file = paths[0] if paths else _file(_FILE.search(message), roots, dbt_project) or company.path
    line = _LINE.search(message)
    return NyckeltalError(f"dbt can't parse the project: {message}", file=file, line=int(line[1]) if line else None)


def _file(match: re.Match[str] | None, roots: dict[str, Path], dbt_project: Path) -> Path | None:
    """The file that dbt names by its path from the project's folder, where the company or the project has it."""
    if match is None:
        return None
    first, _, rest = match[1].partition("/")
    return roots[first] / rest if first in roots else dbt_project / match[1]


def _names(kind: str, folders: Iterable[Path]) -> set[str]:
    """The names of models, or all names in the YAML files beside them, which include metrics."""
    if kind == "model":
        return {path.stem for folder in folders for path in folder.rglob("*.sql")}
    texts = (path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.yml"))
    return {name for text in texts for name in re.findall(r"- name: (\w+)", text)}


def _is_utf8(file: Path) -> bool:
    try:
        file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _line_of(word: str, file: Path | None) -> int | None:
    """The first line of the file with the word in quotes, else with the word; None without one."""
    lines = file.read_text(encoding="utf-8").splitlines() if file is not None and file.is_file() else []
    for pattern in (rf"['\"]{re.escape(word)}['\"]", rf"(?<!\w){re.escape(word)}(?!\w)"):
        for number, line in enumerate(lines, 1):
            if word and re.search(pattern, line):
                return number
    return None

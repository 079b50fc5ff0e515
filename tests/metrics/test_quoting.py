"""Names and texts within SQL and dbt's Jinja: nothing of them is run, and none is lost."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import duckdb
import jinja2
import pytest
import sqlglot
from conftest import copied_company

from metrics.compiled_folder import compile_company, write
from metrics.core.quoting import comment, identifier, jinja, literal
from metrics.core.text import visible
from metrics.definitions.company import Company
from metrics.definitions.kpis import kpi
from orchestration.dbt import project
from orchestration.dbt.planning import planned
from tests import hostile

TEXTS = [*hostile.TEXTS.values(), "{%- endraw -%}", "{{{{ x", "{# never closed", "*/*/ /*/", "\r\n;drop table x;--"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_itself_in_a_literal_a_name_and_a_template(text: str) -> None:
    assert jinja2.Template(jinja(text), keep_trailing_newline=True).render() == re.sub("\r\n?", "\n", text)
    if text and "\udcff" not in text:
        with duckdb.connect() as connection:
            result = connection.execute(f"select {literal(text)} as {identifier(text)}")
            assert [column[0] for column in result.description] == [text]
            assert result.fetchall() == [(text,)]


@pytest.mark.parametrize("text", TEXTS)
def test_a_comment_stays_one_to_jinja_and_to_sql(text: str) -> None:
    line = comment(text)
    assert "\n" not in line
    assert jinja2.Template(f"{line}\nselect 1").render() == f"{line}\nselect 1"
    assert sqlglot.parse_one(f"{line}\nselect 1", dialect="duckdb").sql(comments=False) == "SELECT 1"
    assert "*/" not in line and "/*" not in line
    with duckdb.connect() as connection:
        assert connection.execute(f"/* before */ {line}\nselect 1").fetchall() == [(1,)]


def test_dbt_reads_hostile_names_and_descriptions_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = " ".join(text for text in hostile.TEXTS.values() if "\udcff" not in text)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    folder, definitions = copied_company({"web_sessions"}, tmp_path), tmp_path / "definitions"
    shutil.copytree(kpi.STANDARD_DEFINITIONS, definitions)
    monkeypatch.setattr(kpi, "STANDARD_DEFINITIONS", definitions)
    replace(folder / "company.yml", "name:", everything)
    replace(folder / "feeds/web.yml", "    description:", everything)
    replace(definitions / "marketing/web_sessions.yml", "name:", everything)
    replace(definitions / "marketing/web_sessions.yml", "description:", everything)
    company = Company.load(folder)
    files = compile_company(company, planned(company))
    assert visible(everything).split("\n")[0] not in files["kpi/kpi_web_sessions.sql"]  # the Jinja in it is parted
    assert files["kpi/kpi_web_sessions.sql"].splitlines()[1].startswith("-- Written by `kpi compile`")
    write(company, files)
    manifest = json.loads((project.parse(company) / "manifest.json").read_text())
    (source,) = [node for node in manifest["sources"].values() if node["name"] == "sessions"]
    assert source["description"] == visible(everything)


def replace(file: Path, key: str, text: str) -> None:
    """Gives a key of a YAML file another text, in double quotes."""
    lines = file.read_text().splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith(key)][:1]
    indent = len(lines[at]) - len(lines[at].lstrip())
    rest = lines[at + 1 :]
    while rest and rest[0].strip() and len(rest[0]) - len(rest[0].lstrip()) > indent:  # a text of several lines
        rest = rest[1:]
    written = json.dumps(text, ensure_ascii=False)
    written = re.sub("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]", lambda sign: f"\\u{ord(sign[0]):04x}", written)
    file.write_text("\n".join([*lines[:at], f"{key} {written}", *rest]) + "\n")

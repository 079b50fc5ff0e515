"""Every standard KPI on tiny tables, `tests/cases/<kpi>.yml`: equal to values by hand and to independent SQL.

A case states

- `why`: which edge cases its rows are;
- `today`: the company's day, by default 2026-01-15. The reporting currency is SEK;
- `tables`: rows of input entities, a header and lines of values between commas; a blank is NULL;
- `values`: the values by hand, by period code (`2024-02`, `2024-W09`), for a segment's member `2024-02 country=SE`; a
  number, a fraction such as 2/3, or null where there must be no value;
- `persons`: the persons behind numerator and denominator by hand, such as `[6, 8]`, by those codes; null where a part
  has none of its own;
- `sql`: a select of `period_start`, `member` and `value` from the tables `stg_<entity>`. It is run for each frequency
  and segment: `{freq}` is M, `{unit}` is month, and `{member}` the SQL of the member, the segment's column or '_T'.
  Its values and the KPI's must be the same ones;
- `segments`: the segments that the SQL is run for besides the total, by default all of the definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from unittest.mock import patch

import duckdb
import pytest
import yaml

from benchmarks.engine import Engine
from metrics.compiler.plan import plan, rollups
from metrics.compiler.semantic_layer import GRAINS
from metrics.compiler.sql.kpi_sql import kpi_sql
from metrics.compiler.sql.rollups import day_fingerprint_sql, rollup_models
from metrics.core.periods import parse
from metrics.definitions.calendar import Calendar
from metrics.definitions.company import Company
from metrics.definitions.input_entities import CONTRACTS
from metrics.definitions.kpis.adoption import Adoption, Target
from metrics.definitions.kpis.kpi import Kpi, standard_definitions
from orchestration.dbt.planning import parsed

CASES = sorted((Path(__file__).parents[1] / "cases").glob("*.yml"))
_TODAY = "2026-01-15"

Key = tuple[str, date, str, str]  # freq, first day, segment, member


@dataclass(frozen=True)
class Models:
    """The SQL templates of marts, rollups and KPIs by name, and the input entities as statements that create them.

    `expanded_formulas` are those of the KPIs that have one, by kpi_id.
    """

    templates: dict[str, str]
    inputs: dict[str, str]
    expanded_formulas: dict[str, str]

    def upstream(self, name: str) -> dict[str, str]:
        """That model and all that it reads."""
        needed, waiting = dict[str, str](), [name]
        while waiting:
            model = waiting.pop()
            if model in self.templates and model not in needed:
                needed[model] = self.templates[model]
                waiting += re.findall(r"ref\('(\w+)'\)", self.templates[model])
        return needed


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The project's marts, and all standard KPIs compiled over them."""
    folder = tmp_path_factory.mktemp("cases")
    calendar = Calendar(time_zone="Europe/Stockholm", country="SE", closes_after={"default": 7})
    company = Company(folder, "Cases", "SEK", calendar, {}, {})
    with patch.dict("os.environ", {"NYCKELTAL_DATA_DIR": str(folder)}):
        layer, lineage = parsed(company)
    nodes = {name: lineage.nodes[key] for name, key in lineage.models.items()}
    templates = {name: node["raw_code"] for name, node in nodes.items() if name.startswith(("fct_", "dim_", "company"))}
    plans = [plan(kpi, layer) for kpi in _standard_kpis()]
    shared = rollups(plans, layer)
    for rollup in shared:
        templates |= rollup_models(rollup, day_fingerprint_sql(rollup, set(nodes[rollup.models[0]]["columns"]), "code"))
    templates |= {kpi_plan.kpi.model: kpi_sql(kpi_plan, shared, "hash") for kpi_plan in plans}
    expanded = {kpi_plan.kpi.id: kpi_plan.expanded_formula for kpi_plan in plans if kpi_plan.expanded_formula}
    return Models(templates, dict(_input_tables()), expanded)


def test_a_margin_and_growth_have_a_formula_in_the_two_metrics_that_they_compare(models: Models) -> None:
    """Other ratios are split by their numerator and denominator."""
    assert models.expanded_formulas == {
        "gross_margin": "(net_revenue - cost_of_goods) / net_revenue",
        "revenue_growth_yoy": "(net_revenue - net_revenue_1_year_ago) / net_revenue_1_year_ago",
    }


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_values_are_those_by_hand_and_those_of_independent_sql(
    file: Path, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = yaml.safe_load(file.read_text(encoding="utf-8"))
    monkeypatch.setenv("NYCKELTAL_TODAY", str(case.get("today", _TODAY)))
    kpi = next(kpi for kpi in _standard_kpis() if kpi.id == file.stem)
    connection = duckdb.connect()
    for statement in models.inputs.values():
        connection.execute(statement)
    for entity, text in case["tables"].items():
        _insert(connection, f"stg_{entity}", text)
    Engine(connection, models.upstream(kpi.model)).run()
    values = _values(connection, kpi)

    for place, by_hand in case["values"].items():
        key = _key(str(place))
        expected = None if by_hand is None else pytest.approx(float(Fraction(str(by_hand))), rel=1e-9, abs=1e-9)
        assert values.get(key) == expected, place
    for place, counts in case.get("persons", {}).items():
        columns = "n_persons_numerator, n_persons_denominator"
        keys = "freq = ? and period_start = ? and segment = ? and member = ?"
        query = f"select {columns} from {kpi.model} where {keys}"
        assert connection.execute(query, _key(str(place))).fetchall() == [tuple(counts)], place
    segments = ["_T", *case.get("segments", kpi.definition.segments)]
    independent = _independent_values(connection, case["sql"], kpi, segments)
    assert independent
    shown = {key: value for key, value in values.items() if key[2] in segments}
    assert shown.keys() ^ independent.keys() == set()
    assert shown == pytest.approx(independent, rel=1e-9, abs=1e-9)


def _standard_kpis() -> Iterator[Kpi]:
    """Each standard KPI, adopted at all its frequencies and segments."""
    for kpi_id, (definition, file) in standard_definitions().items():
        adoption = Adoption(
            kpi=kpi_id, owner="owner", level="key", objective="any", target=Target(none="none"), review="quarterly",
            freqs=definition.freqs, segments=definition.segments,
        )  # fmt: skip
        yield Kpi(file.parent.name, definition, adoption, file, file)


def _input_tables() -> Iterator[tuple[str, str]]:
    for file in CONTRACTS.glob("*/*.yml"):
        for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]:
            columns = ", ".join(f'"{column["name"]}" {column["data_type"]}' for column in model["columns"])
            yield model["name"], f"create table {model['name']} ({columns})"


def _insert(connection: duckdb.DuckDBPyConnection, table: str, text: str) -> None:
    header, *lines = ([cell.strip() or None for cell in line.split(",")] for line in text.strip().splitlines())
    marks = ", ".join("?" * len(header))
    connection.executemany(f"insert into {table} ({', '.join(map(str, header))}) values ({marks})", lines)


def _values(connection: duckdb.DuckDBPyConnection, kpi: Kpi) -> dict[Key, float]:
    rows = connection.execute(
        # S, the parts of weeks, is for disclosure control alone.
        f"""select freq, period_start, segment, member, obs_value from {kpi.model}
        where obs_value is not null and freq <> 'S'"""
    ).fetchall()
    values = {(freq, start, segment, member): value for freq, start, segment, member, value in rows}
    assert len(values) == len(rows)
    return values


def _independent_values(
    connection: duckdb.DuckDBPyConnection, sql: str, kpi: Kpi, segments: list[str]
) -> dict[Key, float]:
    values: dict[Key, float] = {}
    for freq in kpi.definition.freqs:
        for segment in segments:
            member = "'_T'" if segment == "_T" else f"coalesce({segment}, '_U')"
            query = sql.replace("{freq}", freq).replace("{unit}", GRAINS[freq]).replace("{member}", member)
            values_of_query = "select cast(period_start as date), member, cast(value as double)"
            rows = connection.execute(f"{values_of_query} from ({query}) where value is not null").fetchall()
            values |= {(freq, start, segment, member): value for start, member, value in rows}
    return values


def _key(place: str) -> Key:
    """The key of a place in `values`, such as `2024-02 country=SE`."""
    code, _, cut = place.partition(" ")
    segment, _, member = cut.partition("=")
    period = parse(code)
    return (period.freq, period.start, segment or "_T", member or "_T")


def test_every_standard_kpi_has_a_case() -> None:
    assert {kpi.id for kpi in _standard_kpis()} == {file.stem for file in CASES}

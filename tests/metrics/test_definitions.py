"""A company folder with mistakes: each mistake gives one clear finding, and all are reported together."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from metrics.compiled_folder import compile_company
from metrics.core import yaml_file
from metrics.core.deployment import PROJECT
from metrics.core.errors import NyckeltalError, Problems
from metrics.core.yaml_file import Strict, load
from metrics.definitions.company import Company, CompanyFile
from metrics.definitions.kpis.adopted import adopted_kpis
from metrics.definitions.kpis.gate_settings import CheckSetting, GateSettings, merged
from orchestration.dbt.planning import planned


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(tmp_path / "data"))
    copy = tmp_path / "company"
    shutil.copytree(PROJECT / "sample_company", copy, ignore=shutil.ignore_patterns("simulator", "__pycache__"))
    return copy


def compiled(company: Company) -> dict[str, str]:
    """The company's compiled files."""
    return compile_company(company, planned(company))


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def findings(folder: Path) -> list[str]:
    with pytest.raises(Problems) as raised:
        adopted_kpis(Company.load(folder))
    return [str(finding) for finding in raised.value.findings]


def test_a_misspelt_key_is_told_with_its_line_and_the_nearest_spelling(folder: Path) -> None:
    replace(folder / "kpis/finance/net_revenue.yml", "owner:", "ownr:")
    messages = "\n".join(findings(folder))
    assert "net_revenue.yml:2: ownr: unknown key (did you mean 'owner'?)" in messages
    assert "owner: is required" in messages


def test_a_kpi_needs_an_owner_and_a_target_or_a_reason(folder: Path) -> None:
    replace(folder / "kpis/finance/net_revenue.yml", "owner: cfo@nordvik.example\n", "")
    replace(folder / "kpis/marketing/ctr.yml", "target:\n  value: 0.02\n", "target: {}\nold:\n")
    messages = "\n".join(findings(folder))
    assert "owner: is required" in messages
    assert "state either a value, or a band, or under `none` the reason" in messages


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("{value: 2, freq: M, earlier: [{value: 1, since: 2025-01-01}]}", "state since when the present one is for"),
        ("{value: 2, freq: M, since: 2025-01-01, earlier: [{value: 1, since: 2026-01-01}]}", "oldest first"),
        ("{value: 2, freq: M, since: 2025-01-01, earlier: [{value: 1, since: 2025-01-01}]}", "each since another day"),
        ("{value: 2, freq: M, since: January}", "valid date"),
        ("{value: 2, band: [1, 3], freq: M}", "state either a value, or a band"),
        ("{band: [3, 1], freq: M}", "the lesser one first"),
        ("{band: [true, 3], freq: M}", "a band is two numbers"),
        ("{band: [1, 2, 3], freq: M}", "a band is two numbers"),
        ("{band: [1, 3], freq: M, by_period: {2026-01: 2}}", "by_period is of a target with a value"),
        ("{value: 2, freq: M, since: 2026-01-01, earlier: [{since: 2025-01-01}]}", "either a value or a band"),
    ],
)
def test_earlier_targets_are_each_since_a_day(folder: Path, target: str, message: str) -> None:
    path = folder / "kpis/finance/net_revenue.yml"
    path.write_text(re.sub(r"target:\n(  .*\n)+", f"target: {target}\n", path.read_text()))
    assert message in findings(folder)[0] and "net_revenue.yml:5: target" in findings(folder)[0]


def test_a_combination_is_of_segments_that_the_definition_has_and_that_can_be_protected(folder: Path) -> None:
    revenue, people = folder / "kpis" / "finance" / "net_revenue.yml", folder / "kpis" / "people"
    combinations = "segments: [[country, channel], [country, colour]]"
    revenue.write_text(re.sub("segments:.*", combinations, revenue.read_text()))
    for name, segments in (
        ("headcount", "[country, [department, country]]"),
        ("absence_rate", "[department, country, [department, country]]"),
        ("gender_pay_gap", "[department, country, [department, country]]"),
    ):
        path = people / f"{name}.yml"
        path.write_text(re.sub("segments:.*", f"segments: {segments}", path.read_text()))
    with pytest.raises(Problems) as raised:
        compiled(Company.load(folder))
    messages = str(raised.value)
    assert "net_revenue.yml:30: segments: the definition has no 'colour'" in messages
    refused = "segments: the combination of country and department can't be protected: the KPI reads personnel data"
    assert f"headcount.yml:8: {refused}; expected two segments" in messages
    assert f"gender_pay_gap.yml:9: {refused} on persons' amounts" in messages
    assert "absence_rate.yml" not in messages
    revenue.write_text(revenue.read_text().replace(combinations, "segments: [[country, country]]"))
    assert "net_revenue.yml:30: segments: a combination has two segments or more, each once" in findings(folder)[0]


def test_an_unknown_kpi_is_told_with_the_nearest_one(folder: Path) -> None:
    path = folder / "kpis/finance/net_revenu.yml"
    (folder / "kpis/finance/net_revenue.yml").rename(path)
    replace(path, "kpi: net_revenue", "kpi: net_revenu")
    assert any("did you mean 'net_revenue'?" in message for message in findings(folder))


def test_several_mistakes_of_meaning_are_told_at_once(folder: Path) -> None:
    replace(folder / "kpis/finance/net_revenue.yml", "objective: profitable_growth", "objective: profitable_grwth")
    replace(folder / "kpis/finance/net_revenue.yml", "segments: [country", "segments: [contry")
    replace(folder / "kpis/sustainability/energy_use.yml", ", freq: M", "")
    intensity = folder / "kpis/innovation/rd_intensity.yml"
    single = "target: {value: 0.04, tolerance: 0.01}\n"
    intensity.write_text(re.sub(r"target:\n(  .*\n)+", single, intensity.read_text()))
    replace(folder / "kpis/sustainability/women_on_board.yml", "band: [0.4, 0.6]", "band: [0.4, 0.6]\n  tolerance: 0.5")
    conversion = folder / "kpis/marketing/conversion_rate.yml"
    conversion.write_text(re.sub(r"target:\n(  .*\n)+", "target: {band: [0.01, 0.02]}\n", conversion.read_text()))
    ctr = folder / "kpis/marketing/ctr.yml"
    replace(ctr, "  value: 0.02\n", "  value: 0.02\n  tolerance: 2\n")
    with pytest.raises(Problems) as raised:
        compiled(Company.load(folder))
    messages = str(raised.value)
    assert "did you mean 'profitable_growth'?" in messages
    assert "ctr.yml:5: target: its tolerance of 2 is so large that no value would be off the target" in messages
    assert "did you mean 'country'?" in messages
    assert "energy_use.yml:5: target: its value grows with the period" in messages and "state its `freq`" in messages
    assert "rd_intensity.yml:5: target: has a tolerance, but the KPI's direction is band" in messages
    assert (
        "women_on_board.yml:5: target: its tolerance of 0.5 is so large that no value would be off the band" in messages
    )
    assert "conversion_rate.yml:5: target: is a band, but the KPI's direction is up; expected a `value`" in messages


def test_an_unknown_metric_is_told_at_its_definition(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = folder / "definitions"
    shutil.copytree(PROJECT / "metrics/kpis", definitions)
    replace(definitions / "finance/net_revenue.yml", "metric: net_revenue", "metric: net_revnue")
    monkeypatch.setattr("metrics.definitions.kpis.kpi.STANDARD_DEFINITIONS", definitions)
    with pytest.raises(Problems) as raised:
        compiled(Company.load(folder))
    assert "there is no metric 'net_revnue' (did you mean 'net_revenue'?)" in str(raised.value)


@pytest.mark.parametrize(("stated", "line"), [("", 10), ("matures_after: 60 days\n", 15)])
def test_a_cohort_must_mature_for_as_long_as_its_conversions_count(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stated: str, line: int
) -> None:
    definitions = folder / "definitions"
    shutil.copytree(PROJECT / "metrics/kpis", definitions)
    replace(definitions / "marketing/lead_to_customer_rate.yml", "matures_after: 90 days\n", stated)
    monkeypatch.setattr("metrics.definitions.kpis.kpi.STANDARD_DEFINITIONS", definitions)
    with pytest.raises(Problems) as raised:
        compiled(Company.load(folder))
    assert f"lead_to_customer_rate.yml:{line}: " in str(raised.value)
    assert "expected matures_after: 90 days, or more" in str(raised.value)


def test_a_feed_is_validated(folder: Path) -> None:
    replace(folder / "feeds/shop.yml", "cadence:", "cadense:")
    with pytest.raises(
        NyckeltalError, match=r"shop\.yml:\d+: feeds\.\w+\.cadense: unknown key \(did you mean 'cadence'\?\)"
    ):
        Company.load(folder)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("con", "a feed can't be named 'con', which is a reserved name: try 'con_data'"),
        ("Aux", "reserved"),
        ("null", "a feed can't be named 'null', which is a reserved name: try 'null_data'"),
        ("True", "reserved"),
        ("lpt1", "reserved"),
        ("_feeds", "may not begin with _"),
        ("_rejected", "may not begin with _"),
        ("a.b", "letters a to z, digits and _"),
        ("1st", "begins with a letter"),
        ("a b", "letters"),
        ('"x"', "letters"),
        ("försäljning", "letters"),
        ("x" * 64, "at most 63 characters"),
        ("Orders", "feed 'orders' is defined in ads.yml:4 too, as 'Orders'"),
    ],
)
def test_a_feeds_name_is_one_that_tables_and_assets_can_have(folder: Path, name: str, expected: str) -> None:
    replace(folder / "feeds/ads.yml", "  google_ads:", f"  {name!r}:")
    messages = findings(folder)
    assert any(expected in message and ".yml:4: " in message for message in messages), messages


@pytest.mark.parametrize("name", ["null", "~", "true", "False"])
def test_a_feeds_name_that_yaml_reads_as_a_value_is_told_with_its_line(folder: Path, name: str) -> None:
    replace(folder / "feeds/ads.yml", "  google_ads:", f"  {name}:")
    spelled = {"~": "null"}.get(name, name.lower())
    (message,) = [message for message in findings(folder) if "reserved" in message]
    assert ".yml:4: " in message and f"'{spelled}_data'" in message


def test_declared_columns_have_names_of_their_own_in_raw(folder: Path) -> None:
    replace(folder / "feeds/ads.yml", "      impr: integer", '      "im;pr": integer\n      "im\'pr": integer')
    assert any("ads.yml:4: " in finding and "the same name in raw" in finding for finding in findings(folder))


def test_a_company_that_is_not_there() -> None:
    with pytest.raises(NyckeltalError, match="no such company folder"):
        Company.load("/nowhere/at/all")


def test_a_role_is_of_a_domain_and_names_somebody(folder: Path) -> None:
    def messages() -> str:
        with pytest.raises(Problems) as raised:
            Company.load(folder)
        return str(raised.value)

    replace(folder / "roles.yml", "finance:", "finace:")
    assert "roles.yml:3: decides: there is no group of KPIs 'finace' (did you mean 'finance'?)" in messages()
    replace(folder / "roles.yml", "finace: [cfo@nordvik.example]", "finance: []")
    assert "roles.yml:2: decides: finance has no name" in messages()
    replace(folder / "roles.yml", "decides:", "decide:")
    assert "roles.yml:2: decide: unknown key (did you mean 'decides'?)" in messages()
    (folder / "roles.yml").write_text("decides: {finance: [cfo\u200b]}\n")
    assert r"roles.yml:1: decides: the name 'cfo\u200b' has a character that can't be seen" in messages()
    (folder / "roles.yml").write_text("decides: {finance: [cfo]}\nrefactors: {finace: [engineer]}\n")
    assert "roles.yml:2: refactors: there is no group of KPIs 'finace'" in messages()
    (folder / "roles.yml").write_text("decides: {finance: [cfo]}\nrefactors: {default: [engineer]}\n")
    assert [Company.load(folder).roles.refactorers(domain) for domain in ("finance", "people")] == [
        ("engineer", "cfo"),
        ("engineer",),
    ]
    (folder / "roles.yml").unlink()
    assert Company.load(folder).roles.deciders("finance") == Company.load(folder).roles.refactorers("finance") == ()


@pytest.mark.parametrize(
    ("gate", "line", "expected"),
    [
        ("  expected_rnge: {hold: 9}", 2, "there is no check 'expected_rnge' (did you mean 'expected_range'?)"),
        ("  built: {hold: never}", 2, "the same for every KPI"),
        ("  bounds: {hold: -1}", 2, "greater than or equal to 0"),
        ("  bounds: {hold: .nan}", 2, "finite number"),
        ("  bounds: {hold: often}", 2, "'never'"),
        ("  bounds: {off: because it is noisy, hold: 3}", 2, "or under `off` the reason"),
        ("  bounds: {}", 2, "or under `off` the reason"),
        ("  bounds: {hodl: 3}", 2, "did you mean 'hold'?"),
    ],
)
def test_a_wrong_setting_of_a_check_is_told_with_its_line(tmp_path: Path, gate: str, line: int, expected: str) -> None:
    class Section(Strict):
        gate: GateSettings

    file = tmp_path / "kpi.yml"
    file.write_text(f"gate:\n{gate}\n", encoding="utf-8")
    with pytest.raises(Problems) as caught:
        load(file, Section)
    (finding,) = caught.value.findings
    assert expected in str(finding) and (finding.file, finding.line) == (file, line)


def test_an_adoptions_setting_goes_over_the_standard_definitions() -> None:
    standard = {"expected_range": CheckSetting(flag=5), "bounds": CheckSetting(hold=1)}
    own = {"expected_range": CheckSetting(hold=7), "bounds": CheckSetting(off="not of our data")}
    settings = merged(standard, own)
    assert (settings["expected_range"].flag, settings["expected_range"].hold) == (5, 7)
    assert settings["bounds"].off == "not of our data"
    assert "built" not in settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", r":2: an alias \(\*a\) is not supported; write the value out"),
        ("name: &a [*a]\n", r":1: an alias \(\*a\)"),
        ("x: &a {name: b}\n<<: *a\n", r":2: a merge key \(<<\) is not supported"),
        ("<<: {x: y}\n", r":1: a merge key \(<<\) is not supported; write its keys out"),
        ("x: 1\nname: " + "[" * 20_000, ":2: nested more than 50 levels deep"),
        ("x: 1\nname: " + "{a: " * 20_000, ":2: nested more than 50 levels deep"),
        ('x: 1\nname: "a\\0"\n', ":2: a text holds a character that can't be stored"),
        ('x: 1\n"a\\ud800": 1\n', ":2: a text holds a character that can't be stored"),
        ("name: a\x1b[31m\n", r"not valid YAML: character U\+001B must be written as an escape, at character 8"),
    ],
)
def test_a_file_that_is_endless_or_cannot_be_stored_is_refused_at_once(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = tmp_path / "company.yml"
    file.write_text(text)
    with pytest.raises(NyckeltalError, match=expected):
        yaml_file.load(file, CompanyFile)

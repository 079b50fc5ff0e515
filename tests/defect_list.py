"""The deliberate defects that `defects.py` tries: a small slip for each promise of the project, and a test that fails.

A new promise gets a defect here. `tests/project/test_defects.py` checks that the list fits the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Defect:
    """A slip in one file, and the node id of the test that must fail for it.

    `promise` is what no longer holds. `text` occurs once in `file` (a path in the project); `replacement` comes in its
    place. Where the test has parameters, one case that fails is enough.
    """

    name: str
    promise: str
    file: str
    text: str
    replacement: str
    test: str

    def problem(self, folder: Path) -> str | None:
        """Why the defect can't be applied to the project in a folder; None when it can."""
        count = (folder / self.file).read_text(encoding="utf-8").count(self.text)
        return None if count == 1 else f"its text occurs {count} times in {self.file}, expected once"

    def altered(self, folder: Path) -> str:
        """The text of the file with the defect."""
        return (folder / self.file).read_text(encoding="utf-8").replace(self.text, self.replacement)


_GATE = "tests/data_quality/test_gate.py"
_RELEASE = "tests/data_quality/test_release.py"
_DISCLOSURE = "tests/data_quality/test_disclosure.py"
_INGEST = "tests/orchestration/test_ingest.py"
_ENGINE = "tests/metrics/test_engine.py"
_STRATEGY = "tests/publishing/duckdb_file/test_strategy.py"

DEFECTS = (
    # The gate
    Defect(
        "figure_not_evaluated",
        "a figure that could not be evaluated doesn't pass",
        "data_quality/gate/expectations.py",
        'np.where(applies, "not_evaluated", "not_applicable")',
        'np.where(applies, "pass", "not_applicable")',
        f"{_GATE}::test_a_missing_figure_counts_as_not_evaluated",
    ),
    Defect(
        "skipped_numbers",
        "a number that is missing in an order is counted",
        "data_quality/gate/profiles/numbering.py",
        'f"greatest({number} - 1 -"',
        'f"greatest(0 -"',
        "tests/data_quality/test_gate_feeds.py::test_rows_that_are_lost_evenly_leave_gaps_in_their_numbers",
    ),
    Defect(
        "check_not_evaluated",
        "a check that could not be evaluated holds",
        "data_quality/gate/verdict.py",
        'elif result.outcome not in ("pass", "not_applicable"):',
        'elif result.outcome == "fail":',
        f"{_GATE}::test_a_key_that_a_query_lost_or_gave_twice_and_a_query_that_fails_are_not_evaluated",
    ),
    Defect(
        "missing_check",
        "a verdict needs every check",
        "data_quality/gate/verdict.py",
        "if sorted(result.check for result in results) != sorted(names):",
        "if not {result.check for result in results} <= set(names):",
        f"{_GATE}::test_a_verdict_needs_every_check_and_each_once",
    ),
    Defect(
        "forged_verdict",
        "a verdict that the gate didn't write doesn't count",
        "data_quality/gate/verdict.py",
        'if not hmac.compare_digest(row["seal"], _seal(row, key)):',
        'if not row["seal"]:',
        f"{_RELEASE}::test_a_forged_verdict_does_not_count",
    ),
    Defect(
        "day_early",
        "a period whose last day is missing is not complete",
        "data_quality/gate/checks/computation/complete.py",
        "else p.last_day\n            end then",
        "else p.last_day - 1\n            end then",
        f"{_GATE}::test_incomplete_inputs_hold_and_a_coarse_grain_is_complete_less_one_grain",
    ),
    Defect(
        "standing_verdicts",
        "the last run's verdicts and release don't stand where the ledger isn't as it was",
        "orchestration/standing.py",
        "described != [inputs_now, ledger.state, stored_verdicts]",
        "described[::2] != [inputs_now, stored_verdicts]",
        "tests/orchestration/test_standing.py::test_verdicts_do_not_stand_after_a_change[a file of the ledger, lost]",
    ),
    # The release
    Defect(
        "held_value",
        "a held value isn't published",
        "data_quality/release/eligibility.py",
        "if _passes(judged) and not key_failures:",
        "if _passes(judged) or not key_failures:",
        f"{_RELEASE}::test_publishing_appends_what_passed_and_renders_the_file",
    ),
    Defect(
        "altered_candidate",
        "a verdict counts only for the rows that it judged",
        "data_quality/release/eligibility.py",
        "if judged.candidate_hash != candidate.candidate_hash:",
        "if judged.candidate_hash is None:",
        f"{_RELEASE}::test_rows_altered_after_the_verdict_are_not_published",
    ),
    Defect(
        "other_candidate",
        "a decision counts only for the candidate that it was made on",
        "data_quality/release/eligibility.py",
        'decision = decisions.get((*key, row["candidate_hash"]))',
        "decision = next((made for decided, made in decisions.items() if decided[:3] == key), None)",
        "tests/data_quality/test_decisions.py::test_a_decision_does_not_count_for_another_candidate",
    ),
    Defect(
        "other_check",
        "a decision counts only while no check fails that it doesn't name",
        "data_quality/release/eligibility.py",
        ' and set(failing) <= set(decision["checks"]) - {RECONCILIATION}:',
        " and RECONCILIATION not in failing:",
        "tests/data_quality/test_decisions.py::test_a_decision_does_not_count_when_another_check_fails_too",
    ),
    Defect(
        "estimate",
        "a value that the definition calls an estimate has the obs_status E",
        "data_quality/release/comparison/vintages.py",
        "when a.estimate then 'E'",
        "when a.estimate then 'A'",
        "tests/data_quality/test_ledger.py::test_statuses_have_their_precedence",
    ),
    Defect(
        "views_of_one_name",
        "a combination of segments and a segment of the same name have a view each",
        "publishing/duckdb_file/views.py",
        "if uses[name] == 1 else",
        "if uses[name] >= 1 else",
        "tests/publishing/duckdb_file/test_published.py::test_a_combination_and_a_segment_of_the_same_name_have_a_view_each",
    ),
    Defect(
        "judged_after_closing",
        "a period is judged once more after it has closed",
        "data_quality/release/unsettled.py",
        "return judged_on <= catalog.closes_on",
        "return judged_on < catalog.closes_on",
        "tests/metrics/test_calendar.py::test_a_run_judges_each_period_until_it_was_judged_after_it_had_closed",
    ),
    Defect(
        "closed_period",
        "a closed period keeps its value until someone decides",
        "data_quality/release/comparison/vintages.py",
        "not may_change and definition_version <= known_version",
        "may_change and definition_version <= known_version",
        "tests/data_quality/test_closed_periods.py::test_a_closed_period_keeps_its_value_until_someone_decides",
    ),
    Defect(
        "restated_quarter",
        "a restated month and its quarter change together",
        "data_quality/release/eligibility.py",
        "            *_failing(RECONCILIATION, contradictions),\n",
        "",
        "tests/data_quality/test_restatements.py::test_a_quarter_waits_for_its_restated_month_and_follows_it",
    ),
    Defect(
        "refactoring",
        "a refactoring is proved by equal values",
        "data_quality/release/comparison/refactorings.py",
        "if comparison.difference is None and comparison.reference_hash in",
        "if comparison.reference_hash in",
        "tests/data_quality/test_refactorings.py"
        "::test_a_difference_in_any_period_holds_the_whole_kpi_whatever_rows_come",
    ),
    # The ledger
    Defect(
        "append_only",
        "the ledger's tables are append-only",
        "data_quality/ledger/tables.py",
        '{"delta.appendOnly": "true"}',
        '{"delta.appendOnly": "false"}',
        "tests/data_quality/test_ledger.py::test_tables_are_append_only_and_complete_from_the_start",
    ),
    Defect(
        "altered_row",
        "the verification names an altered row",
        "data_quality/ledger/verify.py",
        'content_hash(texts["observations"], texts["verdicts"], release["catalog"]) == release["content_hash"]\n'
        "        and len(",
        "len(",
        "tests/data_quality/test_ledger_verify.py::test_any_row_that_is_altered_lost_or_doubled_is_named",
    ),
    Defect(
        "interrupted_release",
        "rows of a release count only when its release row is written",
        "data_quality/ledger/store.py",
        "from rows join times using (release_id)",
        "from rows left join times using (release_id)",
        "tests/data_quality/test_ledger.py::test_rows_without_a_release_row_do_not_count",
    ),
    Defect(
        "two_writers",
        "only one of two writers commits a release",
        "data_quality/ledger/store.py",
        "pa.Table.from_pylist([row], schema=RELEASES), transaction)",
        "pa.Table.from_pylist([row], schema=RELEASES))",
        "tests/data_quality/test_ledger.py::test_only_one_of_two_writers_commits",
    ),
    # Disclosure control
    Defect(
        "small_group",
        "a cell that counts too few persons is suppressed",
        "data_quality/disclosure/thresholds.py",
        "if denominator is not None and 0 < denominator < threshold:",
        "if denominator is not None and 0 < denominator < threshold - 1:",
        f"{_DISCLOSURE}::test_where_the_persons_are_not_nested_each_group_needs_the_threshold",
    ),
    Defect(
        "secondary_suppression",
        "a cell from which a suppressed one could be computed is suppressed",
        "data_quality/disclosure/control.py",
        "for system in all_systems if any(cell[:3] in released for cell in costs) else ():",
        "for system in all_systems if all(cell[:3] in published.values for cell in costs) else ():",
        f"{_DISCLOSURE}::test_secondary_suppression_takes_the_cheapest_other_member",
    ),
    Defect(
        "linked_combinations",
        "a small cell of a combination isn't the rest of its segment's member",
        "data_quality/disclosure/system.py",
        "        self._link_combinations()",
        "        pass",
        f"{_DISCLOSURE}::test_a_small_cell_of_a_combination_is_not_the_rest_of_its_row",
    ),
    Defect(
        "suppressed_for_ever",
        "a cell that was suppressed once stays suppressed",
        "data_quality/disclosure/control.py",
        "if cell in published.suppressed or figure in",
        "if figure in",
        f"{_DISCLOSURE}::test_a_suppressed_cell_stays_suppressed",
    ),
    Defect(
        "protected_figure",
        "a figure of a protected KPI isn't stored in its verdict",
        "data_quality/gate/judge.py",
        "verdicts.append(verdict.without_figures(judged) if kpi.protected else judged)",
        "verdicts.append(judged)",
        f"{_GATE}::test_no_figure_of_a_protected_kpi_is_in_its_verdict",
    ),
    Defect(
        "protected_detail",
        "the details of a protected KPI's verdict hold no figure",
        "data_quality/gate/judge.py",
        'if planned_key.kpi.protected and check.name != "complete":',
        'if planned_key.kpi.protected and check.name == "complete":',
        f"{_GATE}::test_no_figure_of_a_protected_kpi_is_in_its_verdict",
    ),
    Defect(
        "protected_by_lineage",
        "a KPI that reads a feed of personnel is protected",
        "metrics/versioning/lineage.py",
        "return in_domain | models_without_domain",
        "return in_domain",
        "tests/metrics/test_own_kpis.py::test_what_reads_a_feed_of_personnel_is_protected_whatever_its_name",
    ),
    Defect(
        "day_of_personnel",
        "no day of a feed that only protected KPIs read leaves the warehouse",
        "data_quality/release/company_record.py",
        "for kpi in catalog.kpis if not kpi.protected for feed",
        "for kpi in catalog.kpis for feed",
        "tests/publishing/duckdb_file/test_published.py::"
        "test_a_release_records_how_far_each_feed_had_come_without_days_of_personnel",
    ),
    # What people read, and files
    Defect(
        "half_a_file",
        "the published file is swapped in whole",
        "publishing/duckdb_file/__init__.py",
        "draft.replace(path)",
        "path.write_bytes(draft.read_bytes())",
        "tests/publishing/duckdb_file/test_readers.py::test_eight_readers_during_many_releases_see_whole_releases_only",
    ),
    Defect(
        "revised_by_difference",
        "a revised value gives no suppressed cell away",
        "data_quality/disclosure/control.py",
        "published.values.keys() - primary.revised.keys() - primary.suppressed - too_small",
        "published.values.keys()",
        "tests/data_quality/test_disclosure.py::test_a_revised_value_reveals_no_small_cell_by_difference",
    ),
    Defect(
        "edited_file",
        "a published file that was edited is rendered whole",
        "publishing/duckdb_file/rendering.py",
        "is_whole and rendered.file == file_hash(path)",
        "is_whole",
        "tests/publishing/duckdb_file/test_published_update.py::test_a_file_that_is_not_the_one_that_was_rendered_is_rendered_whole",
    ),
    Defect(
        "verified_by_name",
        "a file of the ledger that was altered since it was verified is found before a decision",
        "data_quality/ledger/verified.py",
        "verified.get(name, {}).items() <= files.items()",
        "verified.get(name, {}).keys() <= files.keys()",
        "tests/data_quality/test_ledger_verified.py::test_a_fault_is_found_and_not_taken_for_sound_later",
    ),
    Defect(
        "open_files",
        "files below the data folder are private",
        "metrics/core/private_files.py",
        "os.umask(GROUP_AND_OTHERS_BITS)",
        "os.umask(0o022)",
        "tests/orchestration/test_private_files.py::test_the_warehouses_log_is_private_while_it_is_written",
    ),
    Defect(
        "as_of",
        "as-of gives the value of that day",
        "publishing/duckdb_file/tables.py",
        "then realtime_start <= cast(moment as date)",
        "then realtime_start < cast(moment as date)",
        "tests/orchestration/test_lookups.py::test_as_of_a_day",
    ),
    Defect(
        "sql_writes",
        "`kpi sql` can't write",
        "publishing/reader.py",
        "duckdb.connect(str(path), read_only=True, config=_LOCKED)",
        "duckdb.connect(str(path), config=_LOCKED)",
        "tests/orchestration/test_sql_command.py::test_a_query_can_read_the_published_file_only",
    ),
    Defect(
        "sql_reads_files",
        "`kpi sql` reads no other file",
        "publishing/reader.py",
        '"enable_external_access": False',
        '"enable_external_access": True',
        "tests/orchestration/test_sql_command.py::test_a_query_can_read_the_published_file_only",
    ),
    Defect(
        "csv_formula",
        "an export to CSV starts no formula",
        "metrics/core/text.py",
        '_FORMULA = ("=", "+", "-", "@", ',
        '_FORMULA = ("=", "+", "-", ',
        "tests/orchestration/test_sql_command.py::test_csv_has_no_formulas_and_unchanged_numbers",
    ),
    Defect(
        "markup",
        "hostile text is shown as text",
        "orchestration/cli/terminal.py",
        '"markup": False',
        '"markup": True',
        "tests/orchestration/test_hostile_text.py::test_the_terminal_shows_a_text_as_it_is",
    ),
    Defect(
        "page_markup",
        "hostile text is shown as text in pages too",
        "data_quality/pages/__init__.py",
        "autoescape=True",
        "autoescape=False",
        "tests/orchestration/test_hostile_text.py"
        "::test_names_and_reasons_are_shown_as_texts_by_every_command_and_in_pages",
    ),
    Defect(
        "cell_in_message",
        "no message quotes a cell of a source",
        "metrics/core/errors.py",
        "    return name\n\n\nclass UnexpectedError",
        '    return f"{name}: {error}"\n\n\nclass UnexpectedError',
        "tests/pipeline/test_cells_stay_private.py::test_an_unexpected_error_keeps_its_place_and_loses_its_text",
    ),
    # Ingest
    Defect(
        "redelivered_file",
        "a file delivered again replaces its rows",
        "orchestration/ingest/load.py",
        "replaces=exists and bool(self.books.row_counts(feed.name, names))",
        "replaces=False",
        f"{_INGEST}::test_a_day_in_the_life_of_a_feed",
    ),
    Defect(
        "unreadable_row",
        "an unreadable row is kept with its reason",
        "orchestration/ingest/feed_reading.py",
        "            self._reject(files.filter(is_rejected), lines.filter(is_rejected), rejected_reasons, texts)\n",
        "",
        "tests/orchestration/test_ingest_faults.py::test_outcome[bad_date]",
    ),
    Defect(
        "half_written_file",
        "a file that is still being written isn't loaded",
        "orchestration/ingest/feed_reading.py",
        "            delivery.check_unchanged()\n",
        "",
        "tests/orchestration/test_ingest_while_written.py"
        "::test_a_file_that_changes_while_it_is_read_is_loaded_by_the_next_run",
    ),
    Defect(
        "watermark",
        "a delivery covers the days before it, and not its own",
        "orchestration/ingest/completeness.py",
        "today) - timedelta(days=1)",
        "today)",
        f"{_INGEST}::test_watermarks",
    ),
    Defect(
        "personal_column",
        "a personal column is hashed before it is stored",
        "orchestration/ingest/feed_reading.py",
        'if treatment == "hash" and name in table.column_names and self._key is not None:',
        'if treatment == "hash" and name not in table.column_names and self._key is not None:',
        f"{_INGEST}::test_pseudonyms",
    ),
    # Values
    Defect(
        "mean_of_means",
        "a mean or ratio is a sum over a sum, and no mean of its days",
        "metrics/compiler/measures.py",
        '_AggregateParts("average", None, "AVG({})", aggregate.this)',
        '_AggregateParts("rolls up", "AVG", "AVG({})", aggregate.this)',
        f"{_ENGINE}::test_a_mean_and_a_ratio_are_of_all_rows_and_no_mean_of_days",
    ),
    Defect(
        "divide_by_nothing",
        "nothing to divide by gives no value",
        "metrics/compiler/arithmetic.py",
        'exp.cast(exp.func("NULLIF", denominator, exp.Literal.number(0)), "double")',
        'exp.cast(denominator, "double")',
        f"{_ENGINE}::test_nothing_to_divide_by_gives_no_value",
    ),
    Defect(
        "incremental",
        "an incremental run gives what a rebuild gives",
        "metrics/compiler/sql/rollups.py",
        "AS kept USING (day, inputs)",
        "AS kept USING (day)",
        f"{_ENGINE}::test_a_member_that_vanishes_from_a_day_changes_the_day",
    ),
    Defect(
        "business_day",
        "business days are those of the company's time zone",
        "sample_company/models/staging/stg_energy_readings.sql",
        "hour_start_utc at time zone 'UTC' at time zone 'Europe/Stockholm' as date",
        "hour_start_utc as date",
        "tests/sample_company/test_time_zones.py::test_a_reading_around_midnight_has_the_companys_day",
    ),
    Defect(
        "today",
        "today is the company's day",
        "metrics/core/clock.py",
        "return now().astimezone(ZoneInfo(time_zone)).date()",
        "return now().date()",
        "tests/sample_company/test_time_zones.py::test_today_in_dbt_is_the_companys",
    ),
    Defect(
        "holidays",
        "closing days skip holidays",
        "metrics/definitions/calendar.py",
        "categories = {PUBLIC, DE_FACTO} &",
        "categories = {PUBLIC} &",
        "tests/metrics/test_calendar.py::test_closing_days_that_a_swedish_almanac_gives",
    ),
    # Definitions
    Defect(
        "macros",
        "a definition's hash covers the macros that its SQL calls",
        "metrics/versioning/rendering.py",
        'texts = [code, *(macros[name]["macro_sql"] for name in called_macros(node, macros)), *_hooks(node)]',
        "texts = [code, *_hooks(node)]",
        "tests/metrics/test_definition_hash.py::test_what_may_change_values_changes_their_hash",
    ),
    Defect(
        "review",
        "a changed definition needs a review",
        "metrics/versioning/reviewed.py",
        "newest.version == current.kpi.version and current.hash not in reviewed_hashes",
        "newest.version > current.kpi.version and current.hash not in reviewed_hashes",
        "tests/metrics/test_reviewed.py::test_a_new_kpi_and_a_new_version_are_recorded_and_a_changed_one_is_reported",
    ),
    # What a run leaves out
    Defect(
        "same_day",
        "a run leaves out nothing that depends on a new day",
        "orchestration/dbt/changes.py",
        'today.isoformat() if _is_dated(node, "raw_code", dated_macros) else None',
        "None",
        "tests/orchestration/test_changes.py::test_a_new_day_builds_what_asks_for_it_and_what_is_downstream",
    ),
    Defect(
        "stopped_build",
        "a run builds again what a stopped run had begun to build",
        "orchestration/dbt/changes.py",
        "        _forget(connection, begun)\n",
        "",
        "tests/orchestration/test_changes.py::test_what_a_stopped_run_had_begun_is_built_again_though_its_code_is_that_of_before",
    ),
    Defect(
        "rows_of_before",
        "a table that was built is built again when its entity is no longer supplied",
        "orchestration/dbt/changes.py",
        " or unique_id not in lacking or contents.relation(node) in known_relations",
        " or unique_id not in lacking",
        "tests/orchestration/test_changes.py::"
        "test_entities_that_no_feed_supplies_are_left_out_unless_a_table_of_theirs_was_built",
    ),
    Defect(
        "needed_entity",
        "an entity that no feed supplies is built where a supplied one reads it",
        "orchestration/dbt/changes.py",
        "        and unique_id not in kept\n",
        "        and unique_id not in supplied\n",
        "tests/orchestration/test_changes.py::"
        "test_entities_that_no_feed_supplies_are_left_out_unless_a_table_of_theirs_was_built",
    ),
    Defect(
        "parse_of_before",
        "a project is parsed again when one of its files has changed",
        "orchestration/dbt/planning.py",
        "current = project_fingerprint(company) + json.dumps(files)",
        "current = json.dumps(files)",
        "tests/metrics/test_own_kpis.py::test_describing_or_testing_an_own_model_changes_no_definition",
    ),
    # The strategy
    Defect(
        "unjudged_counted",
        "a KPI that isn't judged doesn't count in an objective's attainment",
        "publishing/duckdb_file/strategy.py",
        "judged = [(1.0, CREDIT[status]) for status in key_statuses[key] if status in CREDIT]",
        "judged = [(1.0, CREDIT.get(status, 0.0)) for status in key_statuses[key]]",
        f"{_STRATEGY}::test_attainment_rolls_up_by_weight_and_leaves_out_what_is_not_judged",
    ),
    Defect(
        "tolerance_ignores_direction",
        "a target's tolerance goes by the KPI's direction",
        "publishing/duckdb_file/tables.py",
        "when case direction when 'up' then obs_value >= at_risk when 'down' then obs_value <= at_risk\n",
        "when case direction when 'up' then obs_value >= at_risk when 'down' then obs_value >= at_risk\n",
        f"{_STRATEGY}::test_the_thresholds_go_by_the_direction",
    ),
    Defect(
        "band_open_above",
        "a value above its band is off target",
        "publishing/duckdb_file/tables.py",
        "else obs_value between target and target_to end then 'on target'",
        "else obs_value >= target end then 'on target'",
        f"{_STRATEGY}::test_the_thresholds_go_by_the_direction",
    ),
    Defect(
        "past_day_is_today",
        "attainment can be looked up as it stood on a past day",
        "data_quality/ledger/store.py",
        'return "true" if self.until is None else f"sequence <= {self.until}"',
        'return "true"',
        f"{_STRATEGY}::test_attainment_can_be_looked_up_as_it_stood_on_a_past_day",
    ),
    Defect(
        "circular_objectives",
        "an objective can't be a part of itself",
        "metrics/definitions/objectives.py",
        "        if parent == key and key not in known_circles:\n",
        "        if False:\n",
        "tests/metrics/test_objectives.py::test_a_mistake_in_the_tree_is_told_with_its_line",
    ),
    # What published history tells
    Defect(
        "provisional_history",
        "no open period counts in a lead, a shift or a suggested target",
        "publishing/analysis/history.py",
        "where segment = '_T' and not provisional",
        "where segment = '_T'",
        "tests/publishing/analysis/test_published_analysis.py::test_open_months_are_left_out_and_suppressed_ones_are_gaps",
    ),
    Defect(
        "lead_by_its_rest",
        "a share isn't led by what is the rest of it",
        "publishing/analysis/autoregression.py",
        "_LEAST_LEFT**2 * self._all_sizes",
        "np.finfo(float).tiny",
        "tests/publishing/analysis/test_analysis.py::test_what_is_the_rest_of_a_share_does_not_lead_it",
    ),
)

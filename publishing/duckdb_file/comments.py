"""The comments in the published file: what each table, column and macro means, for those who query it."""

from __future__ import annotations

from publishing.statuses import STATUSES

TABLE_COMMENTS = {
    "scorecard": "Where each adopted KPI stands: its newest published total at the frequency of its target. One row per"
    " KPI.",
    "observations": "The newest published value of every KPI, period and segment member: one row for each.",
    "vintages": "Every value as each release published it."
    " The vintages as of a day: WHERE <day> BETWEEN realtime_start AND realtime_end.",
    "catalog": "The adopted KPIs as the newest release defines them: one row each.",
    "targets": "The targets of each KPI, past ones too: one row for each. A period is compared with the one that is"
    " valid on its first day.",
    "objectives": "The objectives of the company, which its KPIs serve, and how far they are attained: one row each.",
    "team_goals": "How far teams attained their goals, by team, by the KPI that the goals serve, and by both: one row"
    " for each and period. Of no person, and only where enough persons have such goals."
    " Empty without a KPI by kpi_served.",
    "attainment": "How far each objective was attained at the end of each month: by the values, targets and objectives"
    " of the newest release. One row for each objective and month in which something of it is judged.",
    "initiatives": "What the company does for its objectives: one row for each initiative.",
    "usual_changes": "How much the totals of each KPI usually change at a frequency: one row for each.",
    "verdicts": "The gate's newest verdict on every KPI and period. For protected KPIs, check names and outcomes only.",
    "decisions": "What named persons decided on held values, and their reviews of KPIs: one row each. The names are"
    " recorded, not authenticated.",
    "releases": "Every act of publishing: one row each.",
    "reviews": "When each KPI was reviewed last, and when its review is due: one row for each adopted KPI.",
    "opinions": "Proposals and votes on adopting a standard KPI or retiring an adopted one: one row each. They decide"
    " nothing. The names are recorded, not authenticated.",
    "incidents": "Held and flagged periods, grouped by reason: verdicts that fail for one reason are one incident. One"
    " row for each incident that is open or was settled by a decision.",
    "feeds": "The company's feeds as the newest release found them: one row each. Empty where an older version made"
    " that release.",
    "calendar": "The release calendar: when each period of each KPI closes, from the first published one to a year"
    " after the newest release. One row per KPI, freq and period; with is_next and a freq one per KPI.",
}
MACRO_COMMENT = (
    "The vintages that were the newest at a moment: kpi.as_of('2026-10-05') as it stood at the end of that day,"
    " kpi.as_of(timestamp with time zone) at that moment."
)

COLUMN_COMMENTS = {
    "kpi_id": "The KPI; see catalog",
    "freq": "Frequency (SDMX): W week, M month, Q quarter, A calendar year",
    "time_period": "The period: 2026-W48, 2026-11, 2026-Q4 or 2026",
    "period_start": "First day of the period",
    "period_end": "Last day of the period",
    "segment": "The dimension by which the KPI is cut; _T is the total; channel:country is a combination",
    "member": "The dimension's value; _T is the total, _U unknown; of a combination web:SE, where % and : within a part"
    " are written %25 and %3A. The views by_<segments>_<frequency> have a column for each part",
    "obs_value": "The value, in the KPI's unit; NULL when suppressed or missing (see obs_status)",
    "is_newest": "Whether the period is the newest of the KPI at this frequency: the last one whose total isn't"
    " missing. With segment = '_T' it gives one row for each KPI and frequency",
    "numerator": "The numerator of a ratio, for other KPIs the value itself; NULL for pay, and where suppressed or"
    " missing",
    "denominator": "The denominator of a ratio; NULL for other KPIs, for pay, and where suppressed or missing",
    "n_obs": "Number of source rows that the value is computed from",
    "target": "The KPI's target for the period, in its unit; on totals, and only at the frequency for which it is"
    " stated (catalog.target_freq; at all of them where that is NULL)",
    "target_status": "on target: the value reaches the target; at risk: it misses it by no more than the tolerance that"
    " is stated with the target; off target: by more, or none is stated; NULL where target_attained is",
    "target_attained": "Whether the value reaches the target; NULL without a target, where the KPI has no direction,"
    " and for a cohort while it is provisional, as later events still count",
    "targets.target": "The value to reach, in the KPI's unit, at the frequency catalog.target_freq",
    "catalog.target": "The present target, in the KPI's unit; see targets for those of earlier periods",
    "targets.at_risk": "The worst value that is at risk, not off target; NULL where no tolerance is stated",
    "targets.rationale": "Why the target has this value, as stated; NULL where none is, and for earlier targets",
    "targets.source": "Where the target comes from: history, the KPI's own values; benchmark, others' values;"
    " commitment, a promise, budget, contract or law; NULL as rationale",
    "valid_from": "First day of the periods that it is for; NULL where no day is stated: for all of them",
    "valid_to": "Last day on which a period that it is for can begin; NULL for the present target",
    "matures_after": "For a cohort: how long after the period's end events still count; NULL for other KPIs",
    "previous_value": "The value of the period before; NULL when there is none or it is suppressed",
    "change_previous": "Change on previous_value: relative (0.05 is 5 %), or the difference, as catalog.change_kind"
    " says; NULL for a cohort while it is provisional, as later events still count",
    "year_ago_value": "The value of the same period a year ago (for weeks: of the same ISO week number)",
    "change_year_ago": "Change on year_ago_value, stated as change_previous is",
    "change_previous_is_usual": "Whether change_previous is within the KPI's usual variation (see usual_changes);"
    " NULL where that isn't known",
    "change_year_ago_is_usual": "Whether change_year_ago is within the KPI's usual variation (see usual_changes);"
    " NULL where that isn't known",
    "usual_previous": "The median change of the KPI's totals on previous_value, in its unit",
    "usual_previous_within": "How far from the median nineteen of twenty changes on previous_value lie, in the KPI's"
    " unit: a change farther away is unusual; NULL with fewer than twelve changes",
    "usual_year_ago": "The median change of the KPI's totals on year_ago_value, in its unit",
    "usual_year_ago_within": "As usual_previous_within, of changes on year_ago_value",
    "change_kind": "How changes of the KPI are stated: relative, or as a difference in its unit, of fractions and of"
    " KPIs whose definition states a lower bound below 0",
    "year_to_date": "The KPI over the year up to the period's end; for months and quarters, unless the"
    " KPI is measured on one day",
    "year_to_date_year_ago": "year_to_date of the same period a year ago",
    "rolling_12_months": "The KPI over the twelve months up to the period's end; for months and quarters",
    "rolling_12_months_year_ago": "rolling_12_months of the same period a year ago",
    "status": "on target, at risk, off target or no target; not compared: it has a target, but its direction is band or"
    " none, so that more or less is neither better nor worse; not mature: a"
    " cohort whose later events still count; suppressed; nothing published; not supplied: the company has no"
    " data for it; retired: no longer in use",
    "observations.status": "obs_status in words: "
    + ", ".join(STATUSES[code] for code in ("A", "P", "U", "B", "E", "Q", "O")),
    "provisional": "Whether the value may be revised without a decision: its period was open in the newest release",
    "provisional_until": "Last day on which the value is provisional; NULL once its period has closed",
    "scorecard.objective": "Name of the objective that it serves; its key is catalog.objective",
    "scorecard.held": "Number of its periods, at any frequency, that wait for a decision",
    "flagged": "Number of its periods, at any frequency, that are published with a warning that nobody acknowledged",
    "unit": "The unit of the value; fraction is 0-1, currency is the reporting currency",
    "obs_status": "SDMX CL_OBS_STATUS, the first that holds: Q suppressed, O missing, B series break with the period"
    " before, U low reliability (few observations), E estimated, P provisional until the period closes, A normal",
    "conf_status": "F free; C confidential: suppressed, as it counts too few persons or would reveal such a cell",
    "definition_version": "Version of the KPI's definition that computed it",
    "definition_hash": "Hash of the upstream SQL that computed it",
    "candidate_hash": "Hash of the candidate's rows; keyed for protected KPIs",
    "outcome": "Of a review: keep, change or retire the KPI; NULL for other decisions, and for reviews that an earlier"
    " version recorded",
    "retired_on": "For a KPI that is no longer in use: the last day on which a published period ends; NULL for one in"
    " use",
    "retired_reason": "Why it was retired",
    "replaced_by": "The KPI that replaces a retired one; NULL where none does",
    "reviewed_on": "Day of its newest review; NULL without one",
    "reviewed_by": "Who reviewed it, as stated; not authenticated",
    "reviews.overdue": "Whether it was due before the day of the newest release",
    "reviews.reason": "The reason stated with the review",
    "reviews.outcome": "keep, change or retire, as its newest review says",
    "due_on": "Day by which it has to be reviewed: a month or a quarter after its newest review, or after its first"
    " publication; NULL for a retired KPI, and where nothing is published",
    "proposal": "adopt: put the standard KPI to work; retire: use it no longer",
    "in_favour": "Whether the person is in favour of the proposal",
    "proposes": "Whether the row is a proposal, which counts as its proposer's vote for it; else it is a vote",
    "counts": "Whether it is the newest opinion of its person on this proposal: earlier ones don't count",
    "opinions.reason": "The reason stated with the opinion",
    "stated_by": "Name of the person, as stated; not authenticated",
    "stated_at": "Time at which it was recorded",
    "opinions.release_id": "The first release that covers the opinion; see releases",
    "release_id": "The release in which it was published; see releases",
    "sequence": "Number of the release, from 1, without gaps",
    "published_at": "The moment of the release",
    "realtime_start": "First day on which this was the newest value",
    "realtime_end": "Last day on which this was the newest value; 9999-12-31 while it still is",
    "revision_type": "Why the value differs from the vintage before: R3 methodology, C correction by decision,"
    " R1 newer source data, R2 routine; NULL for a first value, and where only the status changed",
    "revision_reason": "The reason in words",
    "revised_from": "The value that a revision replaced; NULL where the value isn't revised, or was suppressed before",
    "decision_id": "The decision that released the value; NULL where none was needed; see decisions",
    "decision": "release or reject: the decision that counts for the candidate; NULL where there is none",
    "verdicts.decision_id": "The decision in the column decision; see decisions",
    "decisions.decision_id": "Id of the decision",
    "decisions.decision": "release: publish the held candidate; reject: don't publish it; acknowledge: its warning is"
    " known; review: the KPI itself was reviewed",
    "decisions.freq": "Frequency of the period decided on; NULL for a review",
    "decisions.time_period": "The period decided on; NULL for a review",
    "decisions.checks": "The failing checks that the decision is on, separated by commas. closed_period: the value of a"
    " closed period changes; unexplained_change: a value changes without newer rows; refactoring: a definition isn't"
    " proved to give the same values; base_restated: an earlier period that the KPI is computed from changes. A release"
    " decision counts only while no other check fails",
    "decisions.reason": "The reason stated with the decision",
    "decisions.candidate_hash": "Hash of the candidate decided on (keyed for protected KPIs); for a candidate with"
    " another hash the decision doesn't count",
    "decisions.release_id": "The first release that covers the decision; see releases",
    "decided_by": "Name of the person who decided, as stated; not authenticated",
    "decided_at": "Time of the decision",
    "name": "Name",
    "description": "Description",
    "domain": "The part of the business",
    "direction": "up: higher is better; down: lower is better; band: neither too high nor too low; none: context",
    "kind": "flow, stock, ratio, distinct, quantile or index",
    "type": "leading: it changes before the results; lagging: it is a result; NULL in releases of earlier versions",
    "level": "key or supporting",
    "owner": "The person responsible for the KPI",
    "objective": "The objective it serves; see objectives",
    "target_freq": "The frequency for which the target is stated; NULL when it is for all frequencies",
    "target_note": "Why there is no target",
    "review": "How often the owner reviews it",
    "freqs": "Its frequencies, separated by commas",
    "main_freq": "Its frequency to show where none is chosen: M, else the next longer one, else W",
    "segments": "Its segments, separated by commas",
    "metric": "The dbt metric that defines its formula",
    "formula": "The metric; of a ratio, the metrics of numerator and denominator",
    "expanded_formula": "The formula in the metrics a and b of a ratio (a - b) / a or (a - b) / b; NULL for others",
    "feeds": "The feeds that it is computed from, separated by commas",
    "feed": "Name of the feed",
    "system": "The source system",
    "cadence": "How often the source delivers: hourly, daily, weekly, monthly, yearly or once",
    "history_from": "The first day that the feed covers",
    "complete_through": "The last day of which nothing is missing; NULL unless a KPI without protection reads the feed",
    "newest_event": "Day of its newest row; NULL where its rows have no day, and as complete_through",
    "newest_delivery": "Time at which its newest file was written; NULL as complete_through",
    "rows_total": "Number of its rows, over the whole history; NULL as complete_through",
    "rows_rejected": "Number of its rows that could not be read as declared; NULL as complete_through",
    "outstanding": "Whether something that was delivered could not be loaded",
    "entities": "The input entities that it is computed from, separated by commas",
    "model": "The dbt model that computes it: compiled/kpi/<model>.sql of the company folder",
    "sql": "The SQL of that model: what it computes from the shared rollups; empty in releases of earlier versions",
    "standard": "The standard that it follows",
    "currency": "The company's reporting currency (ISO 4217)",
    "observable_from": "The first day from which its feeds have all data that it needs, earlier data included: a period"
    " that begins before it has no value; NULL where the KPI isn't supplied",
    "observable_to": "The last day on which a period with a value can end, as its feeds ended, one is paused or the"
    " KPI was retired; NULL where it goes on",
    "supplied": "Whether the company supplies all input entities that it needs",
    "missing_entities": "The input entities that the company doesn't supply, separated by commas",
    "protected": "Whether it reads personnel data, so that it is subject to disclosure control",
    "disclosure_threshold": "The smallest number of persons that a published cell of a protected KPI may count",
    "objectives.objective": "Key of the objective; catalog.objective has it too",
    "objectives.part_of": "The objective that it is a part of; NULL for a topmost one",
    "objectives.owner": "The person responsible for the objective; NULL where none is stated",
    "objectives.horizon": "The day by which it is to be reached; NULL where none is stated",
    "objectives.weight": "How much it counts in the objective that it is a part of; a key KPI counts 1",
    "objectives.attainment": "0 to 1: the mean over its key KPIs (on target 1, at risk 0.5, off target 0; each weighs"
    " 1) and over the attainment of the objectives that are a part of it, with their weights; what isn't judged is left"
    " out; NULL where nothing is",
    "kpis_on_target": "Number of key KPIs of it, and of what is a part of it, that are on target",
    "kpis_at_risk": "Number of those that are at risk",
    "kpis_off_target": "Number of those that are off target",
    "kpis_not_judged": "Number of those with another status: no target, suppressed, nothing published",
    "kpis_supporting": "Number of supporting KPIs of it, and of what is a part of it; they don't count",
    "attainment.objective": "Key of the objective; see objectives, which has its name",
    "attainment.attainment": "0 to 1, as objectives.attainment, of the newest values whose period had ended by then",
    "initiative": "Id of the initiative",
    "team_goals.kpi_id": "The KPI that measures goals; see catalog",
    "team_goals.kpi_served": "The KPI that the goals serve, by its id; _T all, _U unknown",
    "team_goals.team": "The team; _T all, _U unknown",
    "team_goals.objective": "Key of the objective that the KPI served serves; NULL for _T, and where no such KPI is"
    " adopted",
    "team_goals.attainment": "Weighted scores of the goals as a share of their weights; NULL if suppressed or missing",
    "team_goals.goal_weight": "Weight of the goals judged; NULL as attainment",
    "team_goals.share_of_objective": "Its part of the published goal weight of all KPIs of the objective, among rows of"
    " the same kind: those of all teams, or those of one; NULL as attainment, and without an objective",
    "team_goals.status": "obs_status in words",
    "initiatives.kpi_id": "The KPI that it is meant to move; NULL where none is named",
    "initiatives.objective": "The objective that it is meant to bring nearer; see objectives",
    "initiatives.owner": "The person responsible for the initiative",
    "initiatives.since": "Its first day",
    "initiatives.until": "Its last day",
    "initiatives.state": "planned, under way or ended, by its dates, on the day of the newest release",
    "perspective": "The balanced scorecard's perspective: financial, customer, process, learning; or sustainability",
    "verdict": "publish, publish_flagged or hold",
    "held": "Whether it is held: the verdict is hold and no decision releases it, or a decision rejects it",
    "reason": "The checks that hold it, with their details; for a flagged verdict the checks that warn",
    "acknowledged": "Whether somebody acknowledged this warning of the KPI and frequency within a year before it",
    "incidents.reason": "The reason stated with the decision; NULL while the incident is open",
    "may_decide": "Who may decide on it, by roles.yml at the newest release, separated by commas; NULL once settled,"
    " and where nobody is named",
    "incident_id": "Id of the incident: the KPI and period that it is named after, such as net_revenue-2016-07",
    "incidents.state": "held: a decision is needed; flagged: published with a warning; released, rejected or"
    " acknowledged: settled by a decision",
    "title": "What is wrong, in words",
    "incidents.domain": "The part of the business; roles.yml names who may decide for it",
    "since": "First day of the earliest of its shortest periods",
    "until": "Last day of its last period",
    "incidents.kpis": "Its KPIs, separated by commas",
    "periods_held": "The number of its periods that are held, or were held when it was decided on",
    "periods_flagged": "The number of its periods that are published with a warning",
    "new_level_from": "The first day of the KPI's new level, where the release decision states one; else NULL",
    "decisions.incident_id": "The incident that the decision settled; NULL for a decision on single periods",
    "checks": "Every check with its outcome, figure and limit (JSON)",
    "batch_id": "The dbt build that computed the candidates",
    "judged_at": "Time of the gate's verdict",
    "n_observations": "Number of vintages that the release appended",
    "n_verdicts": "Number of verdicts that the release appended",
    "content_hash": "SHA-256 of what the release appended and of its definitions",
    "previous_hash": "SHA-256 of the previous release's row in the ledger",
    "note": "What a person stated with the release: that the clock had been ahead at the release before it, so that"
    " this one's time counts for both, or that a text was purged from the ledger; NULL for other releases",
    "closes_on": "Last day on which the period is open. Until the first release after it values are provisional and are"
    " revised without a decision; from then on a changed value is held until someone decides",
    "state": "open or closed, on the day of the newest release",
    "is_next": "Whether it is the next period of the KPI at this frequency to close",
}

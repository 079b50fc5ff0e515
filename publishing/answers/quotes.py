"""A published value with all that must be said with it, and the sentence `quote` that has it; or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import duckdb

from metrics.core.periods import Period
from metrics.core.segments import member_words, words
from metrics.core.text import visible, with_currency
from publishing.answers import Answer
from publishing.answers.value_rows import plain_rows
from publishing.language import Language, language
from publishing.statuses import REVISIONS, STATUSES

_UNITS = {"fraction": "fraction: 0.05 is 5 %", "count": "number"}


def value_answer(row: Mapping[str, Any]) -> Answer:
    """A value with all that must be said with it. `row` has the columns of VALUES."""
    facts = {
        "kpi_id": row["kpi_id"],
        "name": row["name"],
        "period": row["time_period"],
        "segment": row["segment"],
        "member": row["member"],
        "value": row["obs_value"],
        "unit": unit_words(row),
        "status": row["status"],
        "provisional_until": row["provisional_until"],
        "target": row["target"],
        "target_to": row["target_to"],
        "target_status": row["target_status"],
        "target_attained": row["target_attained"],
        "changes_are": row["change_kind"],
        "change_on_period_before": row["change_previous"],
        "change_on_a_year_ago": row["change_year_ago"],
        "number_of_observations": row["n_obs"],
        "vintage": {"published_on": row["realtime_start"], "release": row["sequence"]},
        "definition_version": row["definition_version"],
        "held": row["finding"] if row["held"] and row["decision"] != "reject" else None,
        "warning": row["finding"] if row["verdict"] == "publish_flagged" and not row["acknowledged"] else None,
    }
    return facts | {"quote": _quote(facts, row)}


def _quote(facts: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """The value in a sentence with its status, vintage and definition version."""

    def written(number: float | None) -> str:
        return language("en").value(number, row["unit"], row["currency"])

    cut = f"{words(row['segment'])} {member_words(row['segment'], row['member'])}"
    subject = row["name"] if row["segment"] == "_T" else f"{row['name']} ({cut})"
    status = facts["status"]
    shown = status if facts["value"] is None else written(facts["value"])
    remarks = [] if status == "normal" or facts["value"] is None else [status]
    if facts["provisional_until"]:
        remarks = [remark for remark in remarks if remark != "provisional"]
        remarks.append(f"provisional until {facts['provisional_until']}")
    goal = language("en").target(facts["target"], facts["target_to"], row["unit"], row["currency"])
    if facts["target_attained"] is not None:
        remarks.append(
            f"{'reaches' if facts['target_attained'] else 'misses'} the target of {goal}"
            f"{' and is at risk' if facts['target_status'] == 'at risk' else ''}"
        )
    if facts["held"]:
        remarks.append("a newer value is held until someone decides")
    if facts["warning"]:
        remarks.append("published with a warning")
    remarks.append(f"published {row['realtime_start']} in release {row['sequence']}")
    remarks.append(f"definition version {row['definition_version']}")
    return f"{subject}, {language('en').period(row['time_period'])}: {shown} ({'; '.join(remarks)})"


def vintage_answer(row: Mapping[str, Any]) -> Answer:
    """A value as one release published it."""
    return {
        "published_on": row["realtime_start"],
        "release": row["sequence"],
        "value": row["obs_value"],
        "revised_from": row["revised_from"],
        "status": STATUSES[row["obs_status"]],
        "definition_version": row["definition_version"],
        "revised_by": REVISIONS.get(row["revision_type"] or ""),
        "reason": row["revision_reason"],
    }


def no_value(
    connection: duckdb.DuckDBPyConnection,
    entry: Mapping[str, Any],
    period: Period | None,
    segment: str,
    member: str,
    lang: Language,
) -> Answer:
    """Why a KPI has no published value: as far as the tables tell."""
    name, code, t = entry["name"], period.code if period else None, lang.t
    if not entry["supplied"]:
        why = t("has no data: the company doesn't supply {entities}", entities=entry["missing_entities"])
        return nothing(name, code, why, lang)
    if period is None:
        held = "select count(*) from kpi.verdicts where kpi_id = ? and held"
        (count,) = connection.execute(held, [entry["kpi_id"]]).fetchone() or (0,)
        return nothing(name, code, t("has no published value; {count} of its periods are held", count=count), lang)
    query = "select reason from kpi.verdicts where held and kpi_id = ? and freq = ? and time_period = ?"
    reasons = plain_rows(connection, query, [entry["kpi_id"], period.freq, period.code])
    first, last = entry["observable_from"], entry["observable_to"]
    if reasons:
        reason = reasons[0]["reason"]
        why = t("is held until someone decides: {reason}", reason=lang.finding(reason) or reason)
    elif first and period.start.isoformat() < first:
        why = t("lies before its feeds' data, which begin on {day}", day=first)
    elif last and period.end.isoformat() > last:
        why = t("lies after its feeds' data, which end on {day}", day=last)
    elif segment != "_T":
        why = t("has no published value for {segment} {member}", segment=segment, member=visible(member))
    elif period.end >= _released_on(connection):
        why = t("isn't published: it had not ended when the newest release was made")
    else:
        why = t("isn't published: it was not judged yet")
    return nothing(name, code, why, lang)


def _released_on(connection: duckdb.DuckDBPyConnection) -> date:
    (day,) = connection.execute("select max(realtime_start) from kpi.releases").fetchall()[0]
    return date.fromisoformat(str(day)[:10])


def nothing(name: str, period: str | None, why: str, lang: Language) -> Answer:
    subject = f"{name}, {lang.period(period)}," if period else name
    return {"name": name, "period": period, "value": None, "status": "not published", "quote": f"{subject} {why}."}


def unit_words(row: Mapping[str, Any]) -> str:
    return _UNITS.get(row["unit"]) or with_currency(row["unit"], row["currency"])


def immature(row: Mapping[str, Any]) -> str | None:
    """For a cohort whose later events still count, until when they do; None for other values.

    `row` has the columns of VALUES.
    """
    if row["matures_after"] is None or not row["provisional"]:
        return None
    period = language("en").period(row["time_period"])
    return f"Later events still count for {period}, until {row['provisional_until']}: its value will change."

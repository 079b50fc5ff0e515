"""Queries of the commands on the published file; `restore` makes it where it is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb
from duckdb import StatementType

from metrics.core import clock
from metrics.core.deployment import former_published_path, ledger_path, published_path
from metrics.core.errors import NyckeltalError
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company

if TYPE_CHECKING:
    from data_quality.ledger.store import Ledger
    from data_quality.release.pending import Pending

_AS_OF: ContextVar[tuple[Path, Ledger] | None] = ContextVar("as_of", default=None)

# With these settings a query can only read the published file. It can use no other file, network address, extension or
# Python object, can't spill to disk, and can't change the settings.
_LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "temp_directory": "",
    "lock_configuration": True,
}


def restore() -> None:
    """Make the published file from the ledger if it is missing: lost, or moved by an update.

    Raises NyckeltalError when the ledger can't be read, or the file can't be written.
    """
    if not published_path().exists():
        from publishing import duckdb_file  # Delta takes a third of a second to import

        duckdb_file.restore()


@contextmanager
def as_it_stood(day: date) -> Iterator[None]:
    """Within the block, what is read is as it was published at the end of that day: values, targets, objectives, all.

    The published file of that day is made again from the ledger, in a folder of its own, which takes seconds.
    Raises NyckeltalError for a day to come, where nothing was published by then, or where another version of the
    project published it.
    """
    from data_quality.ledger.store import Ledger
    from publishing import duckdb_file

    with opened():  # says what to do where nothing is published
        whole = Ledger.open(ledger_path(), make=False)
        ledger = whole.as_of(day)
        today = clock.today(newest_catalog().calendar.time_zone)
        last = max(today, whole.releases[-1]["realtime_start"])  # a release's clock may have been ahead
        if day > last:
            raise NyckeltalError(f"{day} lies in the future", expected=f"{last} at the latest")
    with TemporaryDirectory(prefix="kpi-as-of-") as folder:
        path = Path(folder) / "published.duckdb"
        duckdb_file.build(ledger, path)
        token = _AS_OF.set((path, ledger))
        try:
            yield
        finally:
            _AS_OF.reset(token)


def source() -> Path:
    """The file that is read: the published one, or one made for a past day."""
    past = _AS_OF.get()
    return past[0] if past else published_path()


@contextmanager
def opened(*, for_user: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the published file, read-only and without other access; all its queries see one release.

    `for_user`: the query is a person's own, which may name what the file never had. Tables need no schema before their
    name: `observations` is `kpi.observations`.
    Raises NyckeltalError when nothing has been published yet, DuckDB refuses a query, or the file lacks a table or
    column that this version reads.
    """
    path = source()
    if path == published_path() and not path.exists() and former_published_path().exists():
        problem = f"the published file is now {path}; make it from the ledger with `kpi ledger rebuild`"
        raise NyckeltalError(problem, file=former_published_path())
    if not path.exists():
        raise NyckeltalError("nothing has been published yet; run `kpi run`", file=path)
    try:
        with duckdb.connect(str(path), read_only=True, config=_LOCKED) as connection:
            connection.execute("use kpi")
            yield connection
    except duckdb.Error as error:
        if not for_user and isinstance(error, (duckdb.BinderException, duckdb.CatalogException)):
            problem = "was made by another version of nyckeltal; `kpi ledger rebuild` makes it anew"
            raise NyckeltalError(problem, file=path) from None
        problem = " ".join(str(error).split("\n\nLINE")[0].split())
        raise NyckeltalError(problem, file=path) from None


def table(sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The column names and rows of a person's query on the published file. Raises NyckeltalError as `opened` does."""
    with opened(for_user=True) as connection:
        _require_one_query(connection.extract_statements(sql))
        result = connection.execute(sql)
        return [column[0] for column in result.description or []], result.fetchall()


def _require_one_query(statements: Sequence[duckdb.Statement]) -> None:
    """Raises NyckeltalError unless it is one query. DuckDB parses a PIVOT as a CREATE and a query."""
    kinds = [statement.type for statement in statements]
    queries = [kind for kind in kinds if kind in (StatementType.SELECT, StatementType.EXPLAIN)]
    not_allowed = [kind for kind in kinds if kind not in (*queries, StatementType.CREATE)]
    if not_allowed or len(queries) != 1:
        raise NyckeltalError("is not one query", field="query", expected="one SELECT, FROM, DESCRIBE, SHOW or EXPLAIN")


def newest_release(connection: duckdb.DuckDBPyConnection) -> str:
    """The id of the newest release in the published file."""
    row = connection.execute("select release_id from kpi.releases order by sequence desc limit 1").fetchone()
    assert row is not None  # a file is published with a release
    return str(row[0])


def newest_catalog() -> Catalog:
    """The catalogue of the newest release, from the ledger. Raises NyckeltalError as `opened` does."""
    from data_quality.ledger.store import Ledger
    from publishing import duckdb_file

    with opened():  # says what to do where nothing is published
        past = _AS_OF.get()
        return duckdb_file.newest_catalog(past[1] if past else Ledger.open(ledger_path(), make=False))


def rows(connection: duckdb.DuckDBPyConnection, sql: str, parameters: object = None) -> list[dict[str, Any]]:
    """The rows of a query, as dictionaries."""
    result = connection.execute(sql, parameters or [])
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def query(sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The rows of a query of this project, as dictionaries. Raises NyckeltalError as `opened` does."""
    with opened() as connection:
        return rows(connection, sql, parameters)


def newest_totals(catalog: Catalog) -> list[dict[str, Any]]:
    """The newest published total of each KPI at each of the frequencies that a summary shows."""
    newest = query(
        """select * from kpi.observations where segment = '_T' and obs_status not in ('O', 'M')
           qualify row_number() over (partition by kpi_id, freq order by period_start desc) = 1
           order by kpi_id, freq"""
    )
    shown = {(kpi.kpi_id, freq) for kpi in catalog.kpis for freq in kpi.shown_freqs}
    return [row for row in newest if (row["kpi_id"], row["freq"]) in shown]


def scorecard() -> list[dict[str, Any]]:
    """A row for each adopted KPI: its newest published total at the frequency of its target, and its status."""
    return query("from kpi.scorecard order by domain, kpi_id")


def series(kpi_id: str, freq: str, segment: str, last: int) -> list[dict[str, Any]]:
    """The newest `last` periods of a KPI for every member of a segment (`_T` the total), oldest first."""
    return query(
        """select * from kpi.observations where kpi_id = ? and freq = ? and segment = ?
           qualify dense_rank() over (order by period_start desc) <= ? order by period_start, member""",
        [kpi_id, freq, segment, last],
    )


def values_by_month(kpis: Sequence[CatalogKpi]) -> dict[tuple[str, str], float]:
    """By (kpi_id, month as 2026-01) the published total of the period that ends in the month; not of protected KPIs.

    The period is a month; for a KPI without months a quarter, and without quarters a year.
    """
    freqs = {
        kpi.kpi_id: next((freq for freq in ("M", "Q", "A") if freq in kpi.freqs), None)
        for kpi in kpis
        if not kpi.protected
    }
    rows = query(
        """select kpi_id, freq, strftime(period_end, '%Y-%m') as month, obs_value from kpi.observations
           where segment = '_T' and obs_value is not null"""
    )
    return {(row["kpi_id"], row["month"]): row["obs_value"] for row in rows if freqs.get(row["kpi_id"]) == row["freq"]}


def held() -> list[dict[str, Any]]:
    """The held keys with the reason: kpi_id, freq, time_period, judged_at, reason."""
    return query(
        """select v.kpi_id, v.freq, v.time_period, v.judged_at,
               case when v.decision = 'reject' then 'was rejected: ' || d.reason else v.reason end as reason
           from kpi.verdicts v left join kpi.decisions d using (decision_id)
           where v.held order by v.kpi_id, v.freq, v.time_period"""
    )


def incidents() -> list[dict[str, Any]]:
    """The open incidents: held ones first, those with the most held periods first among them, then flagged ones."""
    return query(
        """from kpi.incidents where state in ('held', 'flagged')
           order by state = 'flagged', periods_held desc, since desc, incident_id"""
    )


def pending_values(company: Company, catalog: Catalog, *, flagged: bool = False) -> list[Pending]:
    """The keys that the newest release holds, in the catalogue's order, without candidate values and feed states.

    `flagged` adds the keys that are published with a warning that nobody acknowledged.
    """
    from data_quality.release.pending import Pending, State
    from publishing.duckdb_file.incidents import failing as failing_of  # Delta and Arrow take a third of a second

    rows = query(
        """select v.*, o.obs_value, d.reason as decision_reason, d.decided_by, d.decided_at
           from kpi.verdicts v
           left join kpi.decisions d using (decision_id)
           left join kpi.observations o
               on o.kpi_id = v.kpi_id and o.freq = v.freq and o.time_period = v.time_period and o.segment = '_T'
           where v.held or ? and v.verdict = 'publish_flagged' and v.decision is null and not v.acknowledged
           order by v.time_period""",
        [flagged],
    )
    pending = []
    for kpi, freq in ((adopted, freq) for adopted in catalog.kpis for freq in adopted.freqs):
        for row in (row for row in rows if (row["kpi_id"], row["freq"]) == (kpi.kpi_id, freq)):
            failing = tuple(failing_of(row["checks"]))
            decision = {name: row[name] for name in ("decision", "decided_by", "decided_at")}
            standing = decision | {"reason": row["decision_reason"]} if row["decision"] else None
            is_built = all(result.check not in ("built", "candidates_exist") for result in failing)
            held_state: State = "rejected" if standing else "decide" if is_built else "judge again"
            pending.append(
                Pending(
                    kpi_id=kpi.kpi_id,
                    freq=freq,
                    time_period=row["time_period"],
                    state=held_state if row["held"] else "flagged",
                    reason=row["reason"],
                    checks=failing,
                    published_value=None if kpi.protected else row["obs_value"],
                    candidate_value=None,
                    change=None,
                    feeds=(),
                    deciders=company.roles.deciders(kpi.domain),
                    standing=standing,
                )
            )
    return pending


def overdue_reviews(day: date) -> dict[str, date]:
    """The day by which each KPI should have been reviewed, for KPIs where that is before `day`; the longest first."""
    rows = query("select kpi_id, due_on from kpi.reviews where due_on < ? order by due_on, kpi_id", [day])
    return {row["kpi_id"]: row["due_on"] for row in rows}


def first_release() -> date:
    """The day of the first release."""
    day: date = query("select min(realtime_start) as day from kpi.releases")[0]["day"]
    return day


def totals_as_of(day: date, freq: str | None, catalog: Catalog) -> list[dict[str, Any]]:
    """Each KPI's total for its latest period with a value, as published by the end of a day.

    `freq` defaults to the KPI's main frequency.
    """
    main = {kpi.kpi_id: kpi.main_freq for kpi in catalog.kpis}
    newest = query(
        """select * from kpi.as_of(?::varchar) where segment = '_T' and obs_status not in ('O', 'M')
           qualify row_number() over (partition by kpi_id, freq order by period_start desc) = 1 order by kpi_id""",
        [day.isoformat()],
    )
    return [row for row in newest if row["freq"] == (freq or main.get(row["kpi_id"], "M"))]


def series_as_of(day: date, kpi_id: str, freq: str, last: int) -> list[dict[str, Any]]:
    """The newest `last` totals of a KPI as of the end of a day, oldest first."""
    return query(
        """select * from kpi.as_of(?::varchar) where kpi_id = ? and freq = ? and segment = '_T'
           qualify row_number() over (order by period_start desc) <= ? order by period_start""",
        [day.isoformat(), kpi_id, freq, last],
    )


def vintages(kpi_id: str, freq: str) -> list[dict[str, Any]]:
    """Every vintage of a KPI's totals, ordered by period and then by release."""
    return query(
        """select * from kpi.vintages where kpi_id = ? and freq = ? and segment = '_T'
           order by period_start, sequence""",
        [kpi_id, freq],
    )

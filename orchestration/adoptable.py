"""How noisy standard KPIs would be that a company could adopt now, by the marts that are in its warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from data_quality import warehouse
from metrics.compiler.plan import plan
from metrics.compiler.semantic_layer import GRAINS, SemanticLayer
from metrics.core import clock
from metrics.core.periods import period_of
from metrics.definitions.company import Company
from metrics.definitions.kpis.adoption import Adoption
from metrics.definitions.kpis.kpi import Kpi
from metrics.suggestions import Suggestion
from orchestration.lock import writing
from publishing.analysis.noise import Noise, noise_of

_TOTALS = """
select
    totals.kpi_id, totals.freq, totals.obs_value,
    totals.obs_value - before.obs_value as on_before, totals.obs_value - year_ago.obs_value as on_year_ago
from totals_of_adoptable totals
left join totals_of_adoptable before
    on before.kpi_id = totals.kpi_id
    and before.period_start = totals.period_start - if(totals.freq = 'M', interval 1 month, interval 3 month)
left join totals_of_adoptable year_ago
    on year_ago.kpi_id = totals.kpi_id and year_ago.period_start = totals.period_start - interval 1 year
"""


def noise_of_adoptable(suggestions: Sequence[Suggestion], company: Company, layer: SemanticLayer) -> list[Noise]:
    """The noise of each suggested KPI without missing entities, by month, or by quarter where it has no months.

    MetricFlow's own query over the marts gives its totals, of the ended periods that the feeds cover. KPIs that read
    personnel data are left out, and those whose marts the warehouse doesn't have as they are now.

    Raises Busy while another process writes to the warehouse.
    """
    with writing(), warehouse.connect(read_only=True) as connection:
        connection.execute(
            "create temp table totals_of_adoptable (kpi_id varchar, freq varchar, period_start date, obs_value double)"
        )
        for suggestion in suggestions:
            if not suggestion.missing_entities and not suggestion.protected:
                _add_totals(connection, suggestion, company, layer)
        return noise_of(connection, _TOTALS)


def _add_totals(
    connection: duckdb.DuckDBPyConnection, suggestion: Suggestion, company: Company, layer: SemanticLayer
) -> None:
    definition = suggestion.definition
    freq = next((freq for freq in ("M", "Q") if freq in definition.freqs), None)
    if freq is None or not suggestion.feeds:
        return
    adoption = Adoption.model_construct(freqs=(freq,), segments=(), to_date=False)
    kpi_plan = plan(Kpi(suggestion.domain, definition, adoption, Path(), Path()), layer)
    observable_from = kpi_plan.observable_from(max(company.feeds[feed].history_from for feed in suggestion.feeds))
    running = period_of(freq, clock.today(company.calendar.time_zone)).start
    time = f"metric_time__{GRAINS[freq]}"
    where = [f"{{{{ Dimension('{definition.freq_dimension}') }}}} = '{freq}'"] if definition.freq_dimension else []
    sql = layer.query_sql([definition.metric], [time], where)
    try:
        connection.execute(
            f"insert into totals_of_adoptable select ?, ?, {time}, {definition.metric} from ({sql})"
            f" where {time} >= ? and {time} < ? and {definition.metric} is not null",
            [suggestion.kpi_id, freq, observable_from, running],
        )
    except (duckdb.CatalogException, duckdb.BinderException):  # the marts were built by an earlier version
        return

"""The command that takes a KPI out of use: `kpi retire`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from metrics.core import clock
from metrics.core.errors import NyckeltalError
from metrics.core.text import short_path
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from orchestration.cli.options import By, Json, Reason, user
from orchestration.cli.terminal import DONE, console, print_json, styled
from orchestration.lock import writing

HELP_ORDER = 5
app = typer.Typer()


@app.command()
def retire(
    kpi_id: Annotated[str, typer.Argument(metavar="KPI")],
    reason: Reason,
    by: By = None,
    replaced_by: Annotated[
        str | None, typer.Option("--replaced-by", metavar="KPI", help="The adopted KPI that replaces it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take a KPI out of use from today on: no later period is published, and what was published stays.

    It writes `retired` into the KPI's file, compiles, and records a review with the outcome retire. The KPI's owner may
    do so, and those who decide for its domain; the name is recorded, not authenticated. If the command is interrupted,
    run it again: it completes the rest. To undo it, remove `retired` from the file.
    """
    company = Company.load()
    catalog = Catalog.read(company)
    kpi = catalog.kpi(kpi_id)
    by = user() if by is None else by
    import publishing
    from data_quality.release import decisions
    from metrics import compiled_folder, retiring
    from orchestration.dbt.planning import planned
    from orchestration.dbt.released import anything_released

    decisions.decider(company, kpi, "review", by)
    reason = decisions.checked_reason(kpi_id, reason, protected=kpi.protected)
    file, decided = retiring.adoption_file(company, kpi_id), None
    retired = retiring.retirement(clock.today(company.time_zone), reason, replaced_by)
    with writing(), publishing.published_around("the KPI is retired, and that is released"):
        released = anything_released()
        # Everything that could refuse the decision is checked before the file is changed.
        ledger = decisions.ready_ledger(company) if released else None
        is_decided = ledger is None or decisions.is_retired_by_decision(ledger, kpi_id)
        if kpi.retired and is_decided:
            raise NyckeltalError(f"is retired since {kpi.retired.on}", file=file, field="retired")
        with retiring.written(file, kpi_id, retired, catalog):
            compiled = compiled_folder.compile_company(company, planned(company), released=released)
        compiled_folder.write(company, compiled)
        if not is_decided:
            decided = decisions.decide(
                company, Catalog.read(company), "review", kpi_id, reason=reason, by=by, outcome="retire"
            )
    if as_json:
        print_json({"kpi_id": kpi_id, "file": str(file), "decision": asdict(decided) if decided else None})
        return
    terminal = console()
    terminal.print(styled(DONE, f"{kpi_id} is retired, and {short_path(file)} says so."), highlight=False)
    then = f"; release {decided.release.sequence}" if decided else ""
    terminal.print(f"  No later period is published; what was published stays{then}.", highlight=False)

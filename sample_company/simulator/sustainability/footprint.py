"""What the sites burn, buy, throw away and drink: emission activities with their factors, waste, and water."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from sample_company.simulator.business import Floats
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.sales.sold import Sold
from sample_company.simulator.technology.operations import SITES
from sample_company.simulator.timeline import Month, Span

# From January to December.
COLD = np.array([1.0, 0.95, 0.8, 0.5, 0.25, 0.08, 0.05, 0.06, 0.2, 0.5, 0.75, 0.95])
HEAT_MWH = np.array([62.0, 24.0, 18.0])
"""District heating of each site in the coldest month."""
VAN_LITRES, LITRES_PER_PARCEL, YEARLY_DIESEL = 1_900.0, 0.62, 0.93
"""Diesel of the vans between warehouse and shops in 2023; every year fewer of them burn any."""
HEATING_OIL_LITRES = 850.0
"""Of the workshop in the coldest month."""
LEAK_CHANCE, LEAK_KG = 0.10, 4.0
"""Of the warehouse's cooling, a month."""

# Activity: (scope, unit, kg CO2e per unit by the grid, and by contract, in 2023; yearly change of both)
FACTORS = {
    "diesel": ("Scope 1", "litre", 2.52, 2.52, 0.995, 0.995),
    "heating oil": ("Scope 1", "litre", 2.68, 2.68, 1.0, 1.0),
    "refrigerant R-449A": ("Scope 1", "kg", 1282.0, 1282.0, 1.0, 1.0),
    "electricity": ("Scope 2", "kWh", 0.028, 0.064, 0.96, 0.80),
    "district heating": ("Scope 2", "kWh", 0.056, 0.048, 0.97, 0.95),
}
FACTOR_SETS = {
    "Scope 1": "Fuels and refrigerants",
    "Scope 2": "Nordic energy",
}
PUBLISHED_BY = "Simulated values, near those of national inventories and energy suppliers"

# Fraction: (method, hazardous, kg a week of each site, share that follows the parcels)
WASTE = {
    "Cardboard": ("R3", False, (1_150.0, 60.0, 90.0), 0.8),
    "Plastic film": ("R3", False, (310.0, 15.0, 25.0), 0.8),
    "Metal": ("R5", False, (60.0, 0.0, 150.0), 0.1),
    "Residual waste": ("R1", False, (640.0, 210.0, 170.0), 0.4),
    "Wood": ("R1", False, (330.0, 0.0, 70.0), 0.6),
    "Inert waste": ("D1", False, (25.0, 0.0, 35.0), 0.0),
    "Electronics and batteries": ("R5", True, (18.0, 4.0, 9.0), 0.2),
}
PARCELS_A_MONTH = 4_900.0
"""In an ordinary month of 2023."""
COLLECTION_DAYS = 7
INTAKE_M3 = np.array([210.0, 130.0, 75.0])
USED_UP = np.array([0.14, 0.10, 0.32])
"""Share of the water that isn't let out again: gardens, cooling, rinsing."""


def write_activities(folder: SourceFolder, span: Span, month: Month, sold: Sold, kwh: Floats) -> None:
    """hse/emission_activities_<month>.csv, once the month is over; `kwh` is the electricity of each site in it."""
    if month.last > span.until:
        return
    rng = span.rng("emission activities", month)
    cold = COLD[month.month - 1]
    litres = VAN_LITRES * span.scale + LITRES_PER_PARCEL * sold.parcels(month)
    litres *= YEARLY_DIESEL ** (month.year - 2023) * rng.normal(1, 0.04)
    heat = HEAT_MWH * 1000 * cold * rng.normal(1, 0.05, len(SITES))
    oil = HEATING_OIL_LITRES * cold * rng.normal(1, 0.06)
    leak = round(rng.exponential(LEAK_KG), 2) if rng.random() < LEAK_CHANCE else 0.0
    rows = [(SITES[0], "diesel", litres), (SITES[2], "heating oil", oil), (SITES[0], "refrigerant R-449A", leak)]
    rows += [(site, "electricity", quantity) for site, quantity in zip(SITES, kwh, strict=True)]
    rows += [(site, "district heating", quantity) for site, quantity in zip(SITES[:2], heat[:2], strict=True)]
    rows = [row for row in rows if row[2] > 0]
    site, activity, quantity = zip(*rows, strict=True)
    table = pa.table(
        {
            "month": pa.array([month.code] * len(rows)),
            "site": pa.array(site),
            "scope": pa.array([FACTORS[name][0] for name in activity]),
            "activity": pa.array(activity),
            "unit": pa.array([FACTORS[name][1] for name in activity]),
            "quantity": np.round(np.array(quantity), 2),
        }
    )
    folder.csv(f"hse/emission_activities_{month.code}.csv", table, month.last)


def write_factors(folder: SourceFolder, span: Span) -> None:
    """hse/emission_factors.csv: the factors of each year."""
    rows = [
        (
            f"{FACTOR_SETS[scope]} {year}",
            year,
            activity,
            unit,
            round(location * yearly_location ** (year - 2023), 5),
            round(market * yearly_market ** (year - 2023), 5),
            PUBLISHED_BY,
        )
        for year in range(span.start.year, span.until.year + 1)
        for activity, (scope, unit, location, market, yearly_location, yearly_market) in FACTORS.items()
    ]
    names = ("factor_set", "factor_year", "activity", "unit", "kg_co2e_location", "kg_co2e_market", "published_by")
    folder.csv("hse/emission_factors.csv", pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))), span.until)


def write_waste(folder: SourceFolder, span: Span, month: Month, sold: Sold) -> None:
    """hse/waste_<month>.jsonl: the weighing slips of a month, a round of all sites every week."""
    rng = span.rng("waste", month)
    parcels = sold.parcels(month) / (PARCELS_A_MONTH * span.scale)
    rounds = [day for day in month.days if int(day.astype(np.int64)) % COLLECTION_DAYS == 0]
    slips = []
    for number, day in enumerate(rounds, start=1):
        for index, (fraction, (method, hazardous, weights, follows)) in enumerate(WASTE.items()):
            for place, (site, usual) in enumerate(zip(SITES, weights, strict=True)):
                kg = usual * (1 - follows + follows * parcels) * rng.lognormal(0, 0.12)
                if kg > 0:
                    slip = f"W{month.code}-{number}{index}{place}"
                    slips.append((slip, str(day), site, fraction, method, hazardous, round(kg, 1)))
    names = ["slip_no", "collected_on", "site", "fraction", "method", "hazardous", "weight_kg"]
    frame = pd.DataFrame(slips, columns=names)
    folder.jsonl(f"hse/waste_{month.code}.jsonl", frame[frame["collected_on"] <= str(span.until)], span.newest(month))


def write_water(folder: SourceFolder, span: Span) -> None:
    """hse/water.xlsx: what each site took in and let out in each month that is over."""
    rows: list[tuple[str, date, float, float]] = []
    for month in span.months():
        if month.last > span.until:
            break
        rng = span.rng("water", month)
        warm = 1 - COLD[month.month - 1]
        intake = INTAKE_M3 * (0.9 + 0.25 * warm) * rng.normal(1, 0.04, len(SITES))
        used_up = USED_UP * (0.8 + 0.5 * warm) * rng.normal(1, 0.05, len(SITES))
        for site, taken, share in zip(SITES, intake, used_up, strict=True):
            rows.append((site, month.first, round(taken, 1), round(taken * (1 - share), 1)))
    folder.excel("hse/water.xlsx", "Water", ("Site", "Month", "Intake m3", "Sewage m3"), rows, span.until)

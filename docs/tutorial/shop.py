"""Writes the tutorial's CSV files: what the till of an invented tea shop exports, a file a month.

`python docs/tutorial/shop.py FOLDER 2024-01 2026-02` writes the orders and order lines of those months, the same on
every machine. `--gift-boxes` adds an order of 900 gift boxes on the 18th of the last month.
"""

from __future__ import annotations

import argparse
import csv
import os
from calendar import monthrange
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

PRICES = {"sencha": 129, "earl-grey": 89, "rooibos": 79, "teapot": 349}
SEASON = (0.95, 0.95, 1.0, 0.95, 0.9, 0.9, 0.85, 0.95, 1.0, 1.05, 1.15, 1.4)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("first", help="such as 2024-01")
    parser.add_argument("last", help="such as 2026-02")
    parser.add_argument("--gift-boxes", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    month, last = (date.fromisoformat(f"{text}-01") for text in (arguments.first, arguments.last))
    while month <= last:
        orders, lines = sales(month)
        if arguments.gift_boxes and month == last:
            day = month.replace(day=18).isoformat()
            orders.append([f"{month:%y%m}-9999", day, "C0007", "web"])
            lines.append([f"{month:%y%m}-9999-1", f"{month:%y%m}-9999", day, "gift-box", "sale", 900, "267300.00"])
        write(arguments.folder, f"orders-{month:%Y-%m}.csv", ["order_id", "day", "customer", "channel"], orders, month)
        names = ["line_id", "order_id", "day", "product", "kind", "quantity", "amount_sek"]
        write(arguments.folder, f"lines-{month:%Y-%m}.csv", names, lines, month)
        month = (month + timedelta(days=31)).replace(day=1)


def sales(month: date) -> tuple[list[list[str]], list[list[object]]]:
    """The orders and order lines of a month; every twentieth line comes back within its month."""
    random = Random(f"{month:%Y-%m}")
    years = (month - date(2024, 1, 1)).days / 365
    orders: list[list[str]] = []
    lines: list[list[object]] = []
    last = month.replace(day=monthrange(month.year, month.month)[1])
    for offset in range(last.day):
        day = month + timedelta(days=offset)
        usual = 14 * SEASON[month.month - 1] * (1 + 0.08 * years) * (1.3 if day.weekday() in (4, 5) else 1)
        for _ in range(max(3, round(random.gauss(usual, usual**0.5)))):
            order_id = f"{month:%y%m}-{len(orders) + 1:04}"
            customer = f"C{random.randrange(1, 900 + int(400 * years)):04}"
            orders.append([order_id, day.isoformat(), customer, random.choice(["web", "web", "shop"])])
            for number in range(1, random.choice([1, 1, 2, 3]) + 1):
                product = random.choice(list(PRICES))
                quantity = 1 if product == "teapot" else random.choice([1, 1, 2, 3])
                amount = PRICES[product] * quantity
                line = [f"{order_id}-{number}", order_id, day.isoformat(), product, "sale", quantity, f"{amount}.00"]
                lines.append(line)
                if random.random() < 0.05:
                    back = min(day + timedelta(days=random.randrange(3, 12)), last).isoformat()
                    lines.append([f"{line[0]}-R", order_id, back, product, "return", -quantity, f"-{amount}.00"])
    return orders, lines


def write(folder: Path, name: str, names: list[str], rows: list[list[str]] | list[list[object]], month: date) -> None:
    """Write a file as the till did it, on the morning after the month."""
    file = folder / name
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([names, *rows])
    written = datetime.combine((month + timedelta(days=31)).replace(day=1), datetime.min.time()).timestamp() + 6 * 3600
    os.utime(file, (written, written))


if __name__ == "__main__":
    main()

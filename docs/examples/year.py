"""A made-up year for docs/volume.md: the twelve example posts over and over, with times.

It writes stream.csv (a year of posts, of which fewer are risky every month), its first and last
month (january.csv, december.csv), and labelled.csv (posts of the same kind with their labels).
Twelve posts show what the commands do, not how good they are.

    python docs/examples/year.py
"""

import calendar
import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

import riskclf

RISKY = {"1": "minor_solicitation", "2": "minor_solicitation", "3": "adult_solicitation"}
RISKY["4"] = "minor_solicitation"
MONTHS, POSTS, LABELLED = 12, 400, 500


def write_year(directory: Path = Path()) -> None:
    """Write the tables."""
    source = Path(riskclf.__file__).parent / "example_posts.csv"
    with source.open(encoding="utf-8", newline="") as file:
        texts = {row["id"]: row["text"] for row in csv.DictReader(file)}
    draw = random.Random(1)
    benign = sorted(texts.keys() - RISKY.keys())
    stream = []
    for month in range(MONTHS):
        share = 0.20 - 0.01 * month
        days = calendar.monthrange(2025, month + 1)[1]
        for _ in range(POSTS):
            post = draw.choice(sorted(RISKY) if draw.random() < share else benign)
            when = datetime(2025, month + 1, 1) + timedelta(minutes=draw.randrange(1440 * days))
            stream.append({"text": texts[post], "posted_at": when.isoformat()})
    known = [draw.choice(sorted(RISKY) if n % 5 == 0 else benign) for n in range(LABELLED)]
    labelled = [{"text": texts[x], "label": RISKY.get(x, "benign")} for x in known]
    tables = {"stream": stream, "january": stream[:POSTS], "december": stream[-POSTS:]}
    for name, rows in {**tables, "labelled": labelled}.items():
        with (directory / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    write_year()

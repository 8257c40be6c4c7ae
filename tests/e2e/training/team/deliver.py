"""Puts a file there as a laboratory delivers it: measurements of wines, of which some lack a value."""

import csv
import sys
from pathlib import Path

from sklearn.datasets import load_wine

EVERY = 20
"""Of so many wines one was not measured to the end."""

wines = load_wine()
place = Path(sys.argv[1])
place.parent.mkdir(parents=True, exist_ok=True)
with place.open("w", newline="") as file:
    table = csv.writer(file)
    table.writerow([*wines.feature_names, "cultivar"])
    for number, (measured, cultivar) in enumerate(zip(wines.data, wines.target, strict=True)):
        values = [*measured[:-1], ""] if number % EVERY == 0 else measured
        table.writerow([*values, cultivar])

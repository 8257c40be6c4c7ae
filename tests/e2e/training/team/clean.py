"""Leaves out the wines that lack a value. Reads one file and writes another, and says nothing about it."""

import csv
import sys
from pathlib import Path

source, result = map(Path, sys.argv[1:])
result.parent.mkdir(parents=True, exist_ok=True)
with source.open(newline="") as read, result.open("w", newline="") as written:
    csv.writer(written).writerows(row for row in csv.reader(read) if all(row))

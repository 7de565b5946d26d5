"""Shuffle the flowers and split them into a training and a test set."""

import csv
import random
from pathlib import Path

import yaml

params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["prepare"]
with Path("data/flowers.csv").open(encoding="utf-8", newline="") as source:
    header, *rows = csv.reader(source)

random.Random(params["seed"]).shuffle(rows)
held_back = round(len(rows) * params["test_share"])

prepared = Path("prepared")
prepared.mkdir(exist_ok=True)
for name, part in {"test": rows[:held_back], "train": rows[held_back:]}.items():
    with (prepared / f"{name}.csv").open("w", encoding="utf-8", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows([header, *part])
print(f"{len(rows) - held_back} flowers to train on, {held_back} to test with")

"""Fit a logistic regression: is it a lily, judged by petal length and width?"""

import csv
import json
import math
from pathlib import Path

import yaml

params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["train"]
with Path("prepared/train.csv").open(encoding="utf-8", newline="") as source:
    flowers = [
        ((float(row["petal_length"]) - 4, float(row["petal_width"]) - 1.5), row["kind"] == "lily")
        for row in csv.DictReader(source)
    ]

weights, bias = [0.0, 0.0], 0.0
history = []
for epoch in range(params["epochs"]):
    gradient, slope, loss, right = [0.0, 0.0], 0.0, 0.0, 0
    for petal, is_lily in flowers:
        chance = 1 / (1 + math.exp(-sum(w * x for w, x in zip(weights, petal, strict=True)) - bias))
        loss -= math.log(chance if is_lily else 1 - chance)
        right += (chance > 0.5) == is_lily
        error = chance - is_lily
        gradient = [g + error * x for g, x in zip(gradient, petal, strict=True)]
        slope += error
    history.append((epoch, round(loss / len(flowers), 4)))
    weights = [w - params["lr"] * g / len(flowers) for w, g in zip(weights, gradient, strict=True)]
    bias -= params["lr"] * slope / len(flowers)

model = {"weights": [round(w, 4) for w in weights], "bias": round(bias, 4)}
Path("model.json").write_text(json.dumps(model) + "\n", encoding="utf-8")
scores = {"loss": history[-1][1], "accuracy": round(right / len(flowers), 4)}
Path("train.json").write_text(json.dumps(scores) + "\n", encoding="utf-8")
with Path("loss.csv").open("w", encoding="utf-8", newline="") as target:
    csv.writer(target, lineterminator="\n").writerows([("epoch", "loss"), *history])
print(f"loss {scores['loss']}, accuracy {scores['accuracy']} after {params['epochs']} epochs")

"""Score the model on the test set."""

import csv
import json
import math
from pathlib import Path

import yaml

threshold = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["evaluate"]["threshold"]
model = json.loads(Path("model.json").read_text(encoding="utf-8"))
with Path("prepared/test.csv").open(encoding="utf-8", newline="") as source:
    flowers = list(csv.DictReader(source))

outcomes = []
for flower in flowers:
    petal = (float(flower["petal_length"]) - 4, float(flower["petal_width"]) - 1.5)
    score = sum(w * x for w, x in zip(model["weights"], petal, strict=True)) + model["bias"]
    chance = 1 / (1 + math.exp(-score))
    outcomes.append((flower["kind"], "lily" if chance > threshold else "tulip"))

right = sum(actual == predicted for actual, predicted in outcomes)
claimed = [actual for actual, predicted in outcomes if predicted == "lily"]
metrics = {
    "accuracy": round(right / len(outcomes), 4),
    "lily": {"precision": round(claimed.count("lily") / max(len(claimed), 1), 4), "claimed": len(claimed)},
}
Path("metrics.json").write_text(json.dumps(metrics) + "\n", encoding="utf-8")
with Path("confusion.csv").open("w", encoding="utf-8", newline="") as target:
    csv.writer(target, lineterminator="\n").writerows([("actual", "predicted"), *outcomes])
print(f"accuracy {metrics['accuracy']} on {len(outcomes)} flowers")

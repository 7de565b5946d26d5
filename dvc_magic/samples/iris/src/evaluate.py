"""Let the network name the species of flowers that it has not seen."""

import json
from pathlib import Path

import joblib
import pandas as pd
import yaml
from sklearn.metrics import accuracy_score, f1_score

params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["evaluate"]

flowers = pd.read_csv("prepared/test.csv")
actual = flowers["species"].to_numpy()
predicted = joblib.load("model.joblib").predict(flowers.drop(columns="species").to_numpy())

metrics = {
    "accuracy": round(accuracy_score(actual, predicted), 4),
    "f1": round(f1_score(actual, predicted, average=params["average"]), 4),
}

reports = Path("reports")
reports.mkdir(exist_ok=True)
(reports / "metrics.json").write_text(json.dumps(metrics) + "\n", encoding="utf-8")
confusion = pd.DataFrame({"actual": actual, "predicted": predicted})
confusion.to_csv(reports / "confusion.csv", index=False)
print(f"{(actual == predicted).sum()} of {len(actual)} flowers named rightly")

"""Which of the models that are here scores best."""

import json
from pathlib import Path

import joblib
from flowers import load_flowers

measures, species = load_flowers()
models = {path.stem: joblib.load(path) for path in sorted(Path().glob("model-*.joblib"))}
scores = {name: round(model.score(measures, species), 4) for name, model in models.items()}
best = max(scores, key=scores.get)
print(f"{best} of {', '.join(scores)}: {scores[best]}")
Path("metrics.json").write_text(json.dumps({"best": scores[best], "of": len(scores)}) + "\n", encoding="utf-8")

"""Score the four machines and draw where they part the species."""

import json
from pathlib import Path

import joblib
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from flowers import load_flowers
from settings import read_params

mpl.use("agg")
spacing = read_params()["eval"]["plot-spacing"]
measures, species = load_flowers()
machines = [joblib.load(f"model-{number}.joblib") for number in range(1, 5)]

scores = {f"model-{number}": round(machine.score(measures, species), 4) for number, machine in enumerate(machines, 1)}
print(scores)
Path("models-eval.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")

low, high = measures.min(axis=0) - 0.5, measures.max(axis=0) + 0.5
across, up = np.meshgrid(np.linspace(low[0], high[0], 120), np.linspace(low[1], high[1], 120))
figure, axes = plt.subplots(2, 2, gridspec_kw={"hspace": spacing, "wspace": spacing})
for number, (axis, machine) in enumerate(zip(axes.flat, machines, strict=True), start=1):
    axis.contourf(across, up, machine.predict(np.c_[across.ravel(), up.ravel()]).reshape(across.shape), alpha=0.4)
    axis.scatter(*measures.T, c=species, s=8)
    axis.set_title(f"model-{number}")
figure.savefig("models-eval.png", metadata={"Software": None})

"""Train a small neural network, one epoch after the other."""

import json
import tomllib
from pathlib import Path

import joblib
import pandas as pd
from sklearn.neural_network import MLPClassifier

config = tomllib.loads(Path("model.toml").read_text(encoding="utf-8"))
params = config["train"]

flowers = pd.read_csv("prepared/train.csv")
measures, species = flowers.drop(columns="species").to_numpy(), flowers["species"].to_numpy()

model = MLPClassifier(
    hidden_layer_sizes=config["network"]["hidden"],
    activation=config["network"]["activation"],
    solver=params["solver"],
    learning_rate_init=params["lr"],
    batch_size=params["batch_size"],
    alpha=params["l2"],
    shuffle=params["shuffle"],
    momentum=0,
    random_state=params["seed"],
)

history = []
for epoch in range(1, params["epochs"] + 1):
    model.partial_fit(measures, species, classes=sorted(set(species)))
    history.append((epoch, round(model.loss_, 4), round(model.score(measures, species), 4)))
    if epoch % 20 == 0:
        print(f"epoch {epoch}: loss {history[-1][1]:.4f}")

reports = Path("reports")
reports.mkdir(exist_ok=True)
pd.DataFrame(history, columns=["epoch", "loss", "train_accuracy"]).to_csv(reports / "history.csv", index=False)
metrics = {"loss": history[-1][1], "train_accuracy": history[-1][2]}
(reports / "train.json").write_text(json.dumps(metrics) + "\n", encoding="utf-8")
joblib.dump(model, "model.joblib")

"""Split the measured flowers into a training set and a test set, with the same share of each species."""

from pathlib import Path

import pandas as pd
import yaml

params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["prepare"]

flowers = pd.read_csv("data/iris.csv")[[*params["columns"], "species"]]
if params["limit"] is not None:
    flowers = flowers.groupby("species").head(params["limit"])

test = flowers.groupby("species").sample(frac=params["test_share"], random_state=params["seed"])
train = flowers.drop(test.index)

if params["scale"]:
    measures = params["columns"]
    mean, deviation = train[measures].mean(), train[measures].std()
    train[measures] = (train[measures] - mean) / deviation
    test[measures] = (test[measures] - mean) / deviation

prepared = Path("prepared")
prepared.mkdir(exist_ok=True)
train.to_csv(prepared / "train.csv", index=False, float_format="%.4f")
test.to_csv(prepared / "test.csv", index=False, float_format="%.4f")
print(f"{len(train)} flowers to train on, {len(test)} to test with")

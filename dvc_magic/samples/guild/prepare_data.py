"""Turn the measured flowers into an array: four measures and the number of the species in each row."""

import csv
from pathlib import Path

import numpy as np

SPECIES = ["setosa", "versicolor", "virginica"]

with Path("iris.csv").open(encoding="utf-8", newline="") as stream:
    _, *rows = csv.reader(stream)
flowers = [[*map(float, measures), SPECIES.index(species)] for *measures, species in rows]
np.save("iris.npy", np.array(flowers))
print(f"{len(flowers)} flowers in iris.npy")

"""The prepared flowers, as the machines take them."""

import numpy as np


def load_flowers():
    """Lengths and widths of the sepals, and the species."""
    flowers = np.load("iris.npy")
    return flowers[:, :2], flowers[:, 4]

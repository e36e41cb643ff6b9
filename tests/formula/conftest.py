"""Rows that every kind of term can be made from."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def rows():
    rng = np.random.default_rng(20240611)
    n = 60
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "z": rng.uniform(0.5, 2.0, size=n),
            "k": rng.integers(1, 5, size=n),
            "g": rng.choice(list("abcd"), size=n),
            "h": rng.choice(["u", "v"], size=n),
            "b": rng.uniform(size=n) > 0.5,
            "odd name": rng.normal(size=n),
        },
        index=[f"row {i}" for i in range(n)],
    )

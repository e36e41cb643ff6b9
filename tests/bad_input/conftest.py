"""Thirty labelled rows that fit, for tests that spoil one thing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def data() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 30
    return pd.DataFrame(
        {
            "y": rng.poisson(3.0, n).astype(float),
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
            "g": list("abc") * 10,
            "e": rng.uniform(0.5, 2.0, n),
            "w": np.ones(n),
            "m": rng.integers(1, 5, n).astype(float),
        },
        index=[f"r{k}" for k in range(n)],
    )

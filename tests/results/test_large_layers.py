"""Layers too large to read are named in the summary, not printed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import deepglm as dg
from deepglm.results.layers import LARGE, large_layers, layer_tables


@pytest.fixture(scope="module")
def wide() -> Any:
    """A first layer of 6 * 41 coefficients under a second one of 2 * 7."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 40))
    y = np.tanh(X[:, 0]) + rng.normal(size=300)
    model = dg.DeepGLM.from_arrays(
        y, X, add_constant=True, hidden=(6, 2), penalty=dg.L2(30.0, "hidden"), skip=False
    )
    return model.fit(seed=1, starts=1, inference="delta")


def test_large_layer_is_named_and_small_one_printed(wide: Any) -> None:
    text = str(wide.summary())
    assert 6 * 41 > LARGE
    assert "Hidden layer 1: 6 tanh (246" in text and "results.params holds them" in text
    assert "x17" in text.split("Linear part")[0]  # its effect
    assert "x17" not in text.split("Final layer: GLM terms")[1]
    assert [table.title for table in layer_tables(wide)] == ["Hidden layer 2: 2 tanh"]
    assert wide.params.filter(like="[x17]").size == 6
    assert max(map(len, text.splitlines())) <= 78


def test_second_summary_does_the_same(wide: Any) -> None:
    text = str(wide.summary2())
    assert "Hidden layer 1: 6 tanh" in text  # named in a note
    assert "results.params" in text


def test_small_network_has_no_such_note() -> None:
    trees = dg.datasets.load("trees")
    fit = dg.DeepGLM("Volume ~ Girth", trees, hidden=(1,)).fit(seed=0, starts=12, inference=None)
    assert large_layers(fit) == []
    assert "because of their size" not in str(fit.summary())


@pytest.mark.parametrize(
    ("intercepts", "words"),
    [
        (False, "all slopes,"),
        ("hidden", "slopes and hidden intercepts,"),
        (True, "and intercepts,"),
    ],
)
def test_a_ridge_says_what_it_shrinks(intercepts: Any, words: str) -> None:
    trees = dg.datasets.load("trees")
    model = dg.DeepGLM("Volume ~ Girth", trees, hidden=(), penalty=dg.L2(2.0, intercepts))
    text = " ".join(str(model.fit().summary()).split())
    assert words in text and "L2(2)" in text

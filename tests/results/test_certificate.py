"""The certificate that a user holds: names, text and HTML."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.solvers import Status
from tests.results.parity import table
from tests.results.test_summary import Balanced

pytestmark = pytest.mark.filterwarnings(
    "ignore::deepglm.errors.SingleStartWarning", "ignore::deepglm.errors.ConvergenceWarning"
)


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    data = table("gaussian-identity")
    data["y"] = np.tanh(8 * (data.x - 0.5)) + 0.1 * np.random.default_rng(1).normal(size=len(data))
    return data


@pytest.fixture(scope="module")
def network(data: pd.DataFrame) -> Any:
    return dg.DeepGLM("y ~ x", data, hidden=(1,)).fit(seed=0, starts=5)


def test_every_fact_is_a_member_and_stands_in_the_table(network: Any) -> None:
    found = network.certificate
    assert found.certified and found.status is Status.CERTIFIED
    assert found.rank == found.size == 6  # two of the final layer, three of the unit, the scale
    text = str(found)
    assert repr(found) == text
    for label, value in {
        "Decrement": f"{found.decrement:.1e}",
        "Smallest eigenvalue": f"{found.smallest_eigenvalue:.1e}",
        "Condition": f"{found.condition:.1e}",
        "Rank": "6 of 6",
        "Least determined": found.weakest.index[0],
        "Saturated units": "none",
        "Dead units": "none",
        "Duplicate units": "none",
        "Separating direction": "none",
    }.items():
        line = next(line for line in text.splitlines() if line.startswith(label))
        assert value in line
    assert max(map(len, text.splitlines())) <= 78


def test_html_is_balanced_and_escaped(data: pd.DataFrame) -> None:
    X = pd.DataFrame({"a & <b>": data.x, "a & <b>, with noise": data.x + 0.1 * data.z})
    found = dg.DeepGLM.from_arrays(data.y, X, hidden=()).fit().certificate
    parser = Balanced()
    parser.feed(found._repr_html_())
    assert parser.open == []
    assert "a &amp; &lt;b&gt;" in found._repr_html_()


def test_the_weakest_combination_has_the_smallest_curvature(network: Any) -> None:
    found = network.certificate
    assert (found.weakest**2).sum() == pytest.approx(1.0)
    assert found.weakest.abs().is_monotonic_decreasing
    assert found.weakest.iloc[0] > 0
    assert set(found.weakest.index) <= {*network.params.index, "log_scale"}
    assert found.hardly_determined == ()


def test_columns_that_nearly_repeat_each_other_are_named(data: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    data = data.assign(twin=data.x + 3e-6 * rng.standard_normal(len(data)))
    with pytest.warns(dg.errors.CollinearityWarning, match="nearly determined .* 'twin'"):
        result = dg.DeepGLM("y ~ x + z + twin", data, hidden=()).fit()
    found = result.certificate
    assert found.condition > 1e10
    assert set(found.hardly_determined) == {"x", "twin"}
    text = str(result.summary()).replace("\n", " ")
    assert "Hardly determined: " in text and "twin" in text.split("Hardly determined: ")[1]
    plain = dg.DeepGLM("y ~ x + z", data, hidden=()).fit()
    assert "ardly determined" not in str(plain.summary())


def test_what_ends_a_fit_stands_below_the_table_with_its_remedy(data: pd.DataFrame) -> None:
    separated = data.assign(y=(data.x > 0.4).astype(int))
    model = dg.DeepGLM("y ~ x + z", separated, dg.Binomial(), hidden=())
    with pytest.warns(dg.errors.SeparationWarning):
        result = model.fit()
    found = result.certificate
    rule = found.separating
    along = rule["x"] * data.x + rule["Intercept"]
    assert along[data.x > 0.4].min() > -1e-9 and along[data.x <= 0.4].max() < 1e-9
    in_words = f"x - {-rule['Intercept']:.4g} Intercept"
    assert f"Separating direction  {in_words}" in str(found)
    assert found.status.remedy in " ".join(str(found).split())
    assert f"Separating combination of columns: {in_words}" in str(result.summary())


def test_dead_units_are_named_in_the_notes(network: Any, data: pd.DataFrame) -> None:
    def notes(alpha: float) -> str:
        penalty = dg.L2(alpha, "hidden")
        result = dg.DeepGLM("y ~ x", data, hidden=(3,), penalty=penalty).fit(seed=0, starts=4)
        return str(result.summary()).replace("\n", " ")

    assert "Dead units, which do nothing on these data: layer1.unit2, layer1.unit3." in notes(20.0)
    assert "shrunk the hidden layers to nothing" in notes(1e5)
    assert "Dead units" not in notes(1e5)
    assert "Dead units" not in str(network.summary())


def test_aliased_columns_are_set_aside_before_the_rank_is_counted(data: pd.DataFrame) -> None:
    data = data.assign(twice=2 * data.x)
    with pytest.warns(dg.errors.CollinearityWarning):
        found = dg.DeepGLM("y ~ x + twice", data, hidden=()).fit().certificate
    assert found.rank == found.size == 2
    assert found.certified

"""Which coefficients a penalty holds, how strongly, and that its words are checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm import links
from deepglm.errors import SpecificationError
from deepglm.penalties import (
    L2,
    Evidence,
    Grouped,
    Kinds,
    Unpenalised,
    Validation,
    Weak,
    get,
    kinds,
    precisions,
)
from deepglm.predictor import Network, Predictor

TANH = links.get("tanh")


@pytest.fixture
def predictor() -> Predictor:
    """An intercept, a GLM term, two layers of two and one units on three inputs."""
    return Predictor(2, (Network(3, (2, 1), (TANH, TANH)),))


@pytest.fixture
def intercepts(predictor: Predictor) -> np.ndarray:
    mask = predictor.hidden_intercepts.copy()
    mask[0] = True
    return mask


DUMMY = np.array([False, True, False])


def described(predictor: Predictor, intercepts: np.ndarray, scale: float = 1.0) -> Kinds:
    """The second input is a dummy."""
    return kinds(predictor, intercepts, [DUMMY], scale)


def by_name(predictor: Predictor, values: np.ndarray) -> pd.Series:
    names = predictor.names(["Intercept", "t"], [["a", "b", "c"]])
    return pd.Series(values, index=list(names))


@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_weak(predictor: Predictor, intercepts: np.ndarray, scale: float) -> None:
    """N(0, 1) slopes, N(0, 2.5^2) intercepts, N(0, 10 s^2) output weights, nothing on the GLM."""
    held = by_name(predictor, Weak().precision(described(predictor, intercepts, scale)))
    assert held[["Intercept", "t"]].tolist() == [0.0, 0.0]
    slopes = held.filter(regex=r"\[(a|b|c|layer1)")
    assert len(slopes) == 8 and (slopes == 1.0).all()
    assert held.filter(like="[Intercept]").tolist() == pytest.approx([0.16] * 3)
    assert held["layer2.unit1"] == pytest.approx(0.1 / scale**2)
    deviations = 1.0 / np.sqrt(held[held > 0])
    assert set(deviations.round(9)) == {1.0, 2.5, round(np.sqrt(10.0) * scale, 9)}


@pytest.mark.parametrize(
    ("which", "held"),
    [(False, []), ("hidden", ["hidden"]), (True, ["hidden", "final"])],
)
def test_ridge(predictor: Predictor, intercepts: np.ndarray, which: Any, held: list[str]) -> None:
    found = by_name(predictor, L2(3.0, which).precision(described(predictor, intercepts, 9.0)))
    hidden = found.filter(like="[Intercept]")
    assert (hidden == (3.0 if "hidden" in held else 0.0)).all()
    assert found["Intercept"] == (3.0 if "final" in held else 0.0)
    assert (found.drop(["Intercept", *hidden.index]) == 3.0).all()


def test_precisions_by_kind_of_column(predictor: Predictor, intercepts: np.ndarray) -> None:
    """Dummy slopes apart, all the rest of the network tied; none looser than the weak prior."""
    found = by_name(predictor, Grouped(2.0, 50.0).precision(described(predictor, intercepts, 4.0)))
    assert found[["Intercept", "t"]].tolist() == [0.0, 0.0]
    assert (found.filter(regex=r"layer1.*\[b\]") == 50.0).all()
    assert (found.filter(regex=r"\[(a|c|Intercept|layer1.*)\]") == 2.0).all()
    assert found["layer2.unit1"] == pytest.approx(2.0 / 16)
    loose = by_name(predictor, Grouped(0.01, 0.01).precision(described(predictor, intercepts)))
    weak = by_name(predictor, Weak().precision(described(predictor, intercepts)))
    pd.testing.assert_series_equal(loose, weak)


def test_rules_begin_somewhere(predictor: Predictor, intercepts: np.ndarray) -> None:
    here = described(predictor, intercepts)
    rule = Validation(grid=(3.0, 30.0))
    assert (Evidence(7.0).precision(here) == Grouped(7.0, 7.0).precision(here)).all()
    assert (rule.precision(here) == Grouped(3.0, 2.25).precision(here)).all()
    assert (get("evidence"), get("validation")) == (Evidence(), Validation())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Evidence(0.0), "start=0.0"),
        (lambda: Grouped(1.0, -2.0), "dummies=-2.0"),
        (lambda: Validation(grid=()), "increasing"),
        (lambda: Validation(grid=(3.0, 1.0)), "increasing"),
        (lambda: Validation(share=1.0), "between 0 and 1"),
    ],
)
def test_rules_that_are_none(make: Any, words: str) -> None:
    with pytest.raises(SpecificationError, match=words):
        make()


def test_none(predictor: Predictor, intercepts: np.ndarray) -> None:
    assert not Unpenalised().precision(described(predictor, intercepts)).any()


def test_several_predictors() -> None:
    """Every final layer has the same precisions."""
    p = Predictor(1, (Network(1, (2,), (TANH,)),), k_eta=3)
    held = Weak().precision(kinds(p, p.hidden_intercepts, [np.array([False])], 2.0))
    assert held[p.output_weights].tolist() == pytest.approx([0.025] * 6)
    assert held[:3].tolist() == [0.0] * 3


def test_words() -> None:
    assert (str(get("weak")), str(get(None))) == ("weak", "none")
    assert get(L2(2.0)) == L2(2.0)
    assert str(L2(2.0)) == "L2(2)"
    assert str(L2(2.0, intercepts=True)) == "L2(alpha=2.0, intercepts=True)"


@pytest.mark.parametrize("penalty", ["strong", 3.0, L2, {"final": L2(1.0)}])
def test_unknown_penalties(penalty: Any) -> None:
    with pytest.raises(SpecificationError, match=r"'weak'"):
        get(penalty)


@pytest.mark.parametrize("alpha", [-1.0, np.nan, np.inf, "1", None, True])
def test_strengths_that_are_none(alpha: Any) -> None:
    with pytest.raises(SpecificationError, match=r"finite number.*penalty=None"):
        L2(alpha)


@pytest.mark.parametrize("which", ["final", None, 1, 0, "Hidden"])
def test_intercepts_that_are_none(which: Any) -> None:
    with pytest.raises(SpecificationError, match=r"False, 'hidden' and True"):
        L2(1.0, which)


@pytest.mark.parametrize("values", [np.ones(3), -1.0, np.nan])
def test_a_users_own_penalty_is_checked(
    predictor: Predictor, intercepts: np.ndarray, values: Any
) -> None:
    class Mine:
        def precision(self, kinds: Kinds) -> np.ndarray:
            return values if np.ndim(values) else np.full(kinds.predictor.size, values)

    with pytest.raises(SpecificationError, match=r"one per coefficient"):
        precisions(Mine(), described(predictor, intercepts))


@pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")
def test_what_is_maximised() -> None:
    """penalized_llf is the log-likelihood less half the weighted sum of squares."""
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": rng.normal(2.0, 3.0, 80)})
    data["y"] = rng.poisson(np.exp(np.tanh(data.x)))
    model = dg.DeepGLM("y ~ x", data, family=dg.Poisson(), hidden=(1,), penalty=L2(2.0, True))
    fit = model.fit(inference=None, starts=2)
    sd, mean = data.x.std(ddof=0), data.x.mean()
    b0, b1, h0, h1, v = fit.params
    theta = np.array([b0 + b1 * mean, b1 * sd, h0 + h1 * mean, h1 * sd, v])
    expected = fit.llf - theta @ theta  # alpha / 2 is one
    assert fit.penalized_llf == pytest.approx(expected, rel=1e-10)
    assert model.penalized_loglike(fit.params) == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(model.penalized_score(fit.params), 0.0, atol=1e-3)


@pytest.mark.parametrize("penalty", ["weak", None])
def test_a_named_penalty_leaves_the_glm_alone(penalty: Any) -> None:
    trees = dg.datasets.load("trees")
    options: dict[str, Any] = {"family": dg.Gamma(), "hidden": ()}
    a = dg.DeepGLM("Volume ~ Girth + Height", trees, penalty=penalty, **options).fit(inference=None)
    b = dg.DeepGLM("Volume ~ Girth + Height", trees, penalty=L2(0.0), **options).fit(inference=None)
    np.testing.assert_allclose(a.params, b.params, rtol=1e-10)
    assert a.edf == pytest.approx(3.0)

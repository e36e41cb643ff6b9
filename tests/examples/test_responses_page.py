"""The page of responses and activations: nothing is missing, and what it says is so."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import deepglm as dg
from deepglm import families, links

PATH = Path(__file__).parents[2] / "docs" / "responses_table.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("responses_table", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["responses_table"] = module
    spec.loader.exec_module(module)
    return module


table = _load()
each_row = pytest.mark.parametrize("row", table.ROWS, ids=lambda row: row.model)
ETA = np.linspace(-3.0, 3.0, 12)
WORDS = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "arctan": np.arctan,
    "pi": np.pi,
    "max": np.maximum,
    "min": np.minimum,
    "Phi": special.ndtr,
    "phi": stats.norm.pdf,
    "eta": ETA,
}


def response(row: Any) -> families.Family:
    """The family of a row, of a response of three classes or of a value and two limits."""
    family = eval(row.family, {"dg": dg})
    return families.of_response(family, ("a", "b", "c"), np.zeros((3, 1)))


def test_every_family_is_on_the_page() -> None:
    known = {
        name
        for name in dg.__all__
        if inspect.isclass(getattr(dg, name)) and getattr(families, name, None) is getattr(dg, name)
    }
    assert {"Binomial", "Ordinal", "Quasi", "Tobit"} <= known
    assert set(table.FAMILIES) == set(table.response_families()) == known
    text = table.family_table()
    assert all(f"``dg.{name}``" in text for name in known)


def test_every_inverse_link_is_on_the_page() -> None:
    assert set(table.FORMULAS) == set(table.SENTENCES) == set(links.names())
    text = table.link_table()
    assert all(f"``{name}``" in text for name in links.names())


def test_a_new_family_or_link_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "names", lambda: ("identity", "bent"))
    with pytest.raises(KeyError, match="bent"):
        table.link_table()
    monkeypatch.setattr(families, "Weibull", families.Gamma, raising=False)
    monkeypatch.setattr(families, "__all__", [*families.__all__, "Weibull"])
    with pytest.raises(KeyError, match="Weibull"):
        table.family_table()


@pytest.mark.parametrize("name", [name for name in links.names() if not links.get(name).across])
def test_formulas_are_those_of_the_functions(name: str) -> None:
    found = links.get(name).inverse(ETA)
    np.testing.assert_allclose(eval(table.FORMULAS[name], dict(WORDS)), found, rtol=1e-12)


def test_softmax_is_what_its_formula_says() -> None:
    scores = np.stack([ETA, ETA[::-1], 0.0 * ETA])
    found = links.get("softmax").evaluate(scores, 0)[0]
    for eta, row in zip(scores.T, found.T, strict=True):
        words = {"exp": np.exp, "sum": np.sum, "eta": eta, "eta_k": eta}
        np.testing.assert_allclose(row, eval(table.FORMULAS["softmax"], words), rtol=1e-13)


def test_words_for_links_are_true() -> None:
    for name in links.names():
        words = table.words_for_link(name)
        if words.startswith("``links."):
            kind = getattr(families.links, words[8:-4])
            assert links.get(kind()) == links.get(name)
        if words.startswith("``dg.Quasi"):
            assert families.adapt(dg.Quasi(name, "constant")).link == links.get(name)


@each_row
def test_means_are_those_of_the_family(row: Any) -> None:
    """A row's formula, evaluated, is what its family predicts."""
    family, eta = response(row), ETA.copy()
    if links.get(row.activation).domain[0] == 0.0:
        eta = np.abs(eta)
    words = {**WORDS, "eta": eta}
    left, _, right = row.mean.partition(" = ")
    if left == "mu":
        value, *where = right.split(", ")
        words["sigma"] = 0.7
        for part in where:
            exec(part, words)
        aux = np.log([0.7])
        found = families.with_limits(family, 0.0, np.inf).statistic("mean", eta[None], aux)
        np.testing.assert_allclose(found, eval(value, words), rtol=1e-12)
    elif left == "mu_k":
        scores = np.stack([0.0 * ETA, ETA, 0.3 - ETA])
        inside = np.linalg.solve(family.to_reported, scores[1:])
        found = family.statistic("prob", inside, np.empty(0))
        np.testing.assert_allclose(found, special.softmax(scores, axis=0), rtol=1e-12)
    else:
        assert left == "P(Y > c)"
        below = family.statistic("cumprob", ETA[None], np.log([0.8]))
        for tau, row_ in zip((0.0, 0.8), below, strict=True):
            words["tau_c"] = tau
            np.testing.assert_allclose(1.0 - row_, eval(right, words), rtol=1e-9)


@each_row
def test_the_activation_belongs_to_the_response(row: Any) -> None:
    """It is the inverse link itself, but for the rows that say what else it is."""
    family, unit = response(row), links.get(row.activation)
    if row.activation == "tanh":
        np.testing.assert_allclose(2.0 * family.link.inverse(ETA) - 1.0, unit.inverse(ETA))
    elif row.activation == "softmax":
        assert isinstance(family, families.multinomial.MultinomialFamily)
    elif row.activation == "relu":
        family = families.with_limits(family, 0.0, np.inf)
        hard = family.statistic("mean", ETA[None], np.array([-40.0]))
        np.testing.assert_allclose(hard, unit.inverse(ETA), atol=1e-15)
        soft = family.statistic("mean", ETA[None], np.zeros(1))
        np.testing.assert_allclose(soft, links.get("smooth_tobit").inverse(ETA), rtol=1e-12)
    else:
        assert family.link == unit


def test_the_pairs_that_the_package_is_about_have_a_row() -> None:
    pairs = {(type(eval(row.family, {"dg": dg})).__name__, row.activation) for row in table.ROWS}
    assert pairs == {
        ("Gaussian", "identity"),
        ("Binomial", "logistic"),
        ("Binomial", "tanh"),
        ("Binomial", "probit"),
        ("Binomial", "cloglog"),
        ("Multinomial", "softmax"),
        ("Poisson", "exp"),
        ("Poisson", "square"),
        ("Gamma", "reciprocal"),
        ("Tobit", "relu"),
        ("Ordinal", "logistic"),
    }


@each_row
def test_examples_run_and_are_of_their_row(row: Any) -> None:
    scope: dict[str, Any] = {}
    exec(table.example(row).rsplit("\nprint", 3)[0], scope)
    glm, deep = scope["glm"], scope["deep"]
    assert glm.converged and deep.converged
    assert type(glm.model.family) is type(eval(row.family, {"dg": dg}))
    assert glm.model._adapted.link == response(row).link
    assert [link.name for net in deep.model.predictor.networks for link in net.links] == [
        row.activation
    ]
    gain = deep.llf - glm.llf
    if "log-likelihoods are the same" in row.note or "log-likelihoods show" in row.note:
        assert gain == pytest.approx(0.0, abs=0.005)
    if "mends it" in row.note:
        assert gain > 40.0


def test_a_section_shows_what_its_example_prints() -> None:
    text = table.section(table.ROWS[0])
    assert (
        ".. code-block:: text\n\n                 coef  std err\n   Intercept -57.9877   8.6382"
        in text
    )


def test_the_page_is_built_and_found() -> None:
    docs = PATH.parent
    assert "\n   responses\n" in (docs / "index.rst").read_text(encoding="utf-8")
    assert ".. include:: _build/responses.txt" in (docs / "responses.rst").read_text("utf-8")
    assert "responses_table.write" in (docs / "conf.py").read_text(encoding="utf-8")

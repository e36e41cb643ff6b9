"""A user's own family, activation, penalty or solver that is wrong: found, and shown where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

import deepglm as dg
from deepglm.errors import DataError, NotAvailableError, SpecificationError
from deepglm.families import Family, Level, MeanFamily, RowTerms, adapt
from deepglm.families.kernels import UnitTerms
from deepglm.links import Link, get
from tests.bad_input.refusal import refused

quiet = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")
Array = np.ndarray


@pytest.fixture
def counts(data: pd.DataFrame) -> pd.DataFrame:
    """Counts above zero."""
    return data.assign(y=np.maximum(data.y, 1.0))


# -- families -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Truncated(MeanFamily):
    """Poisson counts of which zeros were not recorded."""

    name: str = "Truncated"
    link: Link = get("exp")

    def rows(
        self,
        y: Array,
        eta: Array,
        aux: Array,
        weight: Array,
        level: Level,
        constant: Array | None = None,
    ) -> RowTerms:
        with np.errstate(all="ignore"):
            rate, mean = np.exp(eta[0]), self.mean(eta)
            value = weight * (y * eta[0] - np.log(np.expm1(rate))) + self.constant(y, weight)
            score = (weight * (y - mean))[None]
            return RowTerms(value, score, (weight * mean * (1.0 + rate - mean))[None, None])

    def constant(self, y: Array, weight: Array) -> Array:
        return -weight * special.gammaln(y + 1.0)

    @property
    def mean_range(self) -> tuple[float, float]:
        return (1.0, np.inf)

    def start_eta(self, y: Array, weight: Array, level: Array | None = None) -> Array:
        return np.log(np.maximum(y, 1.0))[None]

    def start_aux(self, y: Array, weight: Array) -> Array:
        return np.empty(0)

    def check_response(self, y: Array, name: str, labels: Any = None) -> None:
        if (y < 1).any():
            raise DataError("the Truncated family needs counts of one or more.")

    def mean(self, eta: Array) -> Array:
        rate = np.exp(eta if eta.ndim == 1 else eta[0])
        return np.asarray(-rate / np.expm1(-rate))

    def variance(self, mu: Array) -> Array:
        return mu

    def unit_deviance(self, y: Array, mu: Array, weight: Array) -> Array:
        return weight * (y - mu) ** 2 / mu

    def loglike_rows(self, y: Array, eta: Array, scale: float, weight: Array) -> Array:
        return self.rows(y, np.atleast_2d(eta), np.empty(0), weight, Level.VALUE).value


@quiet
@pytest.mark.parametrize("hidden", [(), (1,)])
def test_a_family_of_the_users_own(counts: pd.DataFrame, hidden: tuple[int, ...]) -> None:
    from scipy.optimize import minimize

    model = dg.DeepGLM("y ~ x", counts, Truncated(), hidden=hidden)
    results = model.fit(inference=None, starts=3) if hidden else model.fit(inference=None)
    assert results.converged
    assert "Truncated" in str(results.summary())
    if not hidden:

        def objective(b: Array) -> float:
            rate = np.exp(b[0] + b[1] * counts.x)
            return float(-(counts.y * np.log(rate) - np.log(np.expm1(rate))).sum())

        other = minimize(objective, np.ones(2) / 2, method="Nelder-Mead", tol=1e-9)
        np.testing.assert_allclose(results.params, other.x, atol=1e-5)
    assert dg.DeepGLM("y ~ x", counts, Truncated, hidden=()).fit().converged  # the class itself


Spoil = Callable[[Array, Array], Array]


def spoiled(part: str, value: float, where: Spoil) -> Family:
    """The family with one part spoiled in some rows."""

    @dataclass(frozen=True, kw_only=True)
    class Spoiled(Truncated):
        def rows(
            self,
            y: Array,
            eta: Array,
            aux: Array,
            weight: Array,
            level: Level,
            constant: Array | None = None,
        ) -> RowTerms:
            terms = super().rows(y, eta, aux, weight, level, constant)
            np.asarray(getattr(terms, part))[..., where(y, eta[0])] = value
            return terms

    return Spoiled()


@pytest.mark.parametrize("part", ["value", "score", "information"])
@pytest.mark.parametrize("hidden", [(), (1,)])
def test_a_family_that_gives_nan(counts: pd.DataFrame, part: str, hidden: tuple[int, ...]) -> None:
    six = counts.index[counts.y == 6][0]
    family = spoiled(part, np.nan, lambda y, eta: y == 6)
    parts = (f"nan as {part} of row {six!r}", "response 6", "at eta = ", "-inf")
    with refused(SpecificationError, ValueError, "'Truncated'", *parts):
        dg.DeepGLM("y ~ x", counts, family, hidden=hidden)


@pytest.mark.parametrize("part", ["value", "score", "information"])
@pytest.mark.parametrize("hidden", [(), (1,)])
def test_a_family_that_gives_nan_on_the_way(
    counts: pd.DataFrame, part: str, hidden: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At linear predictors that the first check does not try."""
    monkeypatch.setattr("deepglm.families.own._AWAY", np.array([0.013]))
    family = spoiled(part, np.nan, lambda y, eta: (y == 3) & (eta != np.log(3) + 0.013 * 0.5))
    tried = replace(family)
    monkeypatch.setattr("deepglm.model.arguments.families.is_own", lambda family: False)
    three = counts.index[counts.y == 3][0]
    model = dg.DeepGLM("y ~ x", counts, tried, hidden=hidden)
    parts = (f"nan as {part} of row {three!r}", "response 3", "weight 1", "at eta = ")
    with refused(SpecificationError, ValueError, *parts):
        model.fit(inference=None)
    params = np.zeros(len(model.exog_names))
    with refused(SpecificationError, ValueError, *parts):
        model.hessian(params)


def test_a_family_whose_derivatives_are_wrong(counts: pd.DataFrame) -> None:
    for part, words in (("score", "its value"), ("information", "its score")):
        name = {"information": "observed information"}.get(part, part)
        parts = (f"its {name} is given as 7", f"differences of {words}", "in row 'r", "at eta = ")
        with refused(SpecificationError, ValueError, *parts):
            dg.DeepGLM("y ~ x", counts, spoiled(part, 7.0, lambda y, eta: y == 2), hidden=())


def test_a_family_whose_arrays_are_wrong(counts: pd.DataFrame) -> None:
    class Flat(Truncated):
        def rows(self, *given: Any) -> RowTerms:
            terms = super().rows(*given)
            return RowTerms(terms.value, np.asarray(terms.score)[0], terms.information)

    class Tuple(Truncated):
        def rows(self, *given: Any) -> Any:
            return (given[0],)

    class Start(Truncated):
        def start_eta(self, y: Array, weight: Array, level: Array | None = None) -> Array:
            return np.log(y - 1.0)[None]

    for family, parts in (
        (Flat(), ("shape", "needed are")),
        (Tuple(), ("AttributeError", "RowTerms(value, score, information)")),
        (Start(), ("start_eta", "finite")),
    ):
        with refused(SpecificationError, ValueError, "'Truncated'", *parts):
            dg.DeepGLM("y ~ x", counts, family, hidden=())


@pytest.mark.parametrize("more", [{"k_eta": 2}, {"aux_names": ("log_alpha",), "scale": None}])
def test_what_a_family_of_the_users_own_cannot_have_yet(
    counts: pd.DataFrame, more: dict[str, Any]
) -> None:
    parts = ("'Truncated'", "linear predictors", "auxiliary", "as fields of the object")
    with refused(NotAvailableError, NotImplementedError, *parts):
        dg.DeepGLM("y ~ x", counts, replace(Truncated(), **more), hidden=())


def test_a_kernel_of_the_users_own(counts: pd.DataFrame) -> None:
    def kernel(y: Array, eta: Array, level: Level) -> UnitTerms:
        mean = np.exp(eta)
        return UnitTerms(y * eta - mean, y - 2.0 * mean, mean)

    family = replace(adapt(dg.Poisson()), name="Mine", kernel=kernel)
    with refused(SpecificationError, ValueError, "'Mine'", "its score", "in row 'r"):
        dg.DeepGLM("y ~ x", counts, family, hidden=())


class Doubling:
    """A variance function, right or wrong."""

    def __init__(self, slope: float = 1.0, sign: float = 1.0, missing: float = np.inf) -> None:
        self.slope, self.sign, self.missing = slope, sign, missing

    def __call__(self, mu: Array) -> Array:
        return np.where(mu > self.missing, np.nan, self.sign * (mu + mu**2))

    def deriv(self, mu: Array) -> Array:
        return self.sign * (self.slope + 2.0 * mu)


def test_a_variance_function_that_is_wrong(counts: pd.DataFrame) -> None:
    def model(variance: Any) -> dg.DeepGLM:
        return dg.DeepGLM("y ~ x", counts, dg.Quasi("log", variance), hidden=())

    assert model(Doubling()).fit(inference=None).converged
    with refused(SpecificationError, ValueError, "'Quasi'", "observed information", "in row 'r"):
        model(Doubling(slope=3.0))
    with refused(SpecificationError, ValueError, "-inf", "every response", "its variance"):
        model(Doubling(sign=-1.0))
    with refused(SpecificationError, ValueError, "'Quasi' gives nan as value of row 'r"):
        model(Doubling(missing=4.0))


def test_no_likelihood_anywhere(counts: pd.DataFrame) -> None:
    """A line, or one unit, through zero gives means of both signs."""
    identity = dg.Poisson(dg.families.links.Identity(), check_link=False)
    for family, hidden in ((identity, ()), (dg.Gamma(), ()), (dg.Gamma(), (1,))):
        model = dg.DeepGLM("y ~ 0 + x", counts, family, hidden=hidden, skip=False)
        with refused(DataError, ValueError, "no start has a finite likelihood", "another link"):
            model.fit(inference=None)


def test_derivatives_where_there_is_no_likelihood(counts: pd.DataFrame) -> None:
    model = dg.DeepGLM("y ~ x", counts, dg.Gamma(), hidden=())
    assert model.loglike([-1.0, 0.0]) == -np.inf
    for call in (model.score, model.hessian, model.information, model.penalized_score):
        with refused(DataError, ValueError, "not finite at these parameters", "no derivative"):
            call([-1.0, 0.0])


# -- activations ----------------------------------------------------------------------------------


def sine(eta: Array, order: int) -> tuple[Array, ...]:
    return (np.sin(eta), np.cos(eta), -np.sin(eta))[: order + 1]


@quiet
def test_an_activation_of_the_users_own(data: pd.DataFrame) -> None:
    """Ten lines, given by themselves."""
    wave = Link("sine", sine, parity="odd")
    results = dg.DeepGLM("y ~ x", data, dg.Poisson(), hidden=(1,), activation=wave).fit(
        inference=None, starts=3
    )
    assert results.converged
    inside = dg.DeepGLM("y ~ x + deep(z, units=(1,), activation=wave)", data, dg.Poisson())
    assert inside.fit(inference=None, starts=3).converged


WRONG: dict[str, tuple[Callable[[Array, int], Any], dict[str, Any], tuple[str, ...]]] = {
    "slope": (
        lambda eta, order: (np.sin(eta), -np.cos(eta), -np.sin(eta))[: order + 1],
        {},
        ("at eta = -0.0197728", "first derivative is given as -0.9998", "make it 0.9998", "239"),
    ),
    "a little": (
        lambda eta, order: (np.sin(eta), 1.01 * np.cos(eta), -1.01 * np.sin(eta))[: order + 1],
        {},
        ("first derivative is given as 1.0098",),
    ),
    "curvature": (
        lambda eta, order: (np.sin(eta), np.cos(eta), np.sin(eta))[: order + 1],
        {},
        ("second derivative is given as", "differences of its first derivative"),
    ),
    "on one side": (
        lambda eta, order: (np.abs(eta), np.ones_like(eta), np.zeros_like(eta))[: order + 1],
        {"kinked": True},
        ("at eta = -0.0197728", "given as 1, and differences of its value make it -1"),
    ),
    "parity": (sine, {"parity": "even"}, ("parity='even'", "h(-a) = h(a)", "at a = 0.1137")),
    "no parity": (sine, {"parity": "Odd"}, ("parity='Odd'", "odd, even, reflection")),
    "odd part": (sine, {"odd_part": 1.0}, ("h(a) - h(-a) = 1.0 a", "not true")),
    "scale": (sine, {"group": "scale"}, ("group='scale'", "h(2 a) = 2**degree h(a)")),
    "shift": (sine, {"group": "shift"}, ("h(a + 1) = e h(a)",)),
    "linear": (sine, {"group": "linear"}, ("h(a) = a",)),
    "no group": (sine, {"group": "rotation"}, ("scale, shift and linear",)),
    "kinked": (sine, {"kinked": True}, ("second derivative is not zero", "kinked=False")),
    "not kinked": (
        lambda eta, order: (np.abs(eta), np.sign(eta), np.zeros_like(eta))[: order + 1],
        {},
        ("piecewise linear", "kinked=True"),
    ),
    "domain": (sine, {"domain": (1.0, 0.0)}, ("domain=(1.0, 0.0)", "(lower, upper)")),
    "nan": (
        lambda eta, order: (np.sqrt(eta), 0.5 / np.sqrt(eta), -0.25 * eta**-1.5)[: order + 1],
        {},
        ("value at eta = -", "is nan", "domain="),
    ),
    "infinite": (
        lambda eta, order: tuple(np.full(eta.shape, np.inf) for _ in range(order + 1)),
        {},
        ("no value is finite between -7.9863 and 8.0137", "domain="),
    ),
    "too many": (lambda eta, order: sine(eta, 2), {}, ("gives 3 parts", "order + 1 new arrays")),
    "one order": (np.sin, {}, ("failed with TypeError", "order + 1 new arrays")),
    "numbers": (
        lambda eta, order: (eta.copy(), 1.0, 0.0)[: order + 1],
        {},
        ("gives 2 parts, of shape (240,), ()", "of the shape of eta"),
    ),
    "itself": (
        lambda eta, order: (eta, np.ones_like(eta), np.zeros_like(eta))[: order + 1],
        {},
        ("writes into eta or returns it", "eta.copy()"),
    ),
    "in place": (
        lambda eta, order: tuple(np.exp(eta, out=eta) for _ in range(order + 1)),
        {},
        ("writes into eta",),
    ),
    "orders": (
        lambda eta, order: tuple(part + order for part in sine(eta, order)),
        {},
        ("depends on the order",),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_activation_that_is_wrong(name: str) -> None:
    function, declared, parts = WRONG[name]
    with refused(SpecificationError, ValueError, "the inverse link 'mine'", *parts):
        Link("mine", function, **declared)


@pytest.mark.parametrize(
    "function",
    [
        lambda a, k: (np.tanh(50 * a), 50 / np.cosh(50 * a) ** 2, _steep(a))[: k + 1],
        lambda a, k: (np.clip(a, -1, 1), (np.abs(a) < 1) * 1.0, np.zeros_like(a))[: k + 1],
        lambda a, k: (np.exp(-a * a), -2 * a * np.exp(-a * a), _bell(a))[: k + 1],
    ],
    ids=["steep", "with kinks", "bell"],
)
def test_an_activation_that_is_right(function: Any) -> None:
    kinked = not function(np.array([0.3]), 2)[2].any()
    assert Link("mine", function, kinked=kinked).inverse(0.0) in (0.0, 1.0)


def _steep(a: Array) -> Array:
    return np.asarray(-5000 * np.tanh(50 * a) / np.cosh(50 * a) ** 2)


def _bell(a: Array) -> Array:
    return np.asarray((4 * a * a - 2) * np.exp(-a * a))


def test_a_foreign_link_that_is_wrong(data: pd.DataFrame) -> None:
    class Wave:
        def inverse(self, eta: Array) -> Array:
            return np.sin(eta)

        def inverse_deriv(self, eta: Array) -> Array:
            return np.sin(eta)

        inverse_deriv2 = inverse

    with refused(SpecificationError, ValueError, "'Wave'", "first derivative is given as"):
        dg.DeepGLM("y ~ x", data, dg.Poisson(), hidden=(1,), activation=Wave())


# -- solvers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [(), (1,)])
@pytest.mark.parametrize("method", [3, None, ["scoring"], dg.L2(1.0)])
def test_what_is_no_solver(data: pd.DataFrame, hidden: tuple[int, ...], method: Any) -> None:
    model = dg.DeepGLM("y ~ x", data, dg.Poisson(), hidden=hidden)
    with refused(SpecificationError, ValueError, "no minimise(", "'whitened'", "Scoring()"):
        model.fit(inference=None, method=method)


@pytest.mark.parametrize("hidden", [(), (1,)])
def test_a_class_is_no_solver(data: pd.DataFrame, hidden: tuple[int, ...]) -> None:
    from deepglm.solvers import Whitened

    model = dg.DeepGLM("y ~ x", data, dg.Poisson(), hidden=hidden)
    with refused(SpecificationError, ValueError, "no minimise(", "Scoring()"):
        model.fit(inference=None, method=Whitened)
    with refused(SpecificationError, ValueError, "write method=Whitened(maxiter=3)"):
        model.fit(inference=None, method=Whitened(), maxiter=3)


@pytest.mark.parametrize(
    ("name", "options", "parts"),
    [
        ("Whitened", {"pairs": 0}, ("Whitened.pairs=0", "1 or more")),
        ("Whitened", {"tol": -1.0}, ("Whitened.tol=-1.0", "above zero")),
        ("Whitened", {"maxiter": 0}, ("Whitened.maxiter=0", "1 or more")),
        ("Whitened", {"staged": "no"}, ("Whitened.staged='no'", "True and False")),
        ("Scoring", {"curvature": "newton"}, ("Scoring.curvature='newton'", "Curvature.NEWTON")),
        ("Scoring", {"tol": "tight"}, ("Scoring.tol='tight'", "above zero")),
        ("Scoring", {"maxiter": 2.5}, ("Scoring.maxiter=2.5", "whole number")),
        ("Scoring", {"damping": 0.0}, ("Scoring.damping=0.0", "above zero")),
        ("GradientDescent", {"step": np.nan}, ("GradientDescent.step=nan", "finite")),
        ("GradientDescent", {"maxiter": 0}, ("GradientDescent.maxiter=0", "1 or more")),
    ],
)
def test_options_of_solvers(name: str, options: dict[str, Any], parts: tuple[str, ...]) -> None:
    from deepglm import solvers

    with refused(SpecificationError, ValueError, *parts):
        getattr(solvers, name)(**options)


def test_starting_values_for_a_solver(data: pd.DataFrame) -> None:
    from deepglm.solvers import GradientDescent, Scoring, Whitened

    model = dg.DeepGLM("y ~ x", data, dg.Poisson(), hidden=(1,))
    for solver in (Scoring(), Whitened(), GradientDescent()):
        with refused(DataError, ValueError, "shape (3,)", "5 parameters"):
            model.fit(inference=None, method=solver, start_params=np.zeros(3))
        with refused(DataError, ValueError, "nan for 'Intercept'", "finite"):
            model.fit(inference=None, method=solver, start_params=np.full(5, np.nan))

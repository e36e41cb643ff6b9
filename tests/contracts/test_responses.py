"""What every response promises, whatever its number of linear predictors and other parameters.

A family enters by being added to ``OWN``. Its score and information are held against differences
in every channel, its log-likelihood against scipy's distributions, and what it expects against
sums over all responses that it may have. Families of one mean and one scale, which have tests of
their own beside this file, are here with what those do not cover.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import special, stats
from statsmodels.genmod.families import Family as StatsmodelsFamily

import deepglm.families as f
from deepglm.errors import NotAvailableError
from deepglm.families import Family, Level, MeanFamily, adapt
from deepglm.families.tobit import IntervalFamily, TobitFamily
from deepglm.families.tweedie import TweedieFamily
from deepglm.families.variance import WedderburnVariance
from deepglm.links import Tanh, get, names
from tests.contracts.test_families import CASES as GLM_CASES
from tests.contracts.test_families import POSITIVE_LINKS
from tests.contracts.test_links import StudentLink

Array = npt.NDArray[np.float64]
INF = np.inf
NO_AUX = np.empty(0)


@dataclass(frozen=True)
class Case:
    """A family, some rows of it, and what else is known of its distribution.

    ``log_law(case)`` is scipy's log-likelihood of the rows at weight one. ``outcomes(case, row)``
    gives all responses of a row, one after the other, and the logarithms of their measures: zero
    for a response that has a probability, the log of the step for one of a grid.
    """

    family: Family
    y: Array
    eta: Array
    aux: Array = field(default_factory=lambda: NO_AUX)
    log_law: Callable[[Case], Array] | None = None
    outcomes: Callable[[Case, int], tuple[Array, Array]] | None = None

    @property
    def m(self) -> int:
        return self.eta.shape[1]

    @property
    def weight(self) -> Array:
        return np.linspace(0.6, 2.9, self.m)

    def rows(self, level: Level, **changed: Array) -> Any:
        """Terms of the rows; anything may be changed by name."""
        given = {"y": self.y, "eta": self.eta, "aux": self.aux, "weight": self.weight, **changed}
        return self.family.rows(level=level, **given)

    def along(self, function: Callable[[Array, Array], Array], step: float = 1e-3) -> Array:
        """Differences of the sixth order of ``function(eta, aux)`` in every channel."""
        result = []
        for channel in range(len(self.eta) + len(self.aux)):
            size: Any = step
            if channel < len(self.eta):
                size = step * np.maximum(0.05, np.abs(self.eta[channel]))
            total: Any = 0.0
            for k, factor in ((1, 45.0), (2, -9.0), (3, 1.0)):
                for sign in (1.0, -1.0):
                    eta, aux = self.eta.copy(), self.aux.copy()
                    if channel < len(eta):
                        eta[channel] += sign * k * size
                    else:
                        aux[channel - len(eta)] += sign * k * size
                    total = total + sign * factor * function(eta, aux)
            result.append(total / (60.0 * size))
        return np.array(result)


# ---------------------------------------------------------------------------------------------
# All responses of a row, and scipy's laws.


def counts(case: Case, row: int) -> tuple[Array, Array]:
    return np.arange(3000.0), np.zeros(3000)


def not_negative(case: Case, row: int) -> tuple[Array, Array]:
    """Zero, and a grid in the logarithm of positive responses."""
    z, step = np.linspace(-50.0, 8.0, 20001, retstep=True)
    return np.append(np.exp(z), 0.0), np.append(z + np.log(step), 0.0)


def classes(case: Case, row: int) -> tuple[Array, Array]:
    size = case.family.k_eta + 1
    return np.eye(size), np.zeros(size)


def codes(case: Case, row: int) -> tuple[Array, Array]:
    size = len(case.aux) + 2
    return np.arange(float(size)), np.zeros(size)


def _nodes(case: Case, row: int, low: float, high: float) -> tuple[Array, Array]:
    """Gauss's nodes between two ends, as far as there is any probability, and log weights."""
    reach = 45.0 * np.exp(case.aux[0])
    low, high = max(low, case.eta[0, row] - reach), min(high, case.eta[0, row] + reach)
    nodes, weights = special.roots_sh_legendre(40)
    edges, width = np.linspace(low, high, 101, retstep=True)
    return (edges[:-1, None] + width * nodes).ravel(), np.tile(np.log(width * weights), 100)


def recorded(case: Case, row: int) -> tuple[Array, Array]:
    """Values between the limits of a row, and the limits themselves."""
    lower, upper = case.y[1:, row]
    y, measure = _nodes(case, row, lower, upper)
    ends = [limit for limit in (lower, upper) if np.isfinite(limit)]
    y, measure = np.append(y, ends), np.append(measure, np.zeros(len(ends)))
    return np.stack([y, np.full(y.size, lower), np.full(y.size, upper)]), measure


def parts_of_a_line(case: Case, row: int) -> tuple[Array, Array]:
    """Below, in or above the interval of a row; any number, where it was seen."""
    low, high = case.y[:, row]
    if low == high:
        y, measure = _nodes(case, row, -INF, INF)
        return np.stack([y, y]), measure
    edges = np.unique([-INF, low, high, INF])
    return np.stack([edges[:-1], edges[1:]]), np.zeros(len(edges) - 1)


ORDERED_LAWS = {
    "logistic": stats.logistic,
    "probit": stats.norm,
    "cloglog": stats.gumbel_l,
    "loglog": stats.gumbel_r,
    "cauchit": stats.cauchy,
    "rescaled_tanh": stats.logistic(scale=0.5),
}
LATENT_LAWS = {"normal": stats.norm, "logistic": stats.logistic}


def multinomial_law(case: Case) -> Array:
    odds = case.family.to_reported @ case.eta
    p = special.softmax(np.insert(odds, case.family.reference, 0.0, axis=0), axis=0)
    return np.array([stats.multinomial.logpmf(case.y[:, i], 1, p[:, i]) for i in range(case.m)])


def ordinal_law(case: Case) -> Array:
    law = ORDERED_LAWS[case.family.link.name]
    cuts = np.concatenate([[-INF, 0.0], np.cumsum(np.exp(case.aux)), [INF]])
    code = case.y.astype(int)
    low, high = cuts[code] - case.eta[0], cuts[code + 1] - case.eta[0]
    left = law.cdf(high) < law.sf(low)  # the difference of the smaller numbers keeps its digits
    return np.log(np.where(left, law.cdf(high) - law.cdf(low), law.sf(low) - law.sf(high)))


def tobit_law(case: Case) -> Array:
    law = LATENT_LAWS[case.family.latent](case.eta[0], np.exp(case.aux[0]))
    value, lower, upper = case.y
    censored = np.where(value <= lower, law.logcdf(lower), law.logsf(upper))
    return np.where((value > lower) & (value < upper), law.logpdf(value), censored)


def interval_law(case: Case) -> Array:
    law = LATENT_LAWS[case.family.latent](case.eta[0], np.exp(case.aux[0]))
    low, high = case.y
    return np.log(np.where(low == high, law.pdf(low), law.cdf(high) - law.cdf(low)))


def negative_binomial_law(case: Case) -> Array:
    alpha, mu = np.exp(case.aux[0]), case.family.link.inverse(case.eta[0])
    return stats.nbinom.logpmf(case.y, 1.0 / alpha, 1.0 / (1.0 + alpha * mu))


def tweedie_law(case: Case) -> Array:
    """A Poisson number of gamma amounts, summed over the number."""
    phi, p = np.exp(case.aux[0]), 1.0 + special.expit(case.aux[1])
    mu = case.family.link.inverse(case.eta[0])
    rate, shape = mu ** (2.0 - p) / (phi * (2.0 - p)), (2.0 - p) / (p - 1.0)
    scale, number = phi * (p - 1.0) * mu ** (p - 1.0), np.arange(1.0, 200.0)[:, None]
    some = stats.poisson.pmf(number, rate) * stats.gamma.pdf(case.y, number * shape, scale=scale)
    return np.where(case.y > 0.0, np.log(np.maximum(some.sum(axis=0), 1e-300)), -rate)


# ---------------------------------------------------------------------------------------------
# The cases.


def _grid(y: Any, eta: Any) -> tuple[Array, Array]:
    """Every response at every linear predictor (or mean)."""
    y, eta = np.meshgrid(np.asarray(y, dtype=float), np.asarray(eta, dtype=float))
    return y.ravel(), eta.reshape(1, -1)


def _multinomial() -> Iterator[tuple[str, Case]]:
    for size in (2, 3, 5):
        family = f.Multinomial(reference="b").with_levels(tuple("abcde"[:size]))
        eta = np.random.default_rng(size).normal(scale=1.4, size=(size - 1, 3 * size))
        y = np.tile(np.eye(size), 3)
        yield f"Multinomial {size}", Case(family, y, eta, NO_AUX, multinomial_law, classes)
    shares = np.array([[0.5, 0.25, 0.0, 0.0], [0.5, 0.25, 0.75, 1.0], [0.0, 0.5, 0.25, 0.0]])
    family = f.Multinomial().with_levels(("a", "b", "c"))
    yield "Multinomial shares", Case(family, shares, np.linspace(-1.0, 1.5, 8).reshape(2, 4))


def _ordinal() -> Iterator[tuple[str, Case]]:
    for link in ("logit", "probit", "cloglog", "loglog", "cauchit", Tanh()):
        for size in (2, 3, 5):
            family = f.Ordinal(link).with_levels(tuple(range(size)))
            y, eta = _grid(range(size), (-2.1, -0.4, 0.7, 2.3))
            aux = np.linspace(0.4, -0.7, size - 2)
            label = f"Ordinal {family.link.name} {size}"
            yield label, Case(family, y, eta, aux, ordinal_law, codes)


LIMITS: dict[str, tuple[Any, Any]] = {
    "left": (0.0, None),
    "right": (None, 1.2),
    "both": (0.0, 1.2),
    "none": (None, None),
    "by row": ("lower", "upper"),
}
LOG_SIGMA = np.array([-0.35])


def _tobit() -> Iterator[tuple[str, Case]]:
    value, eta = _grid((-0.2, 0.4, 1.5), (-1.1, 0.3, 2.2))
    numbers = {"lower": np.linspace(-1.2, 0.4, 9), "upper": np.linspace(2.4, 0.5, 9)}
    for law in LATENT_LAWS:
        for name, (lower, upper) in LIMITS.items():
            low = numbers.get(lower, np.full(9, -INF if lower is None else lower))
            high = numbers.get(upper, np.full(9, INF if upper is None else upper))
            y = np.stack([np.clip(value, low, high), low, high])
            family = f.of_response(f.Tobit(lower, upper, law), (), y)
            if name == "by row":
                family = f.with_limits(family, low, high)
            yield f"Tobit {law} {name}", Case(family, y, eta, LOG_SIGMA, tobit_law, recorded)
        ends = np.array([[0.7, -INF, 1.4, -0.5, 0.301], [0.7, 0.4, INF, 1.5, 0.9]])
        family = f.of_response(f.Tobit(distribution=law), (), ends)
        eta_ = np.array([[0.2, -0.7, 1.1, 0.4, 1.9]])
        yield f"Interval {law}", Case(family, ends, eta_, LOG_SIGMA, interval_law, parts_of_a_line)


def _estimated() -> Iterator[tuple[str, Case]]:
    for link in POSITIVE_LINKS:
        family = adapt(f.NegativeBinomial(link, check_link=False))
        y, mu = _grid((0.0, 1.0, 4.0), (0.6, 2.5, 5.0))
        eta, aux = family.link.link(mu), np.array([-0.4])
        label = f"NegativeBinomial {family.link.name}"
        yield label, Case(family, y, eta, aux, negative_binomial_law, counts)
        family = adapt(f.Tweedie(link, check_link=False))
        y, mu = _grid((0.0, 0.3, 4.0), (0.6, 2.5, 5.0))
        eta, aux = family.link.link(mu), np.array([-0.2, 0.3])
        label = f"Tweedie {family.link.name}"
        yield label, Case(family, y, eta, aux, tweedie_law, not_negative)


def _links() -> Iterator[tuple[str, Case]]:
    """Every link of the registry, for a response that may be any number."""
    for name in names():
        if get(name).across or get(name).forward is None:
            continue
        family = adapt(f.Quasi(name, "constant"))
        eta = np.array([[-2.1, -0.3, 0.4, 1.9]])
        if family.link.domain[0] == 0.0 or family.link.parity == "even":
            eta = np.abs(eta)
        yield f"Quasi {name}", Case(family, np.array([0.4, -1.0, 2.0, 0.3]), eta, LOG_SIGMA)
    shares = np.array([0.0, 0.25, 1.0, 0.75])
    eta = np.array([[0.2, 0.4, 0.9, 1.7]])
    # of the other half of its values a proportion can have none
    yield "Quasi tanh shares", Case(adapt(f.Quasi("tanh", "mu(1-mu)")), shares, eta, LOG_SIGMA)
    yield "Quasi Student", Case(adapt(f.Quasi(StudentLink(), "mu(1-mu)")), shares, eta, LOG_SIGMA)
    yield "Binomial tanh", Case(adapt(f.Binomial(Tanh())), shares, eta - 1.0)


def _glm() -> Iterator[tuple[str, Case]]:
    """The families of one mean, as they are in the file beside this one."""
    for label, case in GLM_CASES.items():
        family = adapt(case.family)
        eta = family.link.link(np.array(case.means))[np.newaxis]
        aux = np.full(len(family.aux_names), -0.4)
        yield f"GLM {label}", Case(family, np.array(case.responses), eta, aux)


OWN: dict[str, Case] = {
    label: case
    for cases in (_multinomial(), _ordinal(), _tobit(), _estimated(), _links())
    for label, case in cases
}
GLM = dict(_glm())

own = pytest.mark.parametrize("case", OWN.values(), ids=OWN)
every = pytest.mark.parametrize("case", {**OWN, **GLM}.values(), ids={**OWN, **GLM})


def those(belong: Callable[[Case], Any]) -> pytest.MarkDecorator:
    """Only the cases of which something is true."""
    chosen = {label: case for label, case in {**OWN, **GLM}.items() if belong(case)}
    return pytest.mark.parametrize("case", chosen.values(), ids=chosen)


def _variance_underflows(case: Case) -> bool:
    """Whether means that a double can hold are refused."""
    return isinstance(getattr(case.family, "variance_function", None), WedderburnVariance)


# ---------------------------------------------------------------------------------------------
# The log-likelihood and its derivatives.


@own
def test_score_is_the_slope_of_the_log_likelihood(case: Case) -> None:
    expected = case.along(lambda eta, aux: case.rows(Level.VALUE, eta=eta, aux=aux).value)
    found = case.rows(Level.SCORE).score
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())


@own
def test_observed_information_is_minus_the_slope_of_the_score(case: Case) -> None:
    expected = -case.along(lambda eta, aux: case.rows(Level.SCORE, eta=eta, aux=aux).score)
    found = case.rows(Level.OBSERVED).information
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9 * np.abs(expected).max())
    np.testing.assert_array_equal(found, found.transpose(1, 0, 2))


@own
def test_levels_say_the_same_and_no_more(case: Case) -> None:
    given = case.y, case.eta, case.aux, case.weight
    kept = [part.copy() for part in given]
    value, score, fisher, observed = (
        case.family.rows(*given, level)  # type: ignore[misc]
        for level in Level
    )
    c = case.family.k_channels
    assert value.score is value.information is score.information is None
    assert (value.value.shape, score.score.shape) == ((case.m,), (c, case.m))
    assert fisher.information.shape == observed.information.shape == (c, c, case.m)
    for terms in (score, fisher, observed):
        np.testing.assert_array_equal(terms.value, value.value)
    for terms in (fisher, observed):
        np.testing.assert_array_equal(terms.score, score.score)
    for part, before in zip(given, kept, strict=True):
        np.testing.assert_array_equal(part, before)


@own
def test_constants_may_be_computed_beforehand(case: Case) -> None:
    constant = case.family.constant(case.y, case.weight)
    kept = constant.copy()
    given = case.rows(Level.OBSERVED, constant=constant)
    np.testing.assert_array_equal(given.value, case.rows(Level.VALUE).value)
    np.testing.assert_array_equal(constant, kept)


@those(lambda case: case.log_law)
def test_log_likelihood_is_that_of_scipy(case: Case) -> None:
    assert case.log_law is not None
    value = case.rows(Level.VALUE, weight=np.ones(case.m)).value
    np.testing.assert_allclose(value, case.log_law(case), rtol=1e-10, atol=1e-12)


@own
def test_weights_multiply_the_log_likelihood_or_divide_the_dispersion(case: Case) -> None:
    aux = case.aux.copy()
    factor = 2.5
    if case.family.scale is None:
        aux[0] += np.log(factor)
        factor = 1.0
    light = case.rows(Level.OBSERVED)
    heavy = case.rows(Level.OBSERVED, weight=2.5 * case.weight, aux=aux)
    fisher = case.rows(Level.FISHER, weight=2.5 * case.weight, aux=aux).information
    expected = factor * case.rows(Level.FISHER).information
    np.testing.assert_allclose(heavy.score, factor * light.score, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(
        heavy.information, factor * light.information, rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(fisher, expected, rtol=1e-10, atol=1e-12)


@those(lambda case: case.outcomes)
def test_expectations_over_all_responses(case: Case) -> None:
    """Probabilities add to one; the score is zero on average, and its variance is Fisher's."""
    assert case.outcomes is not None
    for row in range(case.m):
        y, measure = case.outcomes(case, row)
        m = measure.size
        given: dict[str, Array] = {
            "y": y, "eta": np.repeat(case.eta[:, [row]], m, axis=1), "weight": np.ones(m)
        }  # fmt: skip
        observed, fisher = (case.rows(level, **given) for level in (Level.OBSERVED, Level.FISHER))
        p = np.exp(observed.value + measure)
        assert p.sum() == pytest.approx(1.0, abs=1e-8)
        np.testing.assert_allclose(observed.score @ p, 0.0, atol=1e-7)
        spread = np.einsum("im,jm,m->ij", observed.score, observed.score, p)
        np.testing.assert_allclose(observed.information @ p, spread, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(_fisher(case, row, fisher, p), spread, rtol=1e-6, atol=1e-7)


def _fisher(case: Case, row: int, fisher: Any, p: Array) -> Array:
    """Fisher information of a row, which only that of a Tweedie power has to average."""
    if isinstance(case.family, TweedieFamily):
        return np.asarray(fisher.information @ p)
    own = case.rows(Level.FISHER, weight=np.ones(case.m)).information[..., row]
    if not isinstance(case.family, IntervalFamily):  # whose other rows have other intervals
        np.testing.assert_allclose(fisher.information[..., 0], own, rtol=1e-12, atol=1e-14)
    return np.asarray(own)


def _can_be_drawn(case: Case) -> bool:
    """Whether there is a distribution, and not a mean and a variance only."""
    try:
        case.family.distribution(case.eta, case.aux, case.weight)
    except NotAvailableError:
        return False
    return True


@those(_can_be_drawn)
def test_drawn_responses_have_this_likelihood(case: Case) -> None:
    """The distribution object draws from the law whose score is zero on average."""
    n = 4000
    eta = np.repeat(case.eta, n, axis=1)
    family, y = _drawn(case, eta, n)
    terms = family.rows(y, eta, case.aux, np.ones(case.m * n), Level.FISHER)
    channels = range(family.k_channels if getattr(family, "exact_scale", True) else 1)
    for c in channels:
        score = terms.score[c].reshape(case.m, n).mean(axis=1)
        error = np.sqrt(terms.information[c, c].reshape(case.m, n).mean(axis=1) / n)
        assert (np.abs(score) < 4.5 * error).all(), score / error


def _drawn(case: Case, eta: Array, n: int) -> tuple[Family, Array]:
    """The family of n draws for every row, and the draws as the family reads them."""
    family = case.family
    limits = np.repeat(case.y[1:], n, axis=1) if isinstance(family, TobitFamily) else None
    if limits is not None:
        family = f.with_limits(family, *limits)
    law = family.distribution(eta, case.aux, np.ones(eta.shape[1]))
    y = law.rvs(random_state=3)
    assert y.shape == (eta.shape[1],)
    if limits is not None:
        assert ((y >= limits[0]) & (y <= limits[1])).all()
        return family, np.concatenate([y[None], limits])
    if isinstance(family, IntervalFamily):
        return family, np.stack([y, y])
    if family.reading in ("classes", "ordered"):
        levels = np.array(family.levels)  # type: ignore[attr-defined]
        hot = (levels[:, None] == y).astype(float)
        return family, hot if family.reading == "classes" else np.arange(len(levels)) @ hot
    return family, y.astype(float)


# ---------------------------------------------------------------------------------------------
# Far out.


@own
@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("move", [0.0, -30.0, 30.0, -800.0, 800.0])
def test_far_out_nothing_is_nan_and_nothing_warns(case: Case, level: Level, move: float) -> None:
    far = np.array([-1e4, -800.0, -745.5, -40.0, 0.0, 40.0, 745.5, 800.0, 1e4])
    m, k = far.size, case.family.k_eta
    eta = np.stack([np.roll(far, 2 * j) for j in range(k)])
    aux = case.aux + move
    for row in range(case.m):
        y = np.repeat(case.y[..., [row]], m, axis=-1)
        terms = case.family.rows(y, eta, aux, np.ones(m), level)
        assert not np.isnan(terms.value).any()
        assert (terms.value < INF).all()
        for part in (terms.score, terms.information):
            assert part is None or np.isfinite(part[..., np.isfinite(terms.value)]).all()
            assert part is None or not np.isnan(part).any()


def test_the_tanh_link_is_half_the_logit() -> None:
    y, weight = np.array([0.0, 0.3, 1.0, 1.0]), np.array([1.0, 10.0, 2.0, 1.0])
    eta = np.array([[-400.0, -0.7, 0.2, 3.0]])
    ours, logit = adapt(f.Binomial(Tanh())), adapt(f.Binomial())
    np.testing.assert_allclose(ours.mean(eta[:, 1:]), 0.5 + 0.5 * np.tanh(eta[0, 1:]), rtol=1e-15)
    for level in (Level.FISHER, Level.OBSERVED):
        found = ours.rows(y, eta, NO_AUX, weight, level)
        expected = logit.rows(y, 2.0 * eta, NO_AUX, weight, level)
        np.testing.assert_allclose(found.value, expected.value, rtol=1e-13)
        np.testing.assert_allclose(found.score, 2.0 * expected.score, rtol=1e-13)
        np.testing.assert_allclose(
            found.information, 4.0 * expected.information, rtol=1e-12, atol=1e-300
        )


# ---------------------------------------------------------------------------------------------
# What is predicted and reported.


@every
def test_statistics_and_their_slopes(case: Case) -> None:
    family = case.family
    assert "linear" in family.statistics
    for which in family.statistics:
        value = family.statistic(which, case.eta, case.aux)
        slopes = family.statistic_slopes(which, case.eta, case.aux)
        labels = family.statistic_labels(which)
        assert value.shape == ((len(labels), case.m) if labels else (case.m,))
        # of a family of one mean these are the slopes by eta: a scale changes none of them
        channels = 1 if isinstance(family, MeanFamily) else family.k_channels
        assert slopes.shape == (*value.shape[:-1], channels, case.m)
        expected = case.along(lambda eta, aux, which=which: family.statistic(which, eta, aux))
        expected = np.moveaxis(expected[:channels], 0, -2)
        size = 1e-9 * max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(slopes, expected, rtol=1e-7, atol=size)


@those(lambda case: case.family.statistics[0] == "prob" and case.outcomes)
def test_probabilities_are_those_of_the_likelihood(case: Case) -> None:
    prob = case.family.statistic("prob", case.eta, case.aux)
    np.testing.assert_allclose(prob.sum(axis=0), 1.0, rtol=1e-13)
    assert case.outcomes is not None
    y, _ = case.outcomes(case, 0)
    for code, p in enumerate(prob):
        response = np.repeat(y[..., [code]], case.m, axis=-1)
        value = case.rows(Level.VALUE, y=response, weight=np.ones(case.m)).value
        np.testing.assert_allclose(np.exp(value), p, rtol=1e-12)


@every
def test_missing_inputs_have_missing_statistics(case: Case) -> None:
    eta = case.eta.copy()
    eta[:, 1] = np.nan
    for which in case.family.statistics:
        found = np.isnan(case.family.statistic(which, eta, case.aux)).reshape(-1, case.m)
        np.testing.assert_array_equal(found, np.broadcast_to(np.arange(case.m) == 1, found.shape))


@every
def test_reported_parameters_and_back(case: Case) -> None:
    family, aux = case.family, case.aux
    values, slopes = family.reported(aux)
    assert len(values) == len(family.aux_labels) == len(family.aux_names) == len(aux)
    np.testing.assert_allclose(family.unreported(values), aux, rtol=1e-12, atol=1e-13)
    factors = np.linspace(0.7, -1.2, len(aux))
    bend = family.reported_bend(aux, factors)
    for k, move in enumerate(1e-4 * np.eye(len(aux))):
        right, left = family.reported(aux + move), family.reported(aux - move)
        np.testing.assert_allclose(slopes[:, k], (right[0] - left[0]) / 2e-4, atol=1e-8)
        np.testing.assert_allclose(bend[k], factors @ (right[1] - left[1]) / 2e-4, atol=1e-8)


@every
def test_names_fit_what_they_name(case: Case) -> None:
    family = case.family
    assert family.k_channels == family.k_eta + len(family.aux_names)
    assert len(family.eta_names) in (0, family.k_eta)
    matrix = family.to_reported
    assert matrix is None or np.linalg.matrix_rank(matrix) == family.k_eta == len(matrix)
    assert len(family.cut_labels) == (
        len(family.thresholds(case.aux)) + 1 if family.cut_labels else 0
    )


@every
def test_deviance_is_twice_what_the_log_likelihood_lacks(case: Case) -> None:
    family = case.family
    free = family.scale is None
    scale = np.exp(case.aux[0]) if free else family.scale
    other = 0.9 * case.eta
    parts = [
        (
            family.deviance_rows(case.y, eta, case.aux, case.weight),
            case.rows(Level.VALUE, eta=eta).value,
        )
        for eta in (case.eta, other)
    ]
    (here, value), (there, other_value) = parts
    expected = -2.0 * scale * (value - other_value)
    np.testing.assert_allclose(here - there, expected, rtol=1e-8, atol=1e-9)
    if not _variance_underflows(case):  # such a family has no perfect fit of a zero
        assert (here >= 0.0).all()
        assert (there >= 0.0).all()


@every
def test_what_is_left_when_other_parameters_are_given(case: Case) -> None:
    family = case.family.given(case.aux)
    aux = case.aux[: len(family.aux_names)]
    left = family.rows(case.y, case.eta, aux, case.weight, Level.OBSERVED)
    whole = case.rows(Level.OBSERVED)
    k = family.k_eta
    np.testing.assert_allclose(left.score[:k], whole.score[:k], rtol=1e-11, atol=1e-13)
    found, expected = left.information[:k, :k], whole.information[:k, :k]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@own
def test_starting_values_are_usable(case: Case) -> None:
    family, weight = case.family, case.weight
    level = family.start_level(case.y, weight)
    eta, aux = family.start_eta(case.y, weight, level), family.start_aux(case.y, weight)
    assert (level.shape, eta.shape) == ((family.k_eta,), (family.k_eta, case.m))
    assert aux.shape == (len(family.aux_names),)
    if family.name == "Quasi":
        return  # for responses that no mean of such a link has; a test beside this one has others
    terms = case.rows(Level.FISHER, eta=eta, aux=aux)
    assert np.isfinite(terms.value).all()
    assert np.isfinite(terms.score).all()
    eigenvalues = np.linalg.eigvalsh(np.moveaxis(terms.information, -1, 0))
    assert (eigenvalues > -1e-12 * eigenvalues[:, -1:]).all()
    assert np.isfinite(family.response_scale(case.y, weight))


@those(lambda case: case.family.link.name != "StudentLink")  # a class of a test
def test_pickles(case: Case) -> None:
    copied = pickle.loads(pickle.dumps(case.family))
    terms = copied.rows(case.y, case.eta, case.aux, case.weight, Level.OBSERVED)
    np.testing.assert_array_equal(terms.information, case.rows(Level.OBSERVED).information)


# ---------------------------------------------------------------------------------------------
# Separation.


@those(lambda case: case.family.comparisons(case.y) and not _variance_underflows(case))
def test_comparisons_say_along_what_a_row_never_becomes_less_likely(case: Case) -> None:
    """Along what they allow the log-likelihood never falls; along the rest it falls in the end."""
    made = case.family.comparisons(case.y)
    rng = np.random.default_rng(4)
    seen = set()
    for row in range(case.m):
        used = [c for c in made if c.used[row]]
        tied = np.array([c.factors[:, row] for c in used if c.tied[row]])
        for _ in range(12):
            direction = _direction(case, rng)
            if len(tied) and rng.uniform() < 0.5:
                direction -= np.linalg.pinv(tied) @ (tied @ direction)
            products = np.array([c.factors[:, row] @ direction for c in used])
            products[np.abs(products) < 1e-12] = 0.0
            allowed = all(
                (product == 0.0) if c.tied[row] else (product >= 0.0)
                for c, product in zip(used, products, strict=True)
            )
            value = np.array([_moved(case, row, direction, t) for t in (0, 1, 10, 1e2, 1e3, 1e4)])
            with np.errstate(invalid="ignore"):
                falls = np.diff(value) < -1e-9 * (1.0 + np.abs(value[:-1]))
            assert not (allowed and falls.any()), (row, direction, value)
            assert allowed or value[-1] < value.max() - 1e-9, (row, direction, value)
            seen.add(allowed)
    assert seen == {True, False}


def test_who_has_comparisons() -> None:
    """Where a family has none, separated responses have no name."""
    ends = {case.family.name for case in OWN.values() if case.family.comparisons(case.y)}
    assert ends >= {"Multinomial", "Ordinal", "NegativeBinomial", "Tweedie", "Binomial"}
    assert not adapt(f.Gaussian(f.links.Log())).comparisons(np.zeros(3))
    for link in ("exp", "logistic"):
        assert adapt(f.Quasi(link, "mu")).comparisons(np.zeros(3))
    shares = np.array([0.0, 0.5, 1.0])
    (upper,) = adapt(f.Binomial(Tanh())).comparisons(shares)
    np.testing.assert_array_equal(upper.factors[0], [-1.0, 1.0, 1.0])
    np.testing.assert_array_equal(upper.tied, [False, True, False])
    (lower,) = adapt(f.Binomial(f.links.Log())).comparisons(shares)
    np.testing.assert_array_equal(lower.tied, [False, True, True])
    assert not adapt(f.Quasi("tanh", "mu(1-mu)")).comparisons(shares)


def _direction(case: Case, rng: np.random.Generator) -> Array:
    """A direction of linear predictors and thresholds, the latter ever further apart."""
    gaps = np.abs(rng.normal(size=len(case.family.thresholds(case.aux))))
    return np.concatenate([rng.normal(size=case.family.k_eta), np.cumsum(gaps)])


def _moved(case: Case, row: int, direction: Array, t: float) -> float:
    k, aux, thresholds = case.family.k_eta, case.aux, case.family.thresholds(case.aux)
    if len(thresholds):
        aux = case.family.unreported(thresholds + t * direction[k:])
    eta = case.eta[:, [row]] + t * direction[:k, None]
    y = case.y[..., [row]]
    return float(case.family.rows(y, eta, aux, np.ones(1), Level.VALUE).value[0])


# ---------------------------------------------------------------------------------------------
# The list.


def test_every_family_and_every_link_is_on_the_list() -> None:
    """So that what is added to a registry is added here."""
    here = {type(case.family).__name__ for case in OWN.values()}
    here |= {case.family.name for case in (*OWN.values(), *GLM.values())}
    given = {
        name
        for name, kind in inspect.getmembers(f, inspect.isclass)
        if name in f.__all__ and _describes_a_response(kind)
    }
    assert {"Multinomial", "Ordinal", "Tobit", "Gamma", "Quasi"} <= given
    assert given <= here
    ours = {case.family.link.name for case in OWN.values()}
    monotone = {name for name in names() if get(name).forward is not None}
    assert monotone <= ours


def _describes_a_response(kind: type) -> bool:
    """Whether a class may be given as ``family=``."""
    return issubclass(kind, StatsmodelsFamily) or hasattr(kind, "with_levels") or kind is f.Tobit

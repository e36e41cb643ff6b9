"""What every family promises, for every link that it may have.

The score, the observed information and the derivatives in the log scale are held against
differences, the Fisher information against sums and integrals over the response, and the
log-likelihood against scipy's distributions.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats
from statsmodels.genmod.families import links

from deepglm import families as f
from deepglm.families import Level, adapt


@dataclass(frozen=True)
class Case:
    """A family, means at which to look at it, and responses that it may produce."""

    family: object
    means: tuple[float, ...]
    responses: tuple[float, ...]
    scale: float | None = None

    def adapted(self):
        return adapt(self.family, self.scale)


COUNTS = ((0.4, 1.3, 2.5, 6.0), (0.0, 1.0, 4.0, 5.0))
AMOUNTS = ((0.4, 1.3, 2.5, 6.0), (0.2, 1.5, 4.0, 5.0))
SHARES = ((0.1, 0.35, 0.6, 0.85), (0.0, 0.25, 1.0, 0.75))
OPEN_SHARES = ((0.1, 0.35, 0.6, 0.85), (0.05, 0.25, 0.9, 0.75))

POSITIVE_LINKS = (
    links.Log(),
    links.Identity(),
    links.Sqrt(),
    links.InversePower(),
    links.InverseSquared(),
    links.Power(1 / 3),
)
SHARE_LINKS = (
    links.Logit(),
    links.Probit(),
    links.Cauchy(),
    links.CLogLog(),
    links.LogLog(),
    links.Log(),
    links.LogC(),
    links.Identity(),
)


class Doubling:
    """A variance function of a user's own: ``mu**2 + mu / 2``."""

    def __call__(self, mu):
        return mu**2 + 0.5 * mu

    def deriv(self, mu):
        return 2.0 * mu + 0.5


def _cases():
    for link in POSITIVE_LINKS:
        label = f"{type(link).__name__}"
        yield f"Poisson {label}", Case(f.Poisson(link, check_link=False), *COUNTS)
        yield (
            f"NegativeBinomial {label}",
            Case(f.NegativeBinomial(link, alpha=0.6, check_link=False), *COUNTS),
        )
        yield f"Gamma {label}", Case(f.Gamma(link, check_link=False), *AMOUNTS)
        yield f"InverseGaussian {label}", Case(f.InverseGaussian(link, check_link=False), *AMOUNTS)
        yield f"Gaussian {label}", Case(f.Gaussian(link, check_link=False), *AMOUNTS)
        for power in (1.0, 1.6, 2.0, 2.5, 3.0):
            values = COUNTS if power < 2.0 else AMOUNTS
            yield (
                f"Tweedie{power} {label}",
                Case(f.Tweedie(link, var_power=power, check_link=False), *values),
            )
        for variance in ("constant", "mu", "mu^2", "mu^3"):
            values = COUNTS if variance in ("constant", "mu") else AMOUNTS
            yield f"Quasi {variance} {label}", Case(f.Quasi(link, variance), *values)
        yield f"Quasi user {label}", Case(f.Quasi(link, Doubling()), *AMOUNTS)
    for link in SHARE_LINKS:
        label = type(link).__name__
        yield f"Binomial {label}", Case(f.Binomial(link, check_link=False), *SHARES)
        yield f"Quasi mu(1-mu) {label}", Case(f.Quasi(link, "mu(1-mu)"), *SHARES)
        yield f"Quasi Wedderburn {label}", Case(f.Quasi(link, "mu^2(1-mu)^2"), *SHARES)
    canonical = f.NegativeBinomial(links.NegativeBinomial(alpha=0.6), alpha=0.6)
    yield "NegativeBinomial canonical", Case(canonical, *COUNTS)
    yield "Quasi softplus", Case(f.Quasi("softplus", "mu"), *COUNTS)
    yield "Tweedie 0", Case(f.Tweedie(var_power=0.0), *AMOUNTS)
    yield "Tweedie -1", Case(f.Tweedie(var_power=-1.0), *AMOUNTS)


CASES = dict(_cases())
FIXED = {
    f"{label}, scale 0.7": Case(case.family, case.means, case.responses, 0.7)
    for label, case in CASES.items()
    if label.endswith((" Log", " Logit", " Probit"))
}
ALL = {**CASES, **FIXED}
every_family = pytest.mark.parametrize("case", ALL.values(), ids=ALL)
WEIGHT = np.array([1.0, 0.5, 3.0, 2.0])


def rows_of(case, level, aux=None, weight=WEIGHT):
    family = case.adapted()
    eta = family.link.link(np.array(case.means))[np.newaxis]
    if aux is None:
        aux = np.full(len(family.aux_names), -0.4)
    return family.rows(np.array(case.responses), eta, aux, weight, level)


def channels(case):
    """The family, its point (channels by rows), and functions of such a point."""
    family = case.adapted()
    m = len(case.means)
    eta = family.link.link(np.array(case.means))
    point = np.vstack([eta, *np.full((len(family.aux_names), m), -0.4)])

    def terms(x, level):
        # One row at a time, so that an auxiliary parameter may be moved for a single row.
        parts = [
            family.rows(
                np.array(case.responses[i : i + 1]), x[:1, i : i + 1], x[1:, i], WEIGHT[i : i + 1],
                level,
            )
            for i in range(m)
        ]  # fmt: skip
        value = np.concatenate([part.value for part in parts])
        if level is Level.VALUE:
            return value
        return np.concatenate([part.score for part in parts], axis=1)

    return point, terms


def slopes(function, point, step=1e-3):
    """Central differences of the fourth order in every channel."""
    result = []
    for channel in range(len(point)):
        move = np.zeros_like(point)
        move[channel] = step * np.maximum(0.05, np.abs(point[channel]))
        near = function(point + move) - function(point - move)
        far = function(point + 2 * move) - function(point - 2 * move)
        result.append((8 * near - far) / (12 * move[channel]))
    return np.array(result)


@every_family
def test_score_is_the_slope_of_the_log_likelihood(case):
    point, terms = channels(case)
    expected = slopes(lambda x: terms(x, Level.VALUE), point)
    np.testing.assert_allclose(rows_of(case, Level.SCORE).score, expected, rtol=1e-7, atol=1e-7)


@every_family
def test_observed_information_is_minus_the_slope_of_the_score(case):
    point, terms = channels(case)
    expected = -slopes(lambda x: terms(x, Level.SCORE), point)
    observed = rows_of(case, Level.OBSERVED).information
    np.testing.assert_allclose(observed, expected, rtol=1e-7, atol=1e-7)


@every_family
def test_levels_say_the_same_and_no_more(case):
    family = case.adapted()
    m, c = len(case.means), family.k_channels
    value, score, fisher, observed = (rows_of(case, level) for level in Level)
    assert value.score is None
    assert value.information is None
    assert score.information is None
    assert value.value.shape == (m,)
    assert score.score.shape == (c, m)
    assert fisher.information.shape == observed.information.shape == (c, c, m)
    for terms in (score, fisher, observed):
        np.testing.assert_array_equal(terms.value, value.value)
    for terms in (fisher, observed):
        np.testing.assert_array_equal(terms.score, score.score)


@every_family
def test_in_eta_score_and_information_are_linear_in_the_response(case):
    # So their expectations are their values at the mean: score zero, observed equal to Fisher.
    at_mean = Case(case.family, case.means, case.means, case.scale)
    fisher, observed = rows_of(at_mean, Level.FISHER), rows_of(at_mean, Level.OBSERVED)
    np.testing.assert_allclose(fisher.score[0], 0.0, atol=1e-9)
    np.testing.assert_allclose(fisher.information[0, 0], observed.information[0, 0], rtol=1e-9)
    # Fisher information does not depend on the response at all.
    elsewhere = rows_of(case, Level.FISHER).information[0, 0]
    np.testing.assert_allclose(elsewhere, fisher.information[0, 0], rtol=1e-12)
    assert (elsewhere > 0.0).all()
    family = case.adapted()
    slope = family.link.deriv1(family.link.link(np.array(case.means)))
    scale = np.exp(-0.4) if family.scale is None else family.scale
    expected = WEIGHT * slope**2 / (scale * family.variance(np.array(case.means)))
    np.testing.assert_allclose(elsewhere, expected, rtol=1e-9)


@every_family
def test_canonical_means_that_both_informations_agree(case):
    fisher, observed = rows_of(case, Level.FISHER), rows_of(case, Level.OBSERVED)
    agree = np.allclose(fisher.information[0, 0], observed.information[0, 0], rtol=1e-9)
    assert case.adapted().canonical == agree


@every_family
def test_the_weight_divides_the_dispersion(case):
    family = case.adapted()
    if family.scale is None:
        light = rows_of(case, Level.OBSERVED, np.array([0.3]), np.ones(4))
        heavy = rows_of(case, Level.OBSERVED, np.array([0.3 + np.log(2.5)]), np.full(4, 2.5))
        np.testing.assert_allclose(heavy.value, light.value, rtol=1e-11, atol=1e-12)
    else:
        light = rows_of(case, Level.OBSERVED, weight=np.ones(4))
        heavy = rows_of(
            Case(case.family, case.means, case.responses, 2.5 * family.scale),
            Level.OBSERVED,
            weight=np.full(4, 2.5),
        )
    np.testing.assert_allclose(heavy.score, light.score, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(heavy.information, light.information, rtol=1e-10, atol=1e-12)


@every_family
@pytest.mark.parametrize("level", Level)
def test_far_out_nothing_is_nan_and_nothing_warns(case, level):
    family = case.adapted()
    eta = np.array([-800.0, -745.5, -40.0, 0.0, 40.0, 745.5, 800.0, -1e4, 1e4])
    for response in case.responses:
        y = np.full(eta.shape, response)
        aux = np.zeros(len(family.aux_names))
        terms = family.rows(y, eta[np.newaxis], aux, np.ones(eta.shape), level)
        assert not np.isnan(terms.value).any()
        assert not np.isposinf(terms.value).any()
        for part in (terms.score, terms.information):
            assert part is None or not np.isnan(part).any()


@every_family
@pytest.mark.parametrize("log_scale", [-800.0, -300.0, -50.0, 50.0, 300.0, 800.0])
def test_far_scales_are_refused_or_finite(case, log_scale):
    if not case.adapted().aux_names:
        pytest.skip("the scale is known")
    terms = rows_of(case, Level.OBSERVED, np.array([log_scale]))
    if abs(log_scale) > 230.0:
        assert np.isneginf(terms.value).all()
        assert not terms.score.any()
    assert not any(np.isnan(x).any() for x in (terms.value, terms.score, terms.information))


@every_family
def test_means_outside_the_range_have_no_likelihood(case):
    family = case.adapted()
    low, high = family.mean_range
    if family.link.name != "identity" or np.isinf(low):
        pytest.skip("every mean is possible")
    eta = np.array([low - 0.1, low, high + 0.1 if np.isfinite(high) else np.inf, 0.5])
    y = np.full(4, 0.75)
    for level in Level:
        aux = np.zeros(len(family.aux_names))
        terms = family.rows(y, eta[np.newaxis], aux, np.ones(4), level)
        np.testing.assert_array_equal(np.isneginf(terms.value), [True, True, True, False])
        for part in (terms.score, terms.information):
            assert part is None or not part[..., :3].any()


@every_family
def test_constants_may_be_computed_beforehand(case):
    family = case.adapted()
    y, eta = np.array(case.responses), family.link.link(np.array(case.means))[np.newaxis]
    aux = np.zeros(len(family.aux_names))
    constant = family.constant(y, WEIGHT)
    kept = constant.copy()
    given = family.rows(y, eta, aux, WEIGHT, Level.OBSERVED, constant)
    found = family.rows(y, eta, aux, WEIGHT, Level.OBSERVED)
    np.testing.assert_array_equal(given.value, found.value)
    np.testing.assert_array_equal(constant, kept)
    np.testing.assert_array_equal(y, case.responses)


@every_family
def test_reported_and_maximised_log_likelihood(case):
    family = case.adapted()
    if (
        family.statsmodels.__class__ is f.Tweedie
        and family.scale is None
        and not family.exact_scale
    ):
        pytest.skip("the extended quasi-likelihood is maximised, the density is reported")
    scale = np.exp(-0.4) if family.scale is None else family.scale
    y, mu = np.array(case.responses), np.array(case.means)
    reported = family.loglike_rows(y, family.link.link(mu), scale, WEIGHT)
    value = rows_of(case, Level.VALUE).value
    if isinstance(family.statsmodels, f.Binomial) and family.scale != 1.0:
        # statsmodels reports the binomial itself, whatever the scale
        value = rows_of(Case(case.family, case.means, case.responses, 1.0), Level.VALUE).value
    np.testing.assert_allclose(reported, value, rtol=1e-10, atol=1e-12)


@every_family
def test_starting_values_are_usable(case):
    family = case.adapted()
    y = np.array(case.responses)
    eta = family.start_eta(y, WEIGHT, family.start_level(y, WEIGHT))
    assert eta.shape == (1, len(y))
    aux = family.start_aux(y, WEIGHT)
    assert aux.shape == (len(family.aux_names),)
    terms = family.rows(y, eta, aux, WEIGHT, Level.FISHER)
    assert np.isfinite(terms.value).all()
    assert np.isfinite(terms.score).all()
    assert (terms.information[0, 0] > 0.0).all()


@every_family
def test_pickles(case):
    if "user" in str(case.family):
        pytest.skip("a class of this file")
    family = pickle.loads(pickle.dumps(case.adapted()))
    eta = family.link.link(np.array(case.means))[np.newaxis]
    aux = np.full(len(family.aux_names), -0.4)
    copied = family.rows(np.array(case.responses), eta, aux, WEIGHT, Level.OBSERVED)
    original = rows_of(case, Level.OBSERVED)
    np.testing.assert_array_equal(copied.information, original.information)


# ---------------------------------------------------------------------------------------------
# Distributions: scipy's density at the family's mean, scale and weight.

SCALE = float(np.exp(-0.4))


def _distribution(name, mu, weight):
    """scipy's distribution of the response of a row, on the scale of the response."""
    dispersion = SCALE / weight
    return {
        "Gaussian": stats.norm(mu, np.sqrt(dispersion)),
        "Gamma": stats.gamma(1.0 / dispersion, scale=mu * dispersion),
        "InverseGaussian": stats.invgauss(mu * dispersion, scale=1.0 / dispersion),
        "Poisson": stats.poisson(mu),
        "NegativeBinomial": stats.nbinom(1.0 / 0.6, 1.0 / (1.0 + 0.6 * mu)),
        "Binomial": stats.binom(int(weight), mu),
    }[name]


def _known(label):
    return label.split()[0] in ("Gaussian", "Gamma", "InverseGaussian")


CONTINUOUS = {label: case for label, case in CASES.items() if _known(label)}
DISCRETE = {
    label: case
    for label, case in CASES.items()
    if label.split()[0] in ("Poisson", "NegativeBinomial", "Binomial")
}


@pytest.mark.parametrize("label", {**CONTINUOUS, **DISCRETE})
def test_log_likelihood_is_that_of_scipy(label):
    case, name = CASES[label], label.split()[0]
    weight = np.array([4.0, 4.0, 8.0, 4.0]) if name == "Binomial" else np.ones(4)
    if _known(label):
        weight = WEIGHT
    value = rows_of(case, Level.VALUE, weight=weight).value
    for i, (mu, y, w) in enumerate(zip(case.means, case.responses, weight, strict=True)):
        law = _distribution(name, mu, w)
        if name == "Binomial":
            expected = law.logpmf(w * y)
        else:
            expected = law.logpdf(y) if _known(label) else law.logpmf(y)
        assert value[i] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("label", DISCRETE)
@pytest.mark.parametrize("row", range(4))
def test_expectations_over_counts(label, row):
    case, name = CASES[label], label.split()[0]
    mu, trials = case.means[row], 6.0
    weight = trials if name == "Binomial" else 1.0
    law = _distribution(name, mu, weight)
    counts = np.arange(0.0, 7.0 if name == "Binomial" else 1500.0)
    y = counts / trials if name == "Binomial" else counts
    check_expectations(case, mu, y, law.pmf(counts), weight)


@pytest.mark.parametrize("label", CONTINUOUS)
@pytest.mark.parametrize("row", range(4))
def test_expectations_over_amounts(label, row):
    case, name = CASES[label], label.split()[0]
    mu, weight = case.means[row], WEIGHT[row]
    law = _distribution(name, mu, weight)
    if name == "Gaussian":
        y, step = np.linspace(mu - 12.0, mu + 12.0, 20001, retstep=True)
        density = law.pdf(y) * step
    else:
        # In the log of the response the integrand falls off on both sides.
        z, step = np.linspace(np.log(mu) - 60.0, np.log(mu) + 8.0, 40001, retstep=True)
        y = np.exp(z)
        density = law.pdf(y) * y * step
    check_expectations(case, mu, y, density, weight)


def check_expectations(case, mu, y, probability, weight):
    keep = probability > 1e-250
    y, probability = y[keep], probability[keep]
    assert probability.sum() == pytest.approx(1.0, abs=1e-9)
    family = case.adapted()
    eta = np.full((1, y.size), family.link.link(mu))
    aux = np.full(len(family.aux_names), np.log(SCALE))
    weight = np.full(y.size, weight)
    observed = family.rows(y, eta, aux, weight, Level.OBSERVED)
    fisher = family.rows(y, eta, aux, weight, Level.FISHER)
    np.testing.assert_allclose(observed.score @ probability, 0.0, atol=1e-6)
    expected = observed.information @ probability
    np.testing.assert_allclose(fisher.information[..., 0], expected, rtol=1e-6, atol=1e-6)
    # and it is the variance of the score
    spread = np.einsum("im,jm,m->ij", observed.score, observed.score, probability)
    np.testing.assert_allclose(fisher.information[..., 0], spread, rtol=1e-6, atol=1e-6)


def test_tweedie_density_sums_to_one_with_its_mean():
    family = adapt(f.Tweedie(links.Log(), var_power=1.5), scale=0.8)
    mu = 1.7
    z, step = np.linspace(-45.0, 5.0, 20001, retstep=True)
    y = np.concatenate([[0.0], np.exp(z)])
    measure = np.concatenate([[1.0], np.exp(z) * step])
    value = family.rows(
        y, np.full((1, y.size), np.log(mu)), np.empty(0), np.full(y.size, 1.3), Level.VALUE
    ).value
    probability = np.exp(value) * measure
    assert probability.sum() == pytest.approx(1.0, abs=1e-7)
    assert probability @ y == pytest.approx(mu, abs=1e-7)
    assert probability @ (y - mu) ** 2 == pytest.approx(0.8 * mu**1.5 / 1.3, rel=1e-6)

"""What every inverse link promises. A new one in the registry is tested by being there."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import integrate, special, stats
from statsmodels.genmod.families import links as sm_links

from deepglm.links import Link, Tanh, get, names


class StudentLink(sm_links.CDFLink):
    """A link of statsmodels' kind that we have no version of."""

    def __init__(self):
        super().__init__(dbn=stats.t(5))

    def inverse_deriv2(self, z):
        return -6.0 * z / (5.0 + z**2) * self.dbn.pdf(z)


OUTPUT_ONLY = {
    "inverse_squared": get(sm_links.InverseSquared()),
    "logc": get(sm_links.LogC()),
    "rescaled tanh": get(Tanh()),
    "cube root": get(sm_links.Power(1 / 3)),
    "power -1.7": get(sm_links.Power(-1.7)),
    "negative binomial": get(sm_links.NegativeBinomial(alpha=0.7)),
    "Student": get(StudentLink()),
}
ONE_BY_ONE = [name for name in names() if not get(name).across]
LINKS = {**{name: get(name) for name in ONE_BY_ONE}, **OUTPUT_ONLY}
every_link = pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
EXTREMES = np.array([-800.0, -750.0, -709.6, -40.0, 0.0, 40.0, 709.6, 750.0, 800.0])

PROBABILITIES = {
    "logistic": stats.logistic,
    "probit": stats.norm,
    "cauchit": stats.cauchy,
    "cloglog": stats.gumbel_l,
    "loglog": stats.gumbel_r,
}


def inside(link: Link, low: float = -6.0, high: float = 6.0) -> np.ndarray:
    """Points of the domain, none of them a kink."""
    return np.linspace(max(link.domain[0] + 0.3, low), min(link.domain[1] - 0.3, high), 41) + 0.07


def slope(function, x, step=1e-3):
    """Central difference with an error of the fourth order."""
    near = function(x + step) - function(x - step)
    far = function(x + 2 * step) - function(x - 2 * step)
    return (8 * near - far) / (12 * step)


@every_link
def test_derivatives_are_those_of_the_value(link):
    eta = inside(link)
    _, h1, h2 = link.evaluate(eta, 2)
    np.testing.assert_allclose(h1, slope(link.inverse, eta), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(h2, slope(link.deriv1, eta), rtol=1e-6, atol=1e-8)


@every_link
def test_each_order_repeats_the_lower_ones(link):
    eta = inside(link)
    full = link.evaluate(eta, 2)
    for order in (0, 1):
        parts = link.evaluate(eta, order)
        assert len(parts) == order + 1
        for part, expected in zip(parts, full, strict=False):
            np.testing.assert_array_equal(part, expected)
    np.testing.assert_array_equal(link.deriv2(eta), full[2])


@every_link
def test_the_arrays_may_be_written_to(link):
    eta = inside(link)
    kept = eta.copy()
    parts = link.evaluate(eta, 2)
    for part in parts:
        part[...] = np.nan
        assert not np.shares_memory(part, eta)
    np.testing.assert_array_equal(eta, kept)
    assert not any(np.shares_memory(parts[i], parts[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


@every_link
@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_value_may_take_the_memory_of_eta(link, order):
    eta = inside(link).reshape(1, -1)
    expected = link.evaluate(eta, order)
    parts = link.overwrite(eta, order)
    assert parts[0] is eta
    for part, other in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part, other)
    assert not any(np.may_share_memory(part, eta) for part in parts[1:])


@every_link
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nothing_is_nan_far_out(link, dtype):
    eta = EXTREMES.astype(dtype)
    for part in (*link.evaluate(eta, 2), *link.tails(eta)):
        assert part.dtype == dtype
        assert not np.isnan(part).any()


@every_link
def test_single_precision_is_the_rounded_double(link):
    eta = inside(link, -4.0, 4.0).astype(np.float32)
    single = link.evaluate(eta, 2)
    double = link.evaluate(eta.astype(np.float64), 2)
    for left, right in zip(single, double, strict=True):
        assert left.dtype == np.float32
        np.testing.assert_allclose(left, right, rtol=2e-4, atol=2e-6)


@every_link
def test_any_shape_and_plain_numbers(link):
    eta = inside(link)[:6].reshape(2, 3)
    assert all(part.shape == (2, 3) for part in link.evaluate(eta, 2))
    one = link.evaluate(float(eta[0, 0]), 2)
    for part, rows in zip(one, link.evaluate(eta, 2), strict=True):
        assert part.shape == ()
        assert part == pytest.approx(rows[0, 0], rel=1e-14)
    assert all(part.shape == () for part in link.tails(float(eta[0, 0])))
    assert link.inverse(1).dtype == np.float64


@every_link
def test_declared_parity(link):
    a = np.linspace(0.1, 5.0, 11)
    left, right = link.inverse(-a), link.inverse(a)
    expected = {"odd": -right, "even": right, "reflection": 1.0 - right}
    if link.parity is not None:
        np.testing.assert_allclose(left, expected[link.parity], rtol=1e-12, atol=1e-14)
    if link.odd_part is not None:
        np.testing.assert_allclose(right - left, link.odd_part * a, rtol=1e-12, atol=1e-14)


@every_link
def test_declared_continuous_symmetry(link):
    a = inside(link, -3.0, 3.0)
    if link.group == "scale":
        np.testing.assert_allclose(
            link.inverse(1.7 * a), 1.7**link.degree * link.inverse(a), rtol=1e-12
        )
    elif link.group == "shift":
        np.testing.assert_allclose(link.inverse(a + 0.4), np.exp(0.4) * link.inverse(a), rtol=1e-12)
    elif link.group == "linear":
        np.testing.assert_allclose(link.inverse(3 * a - 1), 3 * link.inverse(a) - 1, rtol=1e-12)


def _changes(left, right):
    """Whether the ratio differs from row to row, rows of zero left out."""
    nonzero = right != 0.0
    return np.ptp(left[nonzero] / right[nonzero]) > 1e-3


@every_link
def test_undeclared_symmetries_are_absent(link):
    a = inside(link, -2.0, 2.0)
    if link.group not in ("scale", "linear"):
        assert _changes(link.inverse(1.7 * a), link.inverse(a))
    if link.group != "shift":
        assert _changes(link.inverse(a + 0.1), link.inverse(a))


@every_link
def test_kinks_are_declared(link):
    curved = np.abs(link.deriv2(inside(link))).max() > 0.0
    assert link.kinked == (not curved and link.name != "identity")


@every_link
def test_the_link_undoes_its_inverse(link):
    if link.forward is None:
        pytest.skip("not monotone")
    eta = inside(link, 0.05 if link.parity == "even" else -3.0, 3.0)
    np.testing.assert_allclose(link.link(link.inverse(eta)), eta, rtol=1e-9, atol=1e-9)


@every_link
def test_tails_are_those_of_the_mean(link):
    eta = inside(link, -2.5, 2.5)
    mu, mu1, mu2 = link.evaluate(eta, 2)
    valid = (mu > 0.0) & (mu < 1.0)
    log_mean, log_rest, mean_ratio, rest_ratio, curvature = link.tails(eta)
    assert np.isneginf(log_mean[~valid]).all()
    assert np.isneginf(log_rest[~valid]).all()
    assert not mean_ratio[~valid].any()
    assert not rest_ratio[~valid].any()
    mu, mu1, mu2 = mu[valid], mu1[valid], mu2[valid]
    np.testing.assert_allclose(log_mean[valid], np.log(mu), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(log_rest[valid], np.log1p(-mu), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mean_ratio[valid], mu1 / mu, rtol=1e-9)
    np.testing.assert_allclose(rest_ratio[valid], mu1 / (1 - mu), rtol=1e-9)
    np.testing.assert_allclose((curvature[valid] * mu1), mu2, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", PROBABILITIES)
def test_distribution_functions(name):
    link, law = get(name), PROBABILITIES[name]
    eta = np.linspace(-30.0, 30.0, 61)
    np.testing.assert_allclose(link.inverse(eta), law.cdf(eta), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(link.deriv1(eta), law.pdf(eta), rtol=1e-11, atol=1e-15)
    log_mean, log_rest, mean_ratio, rest_ratio, _ = link.tails(eta)
    np.testing.assert_allclose(log_mean, law.logcdf(eta), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(log_rest, law.logsf(eta), rtol=1e-9, atol=1e-300)
    left, right = eta <= 0.0, eta >= 0.0
    ratio = np.exp(law.logpdf(eta) - law.logcdf(eta))
    np.testing.assert_allclose(mean_ratio[left], ratio[left], rtol=1e-9)
    ratio = np.exp(law.logpdf(eta) - law.logsf(eta))
    np.testing.assert_allclose(rest_ratio[right], ratio[right], rtol=1e-9)


def test_smooth_tobit_is_the_mean_of_a_censored_normal():
    for eta in (-3.0, -0.4, 0.0, 1.3):
        expected, _ = integrate.quad(
            lambda e, shift=eta: (shift + e) * stats.norm.pdf(e), -eta, 40.0, epsabs=1e-13
        )
        assert get("smooth_tobit").inverse(eta) == pytest.approx(expected, rel=1e-9)


def test_formulas_of_the_other_units():
    a = np.linspace(-5.0, 5.0, 21)
    expected = {
        "tanh": np.tanh(a),
        "softplus": np.logaddexp(0.0, a),
        "gelu": 0.5 * a * (1.0 + special.erf(a / np.sqrt(2.0))),
        "silu": a * special.expit(a),
        "elu": np.where(a > 0.0, a, np.exp(np.minimum(a, 0.0)) - 1.0),
        "relu": np.where(a > 0.0, a, 0.0),
        "leaky_relu": np.where(a > 0.0, a, 0.01 * a),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(get(name).inverse(a), value, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("link", [link for key, link in LINKS.items() if key != "Student"])
def test_pickles_to_its_equal(link):
    assert pickle.loads(pickle.dumps(link)) == link

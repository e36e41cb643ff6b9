"""Covariances of functions of a fit, where they are known exactly."""

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.inference.uncertainty import Functional


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(5)
    n = 120
    x = rng.normal(size=(2, n))
    eta = 0.4 + 0.5 * x[0] - 0.3 * x[1]
    return pd.DataFrame(
        {
            "x1": x[0],
            "x2": x[1],
            "y": eta + (0.3 + 0.4 * np.abs(x[0])) * rng.normal(size=n),
            "count": rng.poisson(np.exp(eta)),
            "times": rng.integers(1, 4, n),
            "g": np.arange(n) // 6,
        }
    )


def mean_of_fitted(results, population=True):
    """The average fitted mean; by the score equation of the intercept that of the response."""
    fitted = results._numbers.fitted
    X = fitted.rows.designs[0]

    def mu(theta):
        return fitted.mean_family.mean(theta @ X)

    def value(theta, share):
        return np.array([share @ mu(theta)])

    def jacobian(theta):
        slope = fitted.mean_family.link.evaluate(theta @ X, 1)[1]
        share = fitted.rows.freq / fitted.wnobs
        return (X @ (share * slope))[None]

    return Functional(value, jacobian, (lambda theta: mu(theta)[None]) if population else None)


@pytest.mark.parametrize(
    ("response", "family"), [("y", None), ("count", dg.Poisson())], ids=["Gaussian", "Poisson"]
)
def test_robust_error_of_the_mean_fitted_value_is_that_of_the_mean_response(
    frame, response, family
):
    fit = dg.DeepGLM(f"{response} ~ x1 + x2", frame, family=family, hidden=())
    fit = fit.fit(cov_type="HC0")
    y = frame[response].to_numpy(dtype=float)
    expected = ((y - y.mean()) ** 2).sum() / len(y) ** 2
    assert fit._delta.covariance(mean_of_fitted(fit)) == pytest.approx(expected, rel=1e-8)


def test_frequencies_count_in_the_term_of_the_rows(frame):
    fit = dg.DeepGLM("y ~ x1 + x2", frame, hidden=(), freq_weights="times").fit(cov_type="HC0")
    y = np.repeat(frame["y"].to_numpy(), frame["times"])
    expected = ((y - y.mean()) ** 2).sum() / len(y) ** 2
    assert fit._delta.covariance(mean_of_fitted(fit)) == pytest.approx(expected, rel=1e-8)


def test_clusters_are_summed_before_they_are_squared(frame):
    options = {"groups": frame["g"], "use_correction": False}
    fit = dg.DeepGLM("y ~ x1 + x2", frame, hidden=()).fit(cov_type="cluster", cov_kwds=options)
    sums = (frame["y"] - frame["y"].mean()).groupby(frame["g"]).sum()
    expected = (sums**2).sum() / len(frame) ** 2
    assert fit._delta.covariance(mean_of_fitted(fit)) == pytest.approx(expected, rel=1e-8)


def test_model_based_error_adds_the_spread_of_the_rows(frame):
    fit = dg.DeepGLM("y ~ x1 + x2", frame, hidden=()).fit()
    here = fit._delta.covariance(mean_of_fitted(fit, population=False))
    both = fit._delta.covariance(mean_of_fitted(fit))
    n = len(frame)
    assert here == pytest.approx(fit.scale / n, rel=1e-9)
    assert both - here == pytest.approx(fit.fittedvalues.var(ddof=0) / n, rel=1e-9)


def test_an_effect_that_is_a_coefficient_has_its_error(frame):
    fit = dg.DeepGLM("y ~ x1 + x2", frame, hidden=()).fit()
    T = fit._numbers.to_user
    f = Functional(lambda theta, share: T @ theta, lambda theta: T)
    assert fit._delta.errors(f) == pytest.approx(fit.bse.to_numpy(), rel=1e-10)


def test_refits_average_with_their_weights(frame):
    fit = dg.DeepGLM("count ~ x1 + x2", frame, family=dg.Poisson(), hidden=()).fit()
    fit = fit.bootstrap(n=30, seed=3)
    values = fit._resampled.values(mean_of_fitted(fit))[:, 0]
    y = frame["count"].to_numpy(dtype=float)
    expected = [share @ y for share in fit._draws.shares()]
    # refits stop within 1e-4 log-likelihood units of their maximum
    assert values == pytest.approx(np.array(expected), abs=2e-3)
    assert np.std(values) > 0.05


def test_refits_never_say_less_than_the_delta_method(frame):
    fit = dg.DeepGLM("y ~ x1 + x2", frame, hidden=()).fit().bootstrap(n=40, seed=1)
    f = mean_of_fitted(fit, population=False)
    resampled, delta = fit._resampled.errors(f), fit._delta.errors(f)
    assert (resampled >= delta * (1 - 1e-12)).all()
    V = fit._resampled.covariance(mean_of_fitted(fit))
    assert V.shape == (1, 1)

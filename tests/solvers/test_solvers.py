"""Every solver reaches the same certified point; certificates say what is true."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import ConvergenceWarning, SeparationWarning, SingleStartWarning
from deepglm.solvers import METHODS, Status
from deepglm.solvers.methods import choose, operations
from deepglm.solvers.multistart import default_starts


def table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    z = rng.uniform(-1.7, 1.7, n)
    eta = 0.3 + 0.4 * z + 1.2 * np.tanh(1.5 * x - z)
    frame = pd.DataFrame({"x": x, "z": z})
    frame["gaussian"] = eta + 0.5 * rng.standard_normal(n)
    frame["count"] = rng.poisson(np.exp(0.7 * eta))
    frame["binary"] = (rng.uniform(size=n) < 1 / (1 + np.exp(-1.5 * eta))).astype(int)
    return frame


DATA = table()
MODELS = {
    "gaussian": ("gaussian ~ x + z", dg.Gaussian()),
    "poisson": ("count ~ x + z", dg.Poisson()),
    "binomial": ("binary ~ x + z", dg.Binomial()),
}


def fit(name, **keywords):
    formula, family = MODELS[name]
    known = ("hidden", "penalty", "activation", "skip")
    options = {k: keywords.pop(k) for k in known if k in keywords}
    options.setdefault("hidden", (2,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingleStartWarning)
        return dg.DeepGLM(formula, DATA, family, **options).fit(inference=None, **keywords)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "auto"])
@pytest.mark.parametrize("name", MODELS)
def test_every_method_ends_at_the_certified_point(name, method):
    best = fit(name, seed=1, starts=8)
    again = fit(name, method=method, start_params=best.params + 1e-3, maxiter=2000)
    assert best.certificate.certified
    assert again.certificate.certified, again.certificate
    assert again.certificate.decrement < 1e-6
    np.testing.assert_allclose(again.penalized_llf, best.penalized_llf, rtol=0, atol=1e-6)
    assert again.method == {"irls": "fisher"}.get(method, method)


@pytest.mark.parametrize("name", MODELS)
def test_certified_means_that_the_penalised_score_is_zero(name):
    results = fit(name, seed=0)
    scale = results._estimate.scale_objective
    score = results.model.penalized_score(results.params, scale)
    step = np.linalg.solve(-results.model.penalized_hessian(results.params, scale), score)
    assert 0.5 * score @ step < 1e-6


@pytest.mark.parametrize("hidden", [(3,), (3, 2), (2, 2, 2)])
@pytest.mark.parametrize("name", ["poisson", "binomial", "gaussian"])
def test_balance_of_deep_fits(name, hidden):
    results = fit(name, hidden=hidden, seed=0, starts=4)
    y = np.asarray(results.model.endog, dtype=float)
    assert abs(y.sum() - results.mu.sum()) / abs(y.sum()) < 1e-8


def test_a_network_with_skip_is_at_least_as_good_as_its_glm():
    for name in MODELS:
        assert fit(name, seed=0).llf > fit(name, hidden=()).llf - 1e-6


def test_unpenalised_two_unit_fit_agrees_with_a_general_optimiser():
    from scipy.optimize import minimize

    results = fit("gaussian", penalty=None, skip=False, hidden=(1,), seed=0)
    assert results.certificate.certified
    x, z, y = DATA.x.to_numpy(), DATA.z.to_numpy(), DATA.gaussian.to_numpy()

    def rss(t):
        return np.sum((y - t[0] - t[4] * np.tanh(t[1] + t[2] * x + t[3] * z)) ** 2)

    p = results.params.to_numpy()
    own = rss(p)
    other = minimize(rss, p * 1.3 + 0.05, method="BFGS", options={"gtol": 1e-9})
    assert own == pytest.approx(other.fun, rel=1e-8)
    assert results.deviance == pytest.approx(own, rel=1e-10)


def test_same_seed_same_bits_for_any_number_of_threads():
    one = fit("poisson", seed=3, starts=6, n_jobs=1)
    two = fit("poisson", seed=3, starts=6, n_jobs=2)
    assert (one.params.to_numpy() == two.params.to_numpy()).all()


def test_time_limit_stops_and_says_so():
    with pytest.warns(ConvergenceWarning, match="max_seconds"):
        results = fit("binomial", hidden=(6, 4), max_seconds=1e-9, starts=3)
    assert results.certificate.status is Status.OUT_OF_TIME
    assert np.isfinite(results.predict()).all()
    assert results.bse.isna().all()


def test_too_few_steps_are_not_certified():
    with pytest.warns(ConvergenceWarning, match="not a stationary point|saddle"):
        results = fit("binomial", hidden=(3,), maxiter=1, starts=2)
    assert not results.converged


@pytest.mark.parametrize("link", ["Logit", "Probit", "CLogLog", "Cauchy"])
def test_separation_is_named(link):
    data = DATA.assign(y=(DATA.x > 0.2).astype(int))
    family = dg.Binomial(getattr(dg.families.links, link)())
    with pytest.warns(SeparationWarning, match="'x'"):
        results = dg.DeepGLM("y ~ x + z", data, family, hidden=()).fit()
    assert results.certificate.status is Status.SEPARATED
    assert results.bse.isna().all()


def test_separation_by_an_empty_cell_of_counts():
    data = DATA.assign(g=np.where(DATA.x > 1, "b", "a"))
    data["c"] = data["count"] * (data.g == "a")
    with pytest.warns(SeparationWarning, match=r"g\[T.b\]"):
        dg.DeepGLM("c ~ z + g", data, dg.Poisson(), hidden=()).fit()


def test_overlapping_responses_are_not_called_separated():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = DATA.assign(x=20 * DATA.x)
        results = dg.DeepGLM("binary ~ x + z", data, dg.Binomial(), hidden=()).fit()
    assert results.certificate.certified


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_piecewise_linear_networks_end_with_a_true_verdict(activation):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        results = fit("gaussian", activation=activation, hidden=(3,), seed=0, starts=8)
    verdict = results.certificate
    ends = (Status.CERTIFIED, Status.AT_A_KINK, Status.STUCK_AT_A_KINK, Status.NOT_STATIONARY)
    assert verdict.status in ends
    if verdict.certified:
        assert verdict.decrement < 1e-6


@pytest.mark.parametrize(
    "activation",
    "logistic probit cloglog loglog softplus smooth_tobit gelu silu elu exp".split(),
)
def test_smooth_activations_certify(activation):
    results = fit("poisson", activation=activation, hidden=(2,), seed=0, starts=8)
    assert results.certificate.certified, results.certificate
    assert results.certificate.rank == results.certificate.size


def test_a_saddle_is_left():
    """Hidden units that are all zero are stationary but no maximum: the fit moves on."""
    best = fit("gaussian", skip=False, seed=0)
    start = np.zeros(len(best.params))
    start[0] = DATA.gaussian.mean()
    again = fit("gaussian", skip=False, start_params=start)
    assert again.certificate.certified
    assert again.deviance < 0.7 * again.null_deviance
    np.testing.assert_allclose(again.penalized_llf, best.penalized_llf, atol=20)


def test_choice_of_method_and_number_of_starts_are_counted():
    cases = [(1_000, 20, "scoring"), (1_000_000, 40, "scoring"), (100_000, 200, "whitened")]
    for n, p, name in cases:
        solver, reason = choose("auto", operations(n, p), None, None)
        assert solver.name == name
        assert "counted operations" in reason
    assert default_starts(operations(200, 20)["scoring"]) > 4 * default_starts(
        operations(20_000, 45)["scoring"]
    )
    assert default_starts(operations(1_000_000, 900)["whitened"]) == 2
    with pytest.raises(dg.errors.SpecificationError, match="accepted are 'auto'"):
        choose("adam", operations(10, 10), None, None)


def test_whitened_and_scoring_agree_on_a_larger_network():
    data = table(3000, seed=5)
    penalty = dg.L2(1.0, "hidden")
    model = dg.DeepGLM("count ~ x + z", data, dg.Poisson(), hidden=(8,), penalty=penalty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingleStartWarning)
        first = model.fit(inference=None, method="whitened", seed=2, starts=2)
        second = model.fit(inference=None, method="scoring", start_params=first.params)
    assert first.certificate.certified
    assert second.certificate.certified
    assert first.penalized_llf == pytest.approx(second.penalized_llf, abs=1e-5)


def test_a_time_limit_of_the_whitened_solver_is_no_other_error():
    with pytest.warns(ConvergenceWarning, match="max_seconds"):
        results = fit("poisson", method="whitened", max_seconds=1e-9, starts=1)
    assert np.isfinite(results.penalized_llf)


def test_a_long_separation_names_a_few_columns():
    data = DATA.assign(g=np.arange(len(DATA)) // 10)
    data["y"] = (data.g % 2 == 0).astype(int)
    with pytest.warns(SeparationWarning, match=r"and \d+ more"):
        dg.DeepGLM("y ~ C(g)", data, dg.Binomial(), hidden=()).fit()


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_the_response_does_not_matter(unit):
    n = len(DATA)
    one = fit("gaussian", seed=1, starts=12)
    data = DATA.assign(gaussian=unit * DATA.gaussian)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingleStartWarning)
        model = dg.DeepGLM("gaussian ~ x + z", data, hidden=(2,))
        other = model.fit(inference=None, seed=1, starts=12)
    assert one.certificate.certified
    assert other.certificate.certified
    assert other.penalized_llf + n * np.log(unit) == pytest.approx(one.penalized_llf, abs=1e-6)
    assert other.edf == pytest.approx(one.edf, rel=1e-6)
    np.testing.assert_allclose(other.predict() / unit, one.predict(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ["scoring", "whitened", "irls"])
def test_one_relu_unit_does_not_let_a_saddle_pass(method):
    """A dead tanh unit that would help is a saddle, whatever other units are there."""
    rng = np.random.default_rng(1)
    x, w = rng.integers(0, 6, 60).astype(float), rng.normal(size=60)
    y = np.abs(x - 3) + np.tanh(2 * w) + rng.normal(size=60) * 0.5
    data = pd.DataFrame({"x": x, "w": w, "y": y})
    relu = "deep(x, units=(2,), activation='relu')"
    model = dg.DeepGLM(f"y ~ x + deep(w, units=(1,), activation='tanh') + {relu}", data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingleStartWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        alone = dg.DeepGLM(f"y ~ x + {relu}", data).fit(inference=None, seed=1, starts=10).params
        known = {k if "layer" not in k else f"deep2.{k}": v for k, v in alone.items()}
        start = [known.get(name, 0.0) for name in model.exog_names]
        results = model.fit(inference=None, method=method, start_params=start)
    if results.certificate.certified:
        assert results.certificate.smallest_eigenvalue > 0
        assert results.penalized_llf > -50
    else:
        assert results.certificate.status in (
            Status.SADDLE,
            Status.AT_A_KINK,
            Status.STUCK_AT_A_KINK,
        )


def test_rows_on_the_kink_are_no_certified_maximum():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=200), rng.normal(size=200)
    y = np.sin(2 * x) + 0.5 * z**2 + 0.2 * rng.normal(size=200)
    data = pd.DataFrame({"x": x, "z": z, "y": y})
    model = dg.DeepGLM("y ~ z + deep(x, units=(2,), activation='relu')", data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        params = model.fit(inference=None, seed=1, starts=4).params.copy()
        params[[name for name in params.index if "[" in name and "unit" in name]] = 0.0
        results = model.fit(inference=None, start_params=params.to_numpy())
    assert results.certificate.status is Status.STUCK_AT_A_KINK
    assert results.bse.isna().all()


@pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")
def test_public_likelihood_is_what_the_fit_maximised():
    for rows in (25, 60):
        results = dg.DeepGLM("gaussian ~ x", DATA[:rows], hidden=(4,)).fit(
            inference=None, seed=0, starts=16
        )
        model = results.model
        assert model.penalized_loglike(results.params) == pytest.approx(results.penalized_llf)

"""Refits to resampled rows: their weights, their determinism, and where they may end."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import DataError, NotAvailableError, SpecificationError
from deepglm.execution import workers
from deepglm.families import Level
from deepglm.inference import resampling
from deepglm.inference.resampling import Plan, draws
from deepglm.predictor import pack


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(8)
    n = 150
    x = rng.normal(size=(2, n))
    mean = np.tanh(1.5 * x[0]) - 0.8 * np.tanh(x[1] - 0.5)
    return pd.DataFrame(
        {
            "x1": x[0],
            "x2": x[1],
            "y": mean + 0.4 * rng.normal(size=n),
            "g": np.repeat(np.arange(30), 5),
        }
    )


@pytest.fixture(scope="module")
def network(frame):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dg.DeepGLM("y ~ x1 + x2", frame, hidden=(2,)).fit(inference="delta")


@pytest.mark.parametrize("kind", ["weights", "pairs", "cluster"])
def test_frequencies_keep_their_sum_and_are_not_negative(kind):
    freq = np.array([1.0, 2.0, 0.0, 5.0, 1.0, 1.0])
    plan = Plan(kind, 50, 4, groups=np.array([0, 0, 1, 1, 2, 2]))
    for k in range(50):
        drawn = plan.frequencies(k, freq)
        assert drawn.sum() == pytest.approx(freq.sum())
        assert (drawn >= 0).all()
        assert drawn[2] == 0.0


def test_a_frequency_is_that_many_rows():
    """Mean and variance of a row's weight grow with its frequency, as those of a sum do."""
    plan = Plan("weights", 20_000, 1)
    freq = np.r_[4.0, np.ones(400)]
    drawn = np.array([plan.frequencies(k, freq)[:2] for k in range(plan.size)])
    assert drawn.mean(axis=0) == pytest.approx([4.0, 1.0], rel=0.03)
    assert drawn.var(axis=0) == pytest.approx([4.0, 1.0], rel=0.06)


def test_rows_of_a_cluster_have_one_weight():
    groups = np.array([0, 1, 0, 2, 1])
    drawn = Plan("cluster", 1, 0, groups=groups).frequencies(0, np.ones(5))
    assert drawn[0] == drawn[2]
    assert drawn[1] == drawn[4]
    assert len(set(drawn.tolist())) == 3


def test_a_refit_depends_neither_on_how_many_there_are_nor_on_threads(network):
    problem, phi = network._refitted_problem, network._estimate.scale_objective
    modes = network._mode_thetas
    few = draws(problem, phi, modes, Plan("weights", 4, 9), n_jobs=1)
    many = draws(problem, phi, modes, Plan("weights", 8, 9), n_jobs=3)
    assert np.array_equal(few.everything, many.everything[:4])
    other = draws(problem, phi, modes, Plan("weights", 4, 10), n_jobs=1)
    assert not np.array_equal(few.everything, other.everything)


def test_refits_end_no_higher_than_from_the_estimate_alone(network):
    problem, phi = network._refitted_problem, network._estimate.scale_objective
    plan = Plan("weights", 12, 2)
    alone = draws(problem, phi, [network._estimate.theta], plan, fresh=0, n_jobs=1)
    several = draws(problem, phi, network._mode_thetas, plan, n_jobs=1)

    def objective(theta, k):
        rows = replace(problem.rows, freq=plan.frequencies(k, problem.rows.freq))
        with workers(1, rows.n) as crew:
            here = replace(problem, rows=rows).objective(crew, phi)
            return here.at(theta[here.free], Level.VALUE).value

    gains = [
        objective(a, k) - objective(b, k)
        for k, (a, b) in enumerate(zip(alone.everything, several.everything, strict=True))
    ]
    assert min(gains) > -2e-4  # both stop within 1e-4 of an optimum
    assert not alone.moved.any()


def test_errors_of_an_ordinary_model_are_those_of_theory(frame):
    glm = dg.DeepGLM("y ~ x1 + x2", frame, hidden=()).fit(cov_type="HC0")
    found = resampling.covariance(
        draws(
            glm._refitted_problem,
            glm._estimate.scale_objective,
            [glm._estimate.theta],
            Plan("weights", 600, 3),
            fresh=0,
        ),
        glm._refitted_problem,
        glm._estimate.theta,
        glm._estimate.free,
    )
    V = glm._numbers.covariance(glm._request).cov
    # a standard deviation of 600 draws is known to 3 per cent
    assert np.sqrt(np.diag(found) / np.diag(V)) == pytest.approx(np.ones(3), abs=0.1)


def test_units_are_matched_before_their_coefficients_are_compared(network):
    """Turning and swapping the units of the fit turns and swaps the covariance, no more."""
    found = network.bootstrap(n=25, seed=5)
    fitted = network._numbers.fitted
    predictor = fitted.predictor
    c = predictor.unpack(fitted.theta.copy())
    c.layers[0][0][:] = -c.layers[0][0][::-1]
    c.outputs[0][:] = -c.outputs[0][:, ::-1]
    problem, free = network._refitted_problem, fitted.free
    turned = resampling.covariance(found._draws, problem, pack(c), free)
    straight = resampling.covariance(found._draws, problem, fitted.theta, free)
    assert np.sort(np.diag(turned)) == pytest.approx(np.sort(np.diag(straight)), rel=1e-8)


def test_a_result_of_refits_says_so(network):
    found = network.bootstrap(n=25, seed=5)
    assert (network.cov_type, found.cov_type) == ("nonrobust", "bootstrap")
    assert found.inference.method == "bootstrap"
    assert found.inference.refits == 25
    assert found.cov_kwds == {"kind": "weights", "n": 25}
    assert not np.allclose(found.bse, network.bse)
    again = found.get_robustcov_results("nonrobust")
    assert np.array_equal(again.bse, network.bse, equal_nan=True)
    assert again.get_robustcov_results("bootstrap").bse.equals(found.bse)


def test_parametric_refits_draw_responses(frame):
    glm = dg.DeepGLM("y ~ x1 + x2", frame, hidden=()).fit()
    found = glm.bootstrap(n=300, kind="parametric", seed=2)
    assert (found.bse / glm.bse).to_numpy() == pytest.approx(np.ones(3), abs=0.13)


def test_clusters_are_resampled_where_the_covariance_is_clustered(frame):
    model = dg.DeepGLM("y ~ x1 + x2", frame, hidden=(2,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": frame["g"]}, inference="delta")
    assert fit.bootstrap(n=20)._draws.plan.kind == "cluster"
    plain = model.fit(inference="delta").bootstrap(n=20)
    clustered = plain.get_robustcov_results("cluster", groups=frame["g"])
    assert clustered._fitting_draws is None  # those refits took rows one by one


def test_without_refits_there_is_no_such_covariance(network):
    with pytest.raises(NotAvailableError, match=r"results\.bootstrap\(\)"):
        network.get_robustcov_results("bootstrap")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 5}, "n=5"),
        ({"kind": "jackknife"}, "'weights', 'pairs', 'cluster', 'parametric'"),
        ({"kind": "cluster"}, "needs groups="),
        ({"groups": [1, 2]}, "shape \\(2,\\)"),
        ({"groups": np.zeros(150)}, "one cluster"),
        ({"kind": "pairs", "groups": np.zeros(150)}, "kind='cluster'"),
    ],
)
def test_requests_that_make_no_sense(network, options, words):
    with pytest.raises(SpecificationError, match=words):
        network.bootstrap(**options)


def test_no_inference_is_no_inference(frame):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = dg.DeepGLM("y ~ x1 + x2", frame, hidden=(2,)).fit(inference=None)
    assert fit.inference.method == "withheld"
    assert fit._uncertainty is None
    with pytest.raises(SpecificationError, match="'auto', 'delta', 'bootstrap' and None"):
        dg.DeepGLM("y ~ x1 + x2", frame, hidden=(2,)).fit(inference="always")


def test_parametric_refits_of_proportions_know_the_trials():
    rng = np.random.default_rng(1)
    x, trials = rng.normal(size=80), rng.integers(5, 20, 80)
    won = rng.binomial(trials, 1 / (1 + np.exp(-x)))
    data = pd.DataFrame({"x": x, "n": trials, "won": won, "lost": trials - won, "p": won / trials})
    counts = dg.DeepGLM("won + lost ~ x", data, dg.Binomial(), hidden=()).fit()
    shares = dg.DeepGLM("p ~ x", data, dg.Binomial(), hidden=(), var_weights="n").fit()
    a, b = (fit.bootstrap(n=60, kind="parametric", seed=1).bse for fit in (counts, shares))
    assert b.to_numpy() == pytest.approx(a.to_numpy(), rel=1e-12)
    assert (a / counts.bse).to_numpy() == pytest.approx(np.ones(2), abs=0.25)
    assert shares.simulate(seed=3).equals(counts.simulate(seed=3))
    frames = [fit.get_prediction().summary_frame() for fit in (counts, shares)]
    pd.testing.assert_frame_equal(*frames)


def test_no_parametric_refits_where_nothing_can_be_drawn(frame):
    data = frame.assign(count=np.arange(150) % 4, times=np.arange(150) % 3 + 1)
    quasi = dg.DeepGLM("count ~ x1", data, dg.Poisson(), hidden=()).fit(scale="X2")
    with pytest.raises(NotAvailableError, match="dispersion"):
        quasi.bootstrap(n=20, kind="parametric")
    often = dg.DeepGLM("count ~ x1", data, dg.Poisson(), hidden=(), freq_weights="times").fit()
    with pytest.raises(NotAvailableError, match="repeat the rows"):
        often.bootstrap(n=20, kind="parametric")


def test_rows_without_a_label_are_named(frame):
    glm = dg.DeepGLM("y ~ x1", frame, hidden=()).fit()
    groups = frame["g"].astype(float)
    groups[7] = np.nan
    for make in (
        lambda: glm.bootstrap(n=20, groups=groups),
        lambda: glm.get_robustcov_results("cluster", groups=groups),
    ):
        with pytest.raises(DataError, match="no label in row 7"):
            make()


def test_p_values_of_another_covariance_are_not_shown(frame):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = dg.DeepGLM("y ~ x1 + x2", frame, hidden=(2,)).fit(starts=3, inference="delta")
    assert "P any form" in str(fit.summary())
    assert "P any form" in str(fit.bootstrap(n=20).summary())
    for other in (
        fit.get_robustcov_results("cluster", groups=frame["g"]),
        fit.bootstrap(n=20, groups=frame["g"]),
    ):
        text = str(other.summary())
        assert "P any form" not in text
        assert "P: not made under this covariance" in text

"""Certificates say what is true of a point: of maxima, saddles, kinks, and where there is none."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import linprog
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

import deepglm as dg
from deepglm.errors import ConvergenceWarning, SeparationWarning
from deepglm.execution import workers
from deepglm.families import Level
from deepglm.solvers import Status, certify
from deepglm.solvers.certificate import spectrum
from deepglm.solvers.separation import separating_direction

pytestmark = pytest.mark.filterwarnings(
    "ignore::deepglm.errors.SingleStartWarning", "ignore::deepglm.errors.ConvergenceWarning"
)


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.standard_normal(n), "z": rng.uniform(-1.7, 1.7, n)})
    eta = 0.3 + 0.4 * frame.z + 1.2 * np.tanh(1.5 * frame.x - frame.z)
    frame["y"] = eta + 0.5 * rng.standard_normal(n)
    frame["count"] = rng.poisson(np.exp(0.7 * eta))
    return frame


DATA = table()


def at(model, params, scale=1.0):
    """Objective of a model with a fixed dispersion, and its free parameters at a point."""
    with workers(1, model.nobs) as crew:
        objective = model._problem.objective(crew, scale)
    theta = model._units.to_standard @ np.asarray(params, dtype=float)
    return objective.from_origin(theta), theta[objective.free]


# -- the spectrum ---------------------------------------------------------------------------


def test_spectrum_is_that_of_the_scaled_matrix():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((9, 4))
    H = A.T @ A
    units = np.array([1.0, 1e-6, 1e6, 3.0])
    one, other = spectrum(H), spectrum(H * units * units[:, None])
    np.testing.assert_allclose(one.values, other.values, rtol=1e-9)
    R = H / np.sqrt(np.outer(np.diag(H), np.diag(H)))
    np.testing.assert_allclose(one.values, np.linalg.eigvalsh(R))
    assert one.condition == pytest.approx(np.linalg.cond(R))
    assert one.rank == 4 and one.positive and not one.flat
    np.testing.assert_allclose(R @ one.weakest, one.smallest * one.weakest, atol=1e-12)
    g = rng.standard_normal(4)
    assert one.decrement(g) == pytest.approx(0.5 * g @ np.linalg.solve(H, g))


def test_a_repeated_column_costs_one_rank_and_the_condition_is_infinite_or_huge():
    A = np.random.default_rng(1).standard_normal((9, 3))
    A = np.column_stack((A, A[:, 0]))
    found = spectrum(A.T @ A)
    assert found.rank == 3 and found.flat and found.condition > 1e14
    np.testing.assert_allclose(np.abs(found.weakest), [0.5**0.5, 0, 0, 0.5**0.5], atol=1e-9)


def test_negative_and_missing_curvature():
    saddle = spectrum(np.diag([4.0, -1.0]))
    assert saddle.smallest == -1.0 and saddle.condition == np.inf
    assert saddle.decrement(np.zeros(2)) == np.inf and saddle.remaining(np.zeros(2)) == 0.0
    flat = spectrum(np.diag([4.0, 0.0]))
    assert flat.flat and flat.rank == 1
    assert flat.decrement(np.array([0.2, 0.0])) == pytest.approx(0.5 * 0.2**2 / 4)
    assert flat.decrement(np.array([0.0, 1e-3])) > 1
    # no curvature of its own, but a cross term: a saddle whatever its unit
    for unit in (1e-8, 1.0, 1e8):
        crossed = spectrum(np.array([[1.0, unit], [unit, 0.0]]))
        assert crossed.smallest < -0.5


# -- verdicts -------------------------------------------------------------------------------


def network(**options):
    return dg.DeepGLM("y ~ x + z", DATA, **{"hidden": (2,), **options})


def test_a_maximum_is_certified_and_a_step_away_from_it_is_not():
    model = network(penalty=dg.L2(1.0, "hidden"), hidden=(1,))
    results = model.fit(inference=None, seed=0, starts=6, scale=0.25)
    objective, x = at(model, results.params, 0.25)
    assert certify(objective, x).certified
    off = x + 1e-3
    verdict = certify(objective, off)
    assert verdict.status is Status.NOT_STATIONARY
    gain = objective.at(off, Level.VALUE).value - objective.at(x, Level.VALUE).value
    assert verdict.decrement == pytest.approx(gain, rel=0.01)


@pytest.mark.parametrize("why", [Status.OUT_OF_TIME, Status.INTERRUPTED])
def test_what_stopped_a_run_is_said_only_where_it_ended_early(why):
    model = network()
    results = model.fit(inference=None, seed=0, starts=6, scale=0.25)
    objective, x = at(model, results.params, 0.25)
    assert certify(objective, x, stopped=why).status is Status.CERTIFIED
    assert certify(objective, x + 1e-3, stopped=why).status is why


def test_every_status_has_a_sentence_and_all_but_one_a_remedy():
    for status in Status:
        assert status.sentence
        assert bool(status.remedy) == (status is not Status.CERTIFIED)
    assert {one.name for one in Status if one.no_maximum} == {
        "SEPARATED",
        "SATURATED",
        "ENDLESS",
        "EXACT_FIT",
        "AT_AN_END",
    }


def test_a_smaller_network_inside_a_larger_one_is_a_saddle():
    model = network(penalty=None, skip=False, hidden=(1,))
    small = model.fit(inference=None, seed=0, starts=6, scale=0.25).params
    double = network(penalty=None, skip=False, hidden=(2,))
    # the same unit twice, its coefficient split
    p = small.to_numpy()
    objective, x = at(double, np.r_[p[0], p[1:4], p[1:4], 0.6 * p[4], 0.4 * p[4]], 0.25)
    verdict = certify(objective, x)
    assert verdict.status in (Status.SADDLE, Status.FLAT)
    assert verdict.units.duplicate == (("layer1.unit1", "layer1.unit2"),)
    assert verdict.rank < verdict.size


def test_a_step_is_a_supremum():
    rng = np.random.default_rng(0)
    x = np.r_[rng.uniform(-2, -1, 50), rng.uniform(1, 2, 50)]
    data = pd.DataFrame({"x": x, "y": np.sign(x) + 0.1 * rng.standard_normal(100)})
    model = dg.DeepGLM("y ~ x", data, hidden=(1,), skip=False, penalty=None)
    results = model.fit(inference=None, seed=0)
    assert results.certificate.status is Status.SATURATED
    assert results.certificate.saturated == ("layer1.unit1",)
    assert "layer1.unit1" in str(results.summary())
    assert (
        dg.DeepGLM("y ~ x", data, hidden=(1,), skip=False)
        .fit(inference=None, seed=0)
        .certificate.certified
    )


def test_an_unpenalised_unit_without_an_optimum_and_with_a_huge_slope_runs_away():
    params = [0.0, 0.0, 0.0, 80.0, 1.0, 0.1]
    for penalty, status in ((None, Status.ENDLESS), ("weak", Status.NOT_STATIONARY)):
        model = network(hidden=(1,), activation="softplus", penalty=penalty, skip=False)
        objective, x = at(model, params[1:])
        assert certify(objective, x).status is status


@pytest.mark.parametrize("alpha", [10.0, 300.0])
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_a_unit_that_a_ridge_shrinks_away_is_dead_and_no_supremum(alpha, activation):
    options = {"hidden": (3,), "activation": activation}
    free = (
        network(penalty=dg.L2(alpha), **options).fit(inference=None, seed=0, starts=4).certificate
    )
    assert free.dead
    assert free.status is Status.FLAT  # nothing determines the intercept of a dead unit
    assert set(free.hardly_determined) <= {f"{unit}[Intercept]" for unit in free.dead}
    held = (
        network(penalty=dg.L2(alpha, "hidden"), **options)
        .fit(inference=None, seed=0, starts=4)
        .certificate
    )
    assert held.certified and held.dead == free.dead


@pytest.mark.parametrize("penalty", ["weak", None, dg.L2(1.0)])
def test_a_network_that_fits_exactly_has_no_maximum(penalty):
    x = np.linspace(0, 1, 30)
    data = pd.DataFrame({"x": x, "y": np.tanh(4 * x - 2)})
    with pytest.warns(ConvergenceWarning, match="dispersion goes to zero|not a stationary"):
        exact = dg.DeepGLM("y ~ x", data, hidden=(1,), penalty=penalty).fit(
            inference=None, seed=0, starts=2
        )
    if not isinstance(penalty, dg.L2):
        assert exact.certificate.status is Status.EXACT_FIT
        assert exact.bse.isna().all()
    np.testing.assert_allclose(exact.predict(), data.y, atol=1e-6)


def test_an_exact_fit_with_a_given_dispersion_is_certified():
    x = np.linspace(0, 1, 30)
    data = pd.DataFrame({"x": x, "y": np.tanh(4 * x - 2)})
    model = dg.DeepGLM("y ~ x", data, hidden=(1,), skip=False, penalty=None)
    assert model.fit(inference=None, seed=0, starts=2, scale=1.0).certificate.certified


@pytest.mark.parametrize("family", ["Gaussian", "Gamma", "InverseGaussian"])
def test_an_exact_glm_is_given_as_statsmodels_gives_it(family):
    x = np.linspace(0, 1, 30)
    y = 1 + 2 * x if family == "Gaussian" else np.exp(1 + 2 * x)
    link = {} if family == "Gaussian" else {"link": sm.families.links.Log()}
    X = sm.add_constant(pd.DataFrame({"x": x}))
    with pytest.warns(PerfectSeparationWarning):
        theirs = sm.GLM(y, X, family=getattr(sm.families, family)(**link)).fit()
    mine = dg.DeepGLM.from_arrays(y, X, getattr(dg, family)(**link), hidden=()).fit()
    np.testing.assert_allclose(mine.params, theirs.params, rtol=1e-10)
    assert mine.converged and mine.scale < 1e-15 and mine.bse.max() < 1e-8


# -- separation -----------------------------------------------------------------------------


def separated(X, end):
    """One linear programme over all rows (Konis 2007): whether the responses are separated."""
    signed, tied = X[end != 0] * end[end != 0, None], X[end == 0]
    found = linprog(
        -signed.sum(axis=0),
        A_ub=-signed if len(signed) else None,
        b_ub=np.zeros(len(signed)) if len(signed) else None,
        A_eq=tied if len(tied) else None,
        b_eq=np.zeros(len(tied)) if len(tied) else None,
        bounds=(-1, 1),
    )
    return found.fun < -1e-7


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("counts", [False, True])
def test_the_programme_over_few_rows_agrees_with_that_over_all(seed, counts):
    rng = np.random.default_rng(seed)
    n, p = 60, int(rng.integers(1, 5))
    # small whole numbers: many ties, and separation in about half of the samples
    X = np.column_stack((np.ones(n), rng.integers(-2, 3, (n, p)).astype(float)))
    trials = 2.0 if counts and seed % 2 else 1.0
    lean = X @ rng.integers(-2, 3, p + 1)
    y = np.where(lean > 0, 1.0, np.where(lean < 0, 0.0, rng.integers(0, 2, n)))
    if trials > 1:
        y[lean == 0] = 0.5
    if seed % 3 == 0:
        y[:2] = 1 - y[:2]
    if counts:
        y = rng.poisson(3.0, n) * y
    family = dg.Poisson() if counts else dg.Binomial()
    if len(np.unique(y)) < 2 or np.linalg.matrix_rank(X) < p + 1:
        pytest.skip("not a sample")
    model = dg.DeepGLM.from_arrays(y, X, family, hidden=())
    objective, _ = at(model, np.zeros(p + 1))
    far = np.zeros(objective.likelihood.size)
    far[0] = -30.0  # far enough for the programme to be solved
    direction = model._units.from_standard @ separating_direction(objective, far)
    top = np.inf if counts else 1.0
    end = np.where(y == 0, -1.0, np.where(y == top, 1.0, 0.0))
    assert direction.any() == separated(X, end)
    if direction.any():
        along = X @ direction / np.abs(X @ direction).max()
        assert (end * along >= -1e-6).all()
        assert np.abs(along[end == 0]).max(initial=0.0) < 1e-6


def test_the_programme_sees_few_rows(monkeypatch):
    from deepglm.solvers import separation

    sizes = []

    def solve(c, A_ub, **options):
        sizes.append(A_ub.shape)
        return linprog(c, A_ub=A_ub, **options)

    monkeypatch.setattr(separation, "linprog", solve)
    rng = np.random.default_rng(0)
    n = 20_000
    data = pd.DataFrame({"x": 9 * rng.standard_normal(n), "z": rng.standard_normal(n)})
    data["overlap"] = (rng.uniform(size=n) < 1 / (1 + np.exp(-data.x))).astype(int)
    data["apart"] = (data.x + data.z > 1).astype(int)
    assert dg.DeepGLM("overlap ~ x + z", data, dg.Binomial(), hidden=()).fit().converged
    assert sizes
    with pytest.warns(SeparationWarning):
        apart = dg.DeepGLM("apart ~ x + z", data, dg.Binomial(), hidden=()).fit()
    assert set(apart.certificate.separating.index) == {"x", "z", "Intercept"}
    assert max(rows for rows, _ in sizes) < 1000


def test_a_separating_direction_has_names_and_users_units():
    data = DATA.assign(x=1000 * DATA.x + 50, y=(DATA.x > 0.2).astype(int))
    with pytest.warns(SeparationWarning, match="'x'"):
        results = dg.DeepGLM("y ~ x + z", data, dg.Binomial(), hidden=()).fit()
    rule = results.certificate.separating
    assert list(rule.index) == ["x", "Intercept"]  # z adds nothing
    assert rule["x"] == 1.0
    along = data.x + rule["Intercept"]
    assert along[data.y == 1].min() > -1e-6 and along[data.y == 0].max() < 1e-6
    assert results.certificate.status is Status.SEPARATED


def test_two_empty_cells_are_both_named():
    rng = np.random.default_rng(3)
    data = DATA.assign(g=rng.choice(list("abcd"), len(DATA)))
    data["c"] = data["count"] * ~data.g.isin(["b", "d"])
    with pytest.warns(SeparationWarning, match=r"g\[T.b\]"):
        results = dg.DeepGLM("c ~ z + g", data, dg.Poisson(), hidden=()).fit()
    rule = results.certificate.separating
    assert set(rule.index) == {"g[T.b]", "g[T.d]"} and (rule < 0).all()


def test_separation_by_glm_terms_of_a_network_and_none_under_a_ridge():
    data = DATA.assign(y=(DATA.x > 0.2).astype(int))
    formula = "y ~ x + deep(z, units=(2,))"
    with pytest.warns(SeparationWarning, match="'x'"):
        results = dg.DeepGLM(formula, data, dg.Binomial()).fit(inference=None, seed=0, starts=2)
    assert results.certificate.separating.index[0] == "x"
    ridge = dg.DeepGLM(formula, data, dg.Binomial(), penalty=dg.L2(1.0, True))
    assert ridge.fit(inference=None, seed=0, starts=2).certificate.separating.empty


def test_large_counts_are_no_reason_to_look_for_separation(monkeypatch):
    from deepglm.solvers import separation

    monkeypatch.setattr(separation, "linprog", lambda *a, **k: pytest.fail("was solved"))
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"x": rng.standard_normal(50)})
    data["y"] = rng.poisson(np.exp(14 + 0.1 * data.x))
    assert dg.DeepGLM("y ~ x", data, dg.Poisson(), hidden=()).fit().certificate.certified


# -- kinks ----------------------------------------------------------------------------------


def hinge(shift, knot=3.0):
    """Least squares of an intercept, x and a hinge at a knot that lies on rows, as a relu unit."""
    rng = np.random.default_rng(0)
    x = np.repeat(np.arange(7.0), 10)
    y = np.abs(x - 3) + shift * (x == 3) + 0.05 * rng.standard_normal(len(x))
    data = pd.DataFrame({"x": x, "y": y})
    model = dg.DeepGLM("y ~ x", data, hidden=(1,), activation="relu", penalty=None)
    X = np.column_stack((np.ones(len(x)), x, np.maximum(x - knot, 0)))
    a, b, c = np.linalg.lstsq(X, y, rcond=None)[0]
    v = model._problem.response_scale
    return at(model, [a, b, -knot * c / v, c / v, v])


def downhill(objective, x):
    """The largest fall of the objective over many short steps."""
    rng = np.random.default_rng(1)
    here = objective.at(x, Level.VALUE).value
    steps = 1e-4 * rng.standard_normal((400, len(x)))
    return max(here - objective.at(x + step, Level.VALUE).value for step in steps)


def test_an_optimum_on_a_kink_is_told_from_a_point_that_is_none():
    # a dip at the knot holds the hinge there; a bump is left to either side
    dip, x = hinge(shift=-0.4)
    assert downhill(dip, x) <= 0
    verdict = certify(dip, x)
    assert verdict.status is Status.AT_A_KINK
    assert verdict.decrement < 1e-6
    bump, x = hinge(shift=0.4)
    assert downhill(bump, x) > 0
    assert certify(bump, x).status is Status.STUCK_AT_A_KINK


def test_a_hinge_between_the_rows_is_judged_as_smooth():
    objective, x = hinge(shift=-0.4, knot=3.5)
    assert certify(objective, x).status is Status.NOT_STATIONARY


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_a_fit_that_ends_on_a_kink_says_whether_it_is_an_optimum(activation):
    model = network(activation=activation, penalty=None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        results = model.fit(inference=None, seed=0, starts=4, scale=0.25)
    objective, x = at(model, results.params, 0.25)
    verdict = certify(objective, x)
    if verdict.status is Status.STUCK_AT_A_KINK:
        assert 1e-6 < verdict.decrement < np.inf
    else:
        assert verdict.status in (Status.CERTIFIED, Status.AT_A_KINK)
        assert downhill(objective, x) <= 1e-9

"""``hidden=()`` is statsmodels' GLM, number for number, except where the exceptions are numbered.

The numbers are those of "Where R and statsmodels disagree": 3 (dispersion of binomial counts), 4
(their working residuals), 5 (log-likelihood of a weighted binomial), 12 (margins with offset).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats

import deepglm as dg
from tests.results.parity import CASES, KINDS, Pair, column_wise, difference, fitted, possible

CLOSE = 1e-8

GRID = [(case, kind) for case in CASES for kind in KINDS if possible(case, kind)]

SCALARS = (
    "llf",
    "llnull",
    "deviance",
    "null_deviance",
    "pearson_chi2",
    "aic",
    "bic",
    "bic_llf",
    "bic_deviance",
    "scale",
    "df_model",
    "df_resid",
    "nobs",
)

ROW_WISE = (
    "mu",
    "fittedvalues",
    "null",
    "resid_response",
    "resid_pearson",
    "resid_working",
    "resid_deviance",
    "resid_anscombe",
    "resid_anscombe_scaled",
    "resid_anscombe_unscaled",
)


@pytest.fixture(scope="module", params=GRID, ids=lambda p: f"{p[0]}-{p[1]}")
def pair(request: pytest.FixtureRequest) -> Pair:
    return fitted(*request.param)


def test_fit_is_certified(pair: Pair) -> None:
    assert pair.ours.converged


@pytest.mark.parametrize("name", ["params", "bse", "tvalues", "pvalues"])
def test_coefficients(pair: Pair, name: str) -> None:
    mine, theirs = getattr(pair.ours, name), getattr(pair.theirs, name)
    assert list(mine.index) == list(theirs.index)
    assert difference(mine, theirs) < (1e-7 if name == "pvalues" else CLOSE)


def test_covariance(pair: Pair) -> None:
    mine, theirs = pair.ours, pair.theirs
    assert difference(mine.cov_params(), theirs.cov_params()) < 1e-7
    assert difference(mine.conf_int(0.1), theirs.conf_int(0.1)) < CLOSE
    R = np.array([[0, 0, 0, 1.0, -1.0], [0, 1.0, 0, 0, 0]])
    assert difference(mine.cov_params(r_matrix=R), theirs._results.cov_params(r_matrix=R)) < 1e-7
    assert (
        difference(
            mine.cov_params(column=[1, 3]), theirs._results.cov_params(column=np.array([1, 3]))
        )
        < 1e-7
    )
    scaled = theirs._results.cov_params(scale=2.0)
    assert difference(mine.cov_params(scale=2.0), scaled) < 1e-7


@pytest.mark.parametrize("name", SCALARS)
def test_scalars(pair: Pair, name: str) -> None:
    mine, theirs = getattr(pair.ours, name), getattr(pair.theirs, name)
    assert mine == pytest.approx(theirs, rel=CLOSE)


@pytest.mark.parametrize("name", ROW_WISE)
def test_row_wise(pair: Pair, name: str) -> None:
    mine, theirs = getattr(pair.ours, name), np.asarray(getattr(pair.theirs, name))
    if name == "resid_working" and pair.kind == "counts":  # exception 4
        theirs = theirs / np.asarray(pair.theirs.model.n_trials) ** 2
    assert list(mine.index) == list(pair.theirs.model.data.row_labels)
    if name.startswith("resid_anscombe") and pair.kind == "counts":
        pytest.skip("compared with its definition in test_anscombe_of_counts")
    # statsmodels fits the model without regressors to 1e-8 in the deviance
    offset = name == "null" and pair.kind in ("offset", "exposure")
    assert difference(mine, theirs) < (1e-5 if offset else CLOSE)


def test_criteria(pair: Pair) -> None:
    for kind in ("cs", "mcf"):
        expected = pair.theirs.pseudo_rsquared(kind)
        if kind == "cs" and pair.kind == "freq_weights":  # theirs divides by the rows of the table
            rows = pair.theirs.nobs / np.asarray(pair.theirs.model.freq_weights).sum()
            expected = 1.0 - (1.0 - expected) ** rows
        assert pair.ours.pseudo_rsquared(kind) == pytest.approx(expected, rel=1e-7, abs=1e-12)
    for scale in (None, 1.0, 2.5):
        assert pair.ours.llf_scaled(scale) == pytest.approx(
            pair.theirs.llf_scaled(scale), rel=CLOSE
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = pair.theirs.info_criteria("qaic", scale=1.3, dk_params=1)
    assert pair.ours.info_criteria("qaic", scale=1.3, dk_params=1) == pytest.approx(expected)


def test_tests(pair: Pair) -> None:
    mine, theirs = pair.ours, pair.theirs
    a, b = mine.t_test("x - z = 0.1, C(g)[T.b] = 0"), theirs.t_test("x - z = 0.1, C(g)[T.b] = 0")
    for name in ("effect", "sd", "statistic", "pvalue"):
        assert difference(getattr(a, name), getattr(b, name)) < 1e-7
    assert difference(a.conf_int(), b.conf_int()) < CLOSE
    a, b = (
        mine.wald_test("x = z, C(g)[T.b] = 0"),
        theirs.wald_test("x = z, C(g)[T.b] = 0", scalar=True),
    )
    assert float(a.statistic) == pytest.approx(float(b.statistic), rel=1e-7)
    a, b = mine.f_test(np.eye(5)[1:]), theirs.f_test(np.eye(5)[1:])
    assert float(a.fvalue) == pytest.approx(float(b.fvalue), rel=1e-7)
    assert (a.df_num, a.df_denom) == (b.df_num, b.df_denom)
    a, b = mine.wald_test_terms(combine_terms=["x"]), theirs.wald_test_terms(combine_terms=["x"])
    assert difference(a.table, b.table) < 1e-7
    assert list(a.table.index) == list(b.table.index)
    a, b = mine.t_test_pairwise("C(g)").result_frame, theirs.t_test_pairwise("C(g)").result_frame
    assert list(a.index) == list(b.index)
    assert difference(a.astype(float), b.astype(float)) < 1e-6


def _given(pair: Pair, rows: slice) -> dict[str, np.ndarray]:
    if pair.kind not in ("offset", "exposure"):
        return {}
    return {pair.kind: pair.data[pair.kind].to_numpy()[rows]}


def test_predictions(pair: Pair) -> None:
    new = pair.data.iloc[10:25]
    given = _given(pair, slice(10, 25))
    for which in ("mean", "linear", "var_unscaled"):
        mine = pair.ours.predict(new, which=which)
        assert list(mine.index) == list(new.index)
        assert difference(mine, pair.theirs.predict(new, which=which, **given)) < CLOSE
    mine, theirs = pair.ours.get_prediction(new), pair.theirs.get_prediction(new, **given)
    assert difference(mine.predicted_mean, theirs.predicted_mean) < CLOSE
    assert difference(mine.se_mean, theirs.se_mean) < CLOSE
    with np.errstate(all="ignore"):  # statsmodels tries the inverse link at zero
        b = theirs.summary_frame(0.1)
    a = mine.summary_frame(0.1)
    assert list(a.columns)[:4] == list(b.columns) and list(a.index) == list(new.index)
    # a decreasing inverse link turns statsmodels' intervals round
    assert difference(a.iloc[:, 2:4], np.sort(b.iloc[:, 2:], axis=1)) < CLOSE


@pytest.mark.parametrize("which", ["mean", "linear", "var_unscaled"])
@pytest.mark.parametrize("average", [False, True])
def test_generic_predictions(pair: Pair, which: str, average: bool) -> None:
    if average and which == "linear":
        return  # statsmodels does not average it
    new, given = pair.data.iloc[10:25], _given(pair, slice(10, 25))
    options = {"which": which, "average": average}
    mine = pair.ours.get_prediction(new, **options)
    theirs = pair.theirs.get_prediction(new, **options, **given)
    assert difference(np.ravel(mine.predicted), np.ravel(theirs.predicted)) < CLOSE
    # statsmodels differentiates the delta method's function numerically
    assert difference(np.ravel(mine.se), np.ravel(theirs.se)) < 2e-6


def test_influence(pair: Pair) -> None:
    for observed in (True, False):
        mine = pair.ours.get_influence(observed)
        hat = pair.ours.get_hat_matrix_diag(observed)
        assert difference(mine.hat_matrix_diag, hat) < 1e-12
        factor = pair.theirs.model.hessian_factor(pair.theirs.params, observed=observed)
        if (factor < 0).any():
            # a negative observed weight has no root in statsmodels; its leverage is negative
            X = np.asarray(pair.theirs.model.exog)
            right = factor * np.einsum("ij,ji->i", X, np.linalg.solve((X.T * factor) @ X, X.T))
            assert difference(hat, right) < 1e-7
            continue
        theirs = pair.theirs.get_influence(observed)
        assert difference(hat, pair.theirs.get_hat_matrix_diag(observed)) < 1e-7
        assert difference(mine.cooks_distance[0], theirs.cooks_distance[0]) < 1e-7
        assert difference(mine.resid_studentized, theirs.resid_studentized) < 1e-7
        assert difference(mine.d_params, theirs.d_params) < 1e-7
    expected = pair.ours.get_hat_matrix_diag(observed=False)
    assert expected.sum() == pytest.approx(pair.ours.edf, rel=1e-10)


def test_score_test(pair: Pair) -> None:
    extra = (pair.data[["x"]] ** 2).to_numpy()
    if pair.kind == "missing":
        extra = extra[np.isin(pair.data.index, pair.ours.mu.index)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine, theirs = (
            np.ravel(r.score_test(exog_extra=extra, return_object=False)[:2])
            for r in (pair.ours, pair.theirs)
        )
    assert difference(mine, theirs) < 1e-7


@pytest.fixture(scope="module")
def columns(pair: Pair) -> Any:
    """The fit in which every column is an input, as columns are in statsmodels' effects."""
    return column_wise(pair.ours.model, pair.theirs)


@pytest.mark.parametrize("at", ["overall", "mean", "median", "zero", "all"])
@pytest.mark.parametrize("method", ["dydx", "eyex", "dyex", "eydx"])
def test_margins(pair: Pair, columns: Any, at: str, method: str) -> None:
    if pair.kind in ("offset", "exposure", "freq_weights"):
        return  # exception 12: see test_margins_count_offset_and_frequencies
    if at == "zero" and method in ("eyex", "dyex"):
        return  # zero in statsmodels, whose standard error there is zero as well
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pair.theirs.get_margeff(at=at, method=method)
        frame = None if at == "all" else theirs.summary_frame()
    mine = columns.get_margeff(at=at, method=method, x="fixed")
    assert difference(mine.margeff, theirs.margeff) < CLOSE
    if at != "all":
        assert difference(mine.margeff_se, theirs.margeff_se) < 2e-6
        assert difference(mine.summary_frame(), frame) < 2e-6
        assert "Marginal Effects" in str(mine.summary())


@pytest.mark.parametrize("method", ["dydx", "eydx"])
def test_margins_of_dummies_and_counts(pair: Pair, columns: Any, method: str) -> None:
    if pair.kind in ("offset", "exposure", "freq_weights") or "inverse" in str(
        pair.theirs.model.family.link
    ):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pair.theirs.get_margeff(method=method, dummy=True)
    mine = columns.get_margeff(method=method, dummy=True, x="fixed")
    assert difference(mine.margeff, theirs.margeff) < CLOSE
    assert difference(mine.margeff_se, theirs.margeff_se) < 2e-6


def test_distribution(pair: Pair) -> None:
    theirs_fail = type(pair.theirs.model.family).__name__ == "Tweedie"
    if theirs_fail:
        return
    weights = {"var_weights": 1.0, "n_trials": 1.0}
    mine = pair.ours.get_distribution(**weights)
    mu = pair.theirs.fittedvalues
    scale = 1.0 if pair.ours._numbers.fitted.family.scale else pair.theirs.scale
    theirs = pair.theirs.model.family.get_distribution(np.asarray(mu), scale)
    assert difference(mine.mean(), theirs.mean()) < CLOSE
    assert difference(mine.var(), theirs.var()) < 1e-7


COVARIANCES = {
    "HC0": {},
    "HAC": {"maxlags": 2},
    "HAC-uniform": {"maxlags": 3, "kernel": "uniform", "use_correction": True},
    "cluster": {"groups": "cluster"},
    "cluster-plain": {"groups": "cluster", "use_correction": False, "df_correction": False},
    "cluster-two": {"groups": ("cluster", "g")},
    "hac-panel": {"maxlags": 2, "groups": "sorted"},
    "hac-panel-time": {"maxlags": 1, "time": "time", "use_correction": "cluster"},
    "hac-groupsum": {"maxlags": 1, "time": "time"},
}


def _keywords(pair: Pair, spec: dict) -> dict:
    kept = pair.data.loc[pair.ours.mu.index]
    n = len(kept)
    codes = {
        "cluster": kept["cluster"].to_numpy(),
        "sorted": np.sort(kept["cluster"].to_numpy()),
        "time": np.tile(np.arange(10), n // 10 + 1)[:n],
        "g": kept["g"].map({"a": 0, "b": 1, "c": 2}).to_numpy(),
    }
    found = dict(spec)
    for key in ("groups", "time"):
        if key in found:
            name = found[key]
            found[key] = (
                np.column_stack([codes[one] for one in name])
                if isinstance(name, tuple)
                else codes[name]
            )
    found.setdefault("scaling_factor", 1.1)
    return found


@pytest.mark.parametrize("name", COVARIANCES)
def test_robust_covariances(pair: Pair, name: str) -> None:
    kind = name.split("-uniform")[0].split("-plain")[0].split("-two")[0].split("-time")[0]
    keywords = _keywords(pair, COVARIANCES[name])
    corrected = kind != "HC0" and pair.kind == "freq_weights"
    if kind == "HC0":
        keywords.pop("scaling_factor")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = pair.theirs.model
        theirs = model.fit(
            tol=1e-13,
            tol_criterion="params",
            maxiter=300,
            cov_type=kind,
            cov_kwds=dict(keywords),
            use_t=True,
        )
    mine = pair.ours.get_robustcov_results(kind, use_t=True, **keywords)
    if corrected:
        # the corrections count frequencies as rows here: test_frequency_weights_are_repeated_rows
        return
    assert difference(mine.bse, theirs.bse) < CLOSE
    assert mine.df_resid_inference == getattr(theirs, "df_resid_inference", theirs.df_resid)
    assert difference(mine.pvalues, theirs.pvalues) < 1e-6
    assert difference(mine.conf_int(), theirs.conf_int()) < CLOSE
    assert mine.df_resid == theirs.df_resid
    assert mine.cov_type == theirs.cov_type


@pytest.mark.parametrize("scale", ["X2", "dev", 1.7])
@pytest.mark.parametrize("kind", ["plain", "freq_weights", "var_weights"])
@pytest.mark.parametrize(
    "case", ["poisson-log", "gamma-log", "binomial-logit", "gaussian-identity"]
)
def test_scale(case: str, kind: str, scale: object) -> None:
    pair = fitted(case, kind, scale=scale)
    for name in ("bse", "params"):
        assert difference(getattr(pair.ours, name), getattr(pair.theirs, name)) < CLOSE
    assert pair.ours.scale == pytest.approx(pair.theirs.scale, rel=CLOSE)
    assert pair.ours.llf == pytest.approx(pair.theirs.llf, rel=CLOSE)


@pytest.mark.parametrize("cov_type", ["nonrobust", "cluster"])
def test_use_t(cov_type: str) -> None:
    groups = {"groups": np.arange(90) % 11} if cov_type == "cluster" else None
    pair = fitted("gaussian-identity", "plain", cov_type=cov_type, cov_kwds=groups, use_t=True)
    assert difference(pair.ours.pvalues, pair.theirs.pvalues) < 1e-7
    assert difference(pair.ours.conf_int(), pair.theirs.conf_int()) < CLOSE
    a, b = pair.ours.t_test("x = z"), pair.theirs.t_test("x = z")
    assert (a.distribution, a.df_denom) == (b.distribution, b.df_denom)
    assert float(a.pvalue) == pytest.approx(float(b.pvalue), rel=1e-7)


# -- the numbered exceptions, against what is right ---------------------------------------------


def test_exception_3_dispersion_of_binomial_counts() -> None:
    pair = fitted("binomial-logit", "counts", scale="X2")
    right = np.sum(np.asarray(pair.theirs.resid_pearson) ** 2) / pair.theirs.df_resid
    assert pair.ours.scale == pytest.approx(right, rel=CLOSE)
    assert pair.theirs.scale < 0.5 * right
    unscaled = np.sqrt(np.diag(pair.theirs.normalized_cov_params) * right)
    assert difference(pair.ours.bse, unscaled) < CLOSE


def test_exception_4_working_residuals_of_binomial_counts() -> None:
    pair = fitted("binomial-logit", "counts")
    y = pair.data.hits / pair.data.trials
    right = (y - pair.ours.mu) / (pair.ours.mu * (1 - pair.ours.mu))
    assert difference(pair.ours.resid_working, right) < 1e-12
    ratio = np.asarray(pair.theirs.resid_working) / np.asarray(right)
    assert np.allclose(ratio, pair.data.trials.to_numpy() ** 2)


def test_exception_5_weighted_binomial_has_its_coefficient() -> None:
    pair = fitted("binomial-logit", "counts")
    data = pair.data.assign(share=pair.data.hits / pair.data.trials)
    ours = dg.DeepGLM(
        "share ~ x + z + C(g)", data, family=dg.Binomial(), var_weights="trials", hidden=()
    ).fit()
    right = stats.binom.logpmf(data.hits, data.trials, ours.mu).sum()
    assert ours.llf == pytest.approx(right, rel=1e-10)
    assert ours.llf == pytest.approx(pair.theirs.llf, rel=1e-10)


def test_anscombe_of_counts() -> None:
    from scipy.special import betainc

    pair = fitted("binomial-logit", "counts")
    m, y, mu = pair.data.trials, pair.data.hits / pair.data.trials, pair.ours.mu
    beta = stats.beta(2 / 3, 2 / 3)
    assert beta.cdf(0.3) == pytest.approx(betainc(2 / 3, 2 / 3, 0.3))
    from scipy.special import beta as complete

    area = complete(2 / 3, 2 / 3) * (beta.cdf(y) - beta.cdf(mu))
    right = np.sqrt(m) * area / (mu * (1 - mu)) ** (1 / 6)
    assert difference(pair.ours.resid_anscombe_unscaled, right) < 1e-10


def test_statsmodels_gives_hc0_under_four_names_and_we_do_not() -> None:
    pair = fitted("poisson-log", "plain")
    bse = {}
    for name in ("HC0", "HC1", "HC2", "HC3"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = pair.theirs.model.fit(
                tol=1e-13, tol_criterion="params", maxiter=300, cov_type=name
            )
        assert difference(theirs.bse, pair.ours.get_robustcov_results("HC0").bse) < CLOSE
        bse[name] = pair.ours.get_robustcov_results(name).bse
    n, k = 90, 5
    assert difference(bse["HC1"], bse["HC0"] * np.sqrt(n / (n - k))) < 1e-12
    X = np.asarray(pair.theirs.model.exog)
    mu = np.asarray(pair.theirs.mu)
    h = pair.ours.get_hat_matrix_diag(observed=False).to_numpy()
    N = np.linalg.inv((X.T * mu) @ X)
    for name, power in (("HC2", 1), ("HC3", 2)):
        K = (X.T * ((pair.data.y - mu) ** 2 / (1 - h) ** power).to_numpy()) @ X
        assert difference(bse[name], np.sqrt(np.diag(N @ K @ N))) < 1e-9


def test_hc2_and_hc3_of_least_squares_are_ols() -> None:
    import statsmodels.formula.api as smf

    pair = fitted("gaussian-identity", "plain")
    ols = smf.ols("y ~ x + z + C(g)", pair.data)
    for name in ("HC0", "HC1", "HC2", "HC3"):
        theirs = ols.fit(cov_type=name)
        assert difference(pair.ours.get_robustcov_results(name).bse, theirs.bse) < CLOSE


@pytest.mark.parametrize("case", ["poisson-log", "gamma-log", "binomial-probit"])
@pytest.mark.parametrize("name", ["nonrobust", "HC0", "HC1", "HC2", "HC3", "cluster"])
def test_frequency_weights_are_repeated_rows(case: str, name: str) -> None:
    pair = fitted(case, "freq_weights")
    times = pair.data.freq_weights.astype(int)
    long = pair.data.loc[pair.data.index.repeat(times)].reset_index(drop=True)
    plain = dg.DeepGLM("y ~ x + z + C(g)", long, family=CASES[case][0], hidden=()).fit()
    short, full = pair.ours, plain
    if name == "cluster":
        short = short.get_robustcov_results(name, groups=pair.data["cluster"])
        full = full.get_robustcov_results(name, groups=long["cluster"])
    else:
        short, full = short.get_robustcov_results(name), full.get_robustcov_results(name)
    assert difference(short.bse, full.bse) < 1e-10
    assert short.llf == pytest.approx(full.llf, rel=1e-12)
    assert short.df_resid == full.df_resid
    a, b = short.get_margeff(), full.get_margeff()
    assert difference(a.margeff, b.margeff) < 1e-10
    assert difference(a.margeff_se, b.margeff_se) < 1e-10
    for at in ("mean", "median"):
        a, b = short.get_margeff(at=at), full.get_margeff(at=at)
        assert difference(a.margeff, b.margeff) < 1e-10


def test_margins_count_offset_and_frequencies() -> None:
    """Exception 12: the offset is part of every row's mean, and frequencies of the average."""
    pair = fitted("poisson-log", "exposure")
    ours = pair.ours
    mu, beta = ours.mu, ours.params
    margins = ours.get_margeff(x="fixed", inputs=["x", "z"])
    expected = [mu.mean() * beta[name] for name in ("x", "z")]
    assert difference(margins.margeff, expected) < 1e-12
    # the delta method by differences of the average at moved coefficients
    V = ours.cov_params().to_numpy()
    model, step = ours.model, 1e-6

    def effect(params: np.ndarray) -> np.ndarray:
        return np.mean(model.predict(params)) * params[3:]

    G = np.column_stack(
        [
            (effect(beta.to_numpy() + step * e) - effect(beta.to_numpy() - step * e)) / (2 * step)
            for e in np.eye(5)
        ]
    )
    assert difference(margins.margeff_cov, G @ V @ G.T) < 1e-7

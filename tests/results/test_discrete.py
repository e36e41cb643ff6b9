"""Multinomial, Ordinal and NegativeBinomial next to statsmodels' models of classes and counts.

Number for number with ``hidden=()``, except where the text of a test says what is different:

* statsmodels takes no derivatives of an ordered model's cut-points, and none of its Hessian; here
  differences of its log-likelihood, which are good to ten digits, take their place.
* Its effects of a multinomial model fail for elasticities, dummies and counts.
* Its log-likelihood without regressors leaves the offset of an ordered model out.
* Its negative binomial has observed information in plain standard errors; ours, like R's
  ``glm.nb``, has expected information for the coefficients. Robust ones are the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import patsy
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.miscmodels.ordinal_model import OrderedModel

import deepglm as dg
from deepglm.errors import NotAvailableError
from tests.results.parity import column_wise, difference

CLOSE = 1e-6
DATA = Path(__file__).parents[1] / "reference" / "data"

Array = np.ndarray


@cache
def table(name: str) -> pd.DataFrame:
    """Data with an offset, an exposure, repetitions and clusters; not to be changed."""
    if name == "anes96":
        data = sm.datasets.anes96.load_pandas().data
    else:
        data = pd.read_csv(DATA / f"{name}.csv")
    if name == "MASS_birthwt":
        cuts = {"third": [0, 2500, 3300, 9999], "fifth": [0, 2300, 2700, 3100, 3500, 9999]}
        for column, edges in cuts.items():
            words = ["one", "two", "three", "four", "five"][: len(edges) - 1]
            data[column] = pd.cut(data.bwt, edges, labels=words)
    n = np.arange(len(data))
    return data.assign(
        shift=0.3 * np.sin(n), years=1.0 + n % 3, times=1.0 + n % 2, group=(7 * n) % 20
    )


def repeated(data: pd.DataFrame) -> pd.DataFrame:
    """Every row as often as its weight says."""
    return data.loc[data.index.repeat(data.times.astype(int))].reset_index(drop=True)


def column_of(model: Any, names: Sequence[str]) -> Callable[[Array], Array]:
    """Numbers by names, in the order of our parameters."""
    place = [list(names).index(name) for name in model.exog_names]
    return lambda values: np.asarray(values)[place]


ROBUST: dict[str, dict[str, Any]] = {
    "HC0": {},
    "cluster": {"groups": "group"},
    "HAC": {"maxlags": 3},
}


def covariance(name: str, data: pd.DataFrame) -> dict[str, Any]:
    """Keywords of a fit with this covariance."""
    given = {k: data[v].to_numpy() if k == "groups" else v for k, v in ROBUST[name].items()}
    return {"cov_type": name, **({"cov_kwds": given} if given else {})}


def sandwich(name: str, data: pd.DataFrame, bread: Array, scores: Array) -> Array:
    """A robust covariance from the inverse information and (n, k) scores."""
    n, k = scores.shape
    if name == "HC0":
        return np.asarray(bread @ scores.T @ scores @ bread)
    if name == "HAC":
        meat = scores.T @ scores
        for lag in range(1, 4):
            cross = scores[lag:].T @ scores[:-lag]
            meat += (1 - lag / 4) * (cross + cross.T)
        return np.asarray(bread @ meat @ bread)
    sums = pd.DataFrame(scores).groupby(data.group.to_numpy()).sum().to_numpy()
    g = len(sums)
    return np.asarray(g / (g - 1) * (n - 1) / (n - k) * bread @ sums.T @ sums @ bread)


def slopes(f: Callable[[Array], Array], x: Array, h: Array) -> Array:
    """Differences of the sixth order of an array-valued function, the parameters last."""

    def one(step: Array) -> Array:
        return sum(
            c * (f(x + k * step) - f(x - k * step)) for k, c in ((1, 45.0), (2, -9.0), (3, 1.0))
        )

    return np.stack([one(step) / (60 * h[j]) for j, step in enumerate(np.diag(h))], axis=-1)


# -- several classes without order ----------------------------------------------------------------

MULTINOMIAL = {
    "birthwt": ("MASS_birthwt", "third ~ age + lwt + C(race) + smoke"),
    "womenlf": ("carData_Womenlf", "partic ~ hincome + children"),
    "anes96": ("anes96", "PID ~ logpopul + selfLR + age + educ + income"),
}


@dataclass(frozen=True)
class Pair:
    """The two fits and their data."""

    ours: Any
    theirs: Any
    data: pd.DataFrame
    formula: str


def mnlogit(formula: str, data: pd.DataFrame, **options: Any) -> Any:
    """statsmodels' fit, iterated until nothing moves; classes are numbered in their order."""
    response, right = formula.split("~")
    codes = pd.Categorical(data[response.strip()]).codes
    model = smf.mnlogit(f"code ~ {right}", data.assign(code=codes))
    return model.fit(disp=0, method="newton", tol=1e-13, maxiter=100, **options)


@pytest.fixture(scope="module", params=MULTINOMIAL)
def classes(request: pytest.FixtureRequest) -> Pair:
    name, formula = MULTINOMIAL[request.param]
    data = table(name)
    ours = dg.DeepGLM(formula, data, dg.Multinomial(), hidden=()).fit()
    return Pair(ours, mnlogit(formula, data), data, formula)


def stacked(values: Any) -> Array:
    """Class by class, as our parameters are."""
    return np.asarray(values).T.ravel()


@pytest.mark.parametrize("name", ["params", "bse", "tvalues", "pvalues"])
def test_multinomial_coefficients(classes: Pair, name: str) -> None:
    assert classes.ours.converged
    assert difference(getattr(classes.ours, name), stacked(getattr(classes.theirs, name))) < CLOSE


def test_multinomial_names(classes: Pair) -> None:
    response = pd.Categorical(classes.data[classes.formula.split("~")[0].strip()])
    levels = [int(x) if isinstance(x, float) else x for x in response.categories]
    columns = list(classes.theirs.params.index)
    expected = [f"{level}:{column}" for level in levels[1:] for column in columns]
    assert list(classes.ours.params.index) == expected


def test_multinomial_covariance_and_intervals(classes: Pair) -> None:
    assert difference(classes.ours.cov_params(), classes.theirs.cov_params()) < CLOSE
    assert difference(classes.ours.conf_int(0.1), classes.theirs.conf_int(0.1)) < CLOSE


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        (name, name)
        for name in ("llf", "llnull", "aic", "bic", "df_model", "df_resid", "llr", "llr_pvalue")
    ],
)
def test_multinomial_scalars(classes: Pair, name: str, theirs: str) -> None:
    expected = getattr(classes.theirs, theirs)
    assert getattr(classes.ours, name) == pytest.approx(expected, rel=CLOSE)


def test_multinomial_pseudo_r_squared(classes: Pair) -> None:
    assert classes.ours.pseudo_rsquared("mcf") == pytest.approx(classes.theirs.prsquared, rel=CLOSE)


def test_multinomial_predictions(classes: Pair) -> None:
    new = classes.data.iloc[5:40:3]
    for rows in (None, new):
        probabilities = classes.ours.predict(rows)
        assert difference(probabilities, classes.theirs.predict(rows)) < CLOSE
        assert np.allclose(probabilities.sum(axis=1), 1.0)
        linear = np.asarray(classes.theirs.predict(rows, which="linear"))
        # statsmodels has a column of zeros for the reference
        assert difference(classes.ours.predict(rows, which="linear"), linear[:, 1:]) < CLOSE
    assert list(classes.ours.predict(new).index) == list(new.index)


@pytest.mark.parametrize("name", ROBUST)
def test_multinomial_robust_covariances(classes: Pair, name: str) -> None:
    options = covariance(name, classes.data)
    theirs = mnlogit(classes.formula, classes.data, **options)
    ours = classes.ours.model.fit(**options)
    assert difference(ours.bse, stacked(theirs.bse)) < CLOSE
    assert difference(ours.cov_params(), theirs.cov_params()) < CLOSE
    assert difference(ours.pvalues, stacked(theirs.pvalues)) < CLOSE
    again = classes.ours.get_robustcov_results(name, **options.get("cov_kwds", {}))
    assert difference(again.bse, ours.bse) < 1e-12


def test_multinomial_t_instead_of_normal(classes: Pair) -> None:
    ours = classes.ours.model.fit(use_t=True)
    theirs = mnlogit(classes.formula, classes.data, use_t=True)
    assert difference(ours.pvalues, stacked(theirs.pvalues)) < CLOSE
    assert difference(ours.conf_int(), theirs.conf_int()) < CLOSE


def test_multinomial_terms_are_tested_in_all_classes(classes: Pair) -> None:
    """statsmodels' own ``wald_test_terms`` fails; its ``wald_test`` takes every restriction."""
    found = classes.ours.wald_test_terms().table
    names = list(classes.theirs.params.index)
    k, others = len(names), classes.theirs.params.shape[1]
    design = patsy.dmatrix(classes.formula.split("~")[1], classes.data).design_info
    assert list(found.index) == design.term_names
    for term in design.term_names:
        columns = range(k)[design.slice(term)]
        R = np.eye(k * others)[[c * k + j for c in range(others) for j in columns]]
        expected = classes.theirs.wald_test(R, scalar=True)
        assert float(found.loc[term, "statistic"]) == pytest.approx(expected.statistic, rel=CLOSE)
        assert float(found.loc[term, "pvalue"]) == pytest.approx(expected.pvalue, rel=1e-5)
        assert found.loc[term, "df_constraint"] == len(R)


@pytest.mark.parametrize("at", ["overall", "mean", "median", "zero", "all"])
@pytest.mark.parametrize("method", ["dydx", "eydx"])
def test_multinomial_margins(classes: Pair, at: str, method: str) -> None:
    ours = column_wise(classes.ours.model, classes.theirs)
    ours = ours.get_margeff(at=at, method=method, x="fixed")
    theirs = classes.theirs.get_margeff(at=at, method=method)
    assert difference(ours.margeff, theirs.margeff) < CLOSE
    if at != "all":
        assert difference(ours.margeff_se, theirs.margeff_se) < CLOSE
        assert difference(ours.pvalues, theirs.pvalues) < CLOSE
        assert difference(ours.conf_int(), theirs.conf_int()) < CLOSE
    if at == "overall":
        ours_, theirs_ = ours.summary_frame(), theirs.summary_frame()
        assert difference(ours_, theirs_) < CLOSE
        assert len(str(ours.summary())) > 100


def their_effects(pair: Pair, method: str, dummy: bool, count: bool) -> tuple[Array, Array]:
    """Average effects and standard errors from statsmodels' predictions, by differences."""
    model, beta = pair.theirs.model, np.asarray(pair.theirs.params)
    X = np.asarray(model.exog)
    varies = np.flatnonzero(X.var(axis=0) > 0)
    whole = (X % 1 == 0).all(axis=0) & (X >= 0).all(axis=0)
    binary = whole & (X.max(axis=0) == 1) & (X.min(axis=0) == 0)

    def moved(params: Array, j: int, by: float, to: float | None = None) -> Array:
        Z = X.copy()
        Z[:, j] = Z[:, j] + by if to is None else to
        p = model.predict(params, Z)
        return np.log(p) if method.startswith("ey") else p

    def effect(flat: Array) -> Array:
        params = flat.reshape(beta.T.shape).T
        out = []
        for j in varies:
            if dummy and binary[j]:
                rows = moved(params, j, 0.0, 1.0) - moved(params, j, 0.0, 0.0)
            elif count and whole[j] and not binary[j]:
                rows = (moved(params, j, 1.0) - moved(params, j, -1.0)) / 2.0
            else:
                h = 3e-3 / np.abs(params[j]).max()
                rows = (45 * (moved(params, j, h) - moved(params, j, -h))) / (60 * h)
                rows -= 9 * (moved(params, j, 2 * h) - moved(params, j, -2 * h)) / (60 * h)
                rows += (moved(params, j, 3 * h) - moved(params, j, -3 * h)) / (60 * h)
                rows = rows * (X[:, [j]] if method.endswith("ex") else 1.0)
            out.append(rows.mean(axis=0))
        return np.array(out)

    flat = beta.T.ravel()
    J = slopes(effect, flat, 0.03 * np.asarray(pair.theirs.bse).T.ravel())
    V = np.asarray(pair.theirs.cov_params())
    return effect(flat), np.sqrt(np.einsum("...i,ij,...j->...", J, V, J))


@pytest.mark.parametrize(
    ("method", "dummy", "count"),
    [
        ("dydx", False, False),
        ("eyex", False, False),
        ("dyex", False, False),
        ("dydx", True, False),
        ("eydx", True, False),
        ("dydx", False, True),
        ("eydx", True, True),
    ],
)
def test_multinomial_margins_where_statsmodels_fails(method: str, dummy: bool, count: bool) -> None:
    """The first case, where it does not, shows that the differences are good enough."""
    name, formula = MULTINOMIAL["birthwt"]
    data = table(name)
    pair = Pair(None, mnlogit(formula, data), data, formula)
    if method != "dydx" or dummy or count:
        with pytest.raises(ValueError, match="broadcast"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pair.theirs.get_margeff(method=method, dummy=dummy, count=count)
    ours = column_wise(dg.DeepGLM(formula, data, dg.Multinomial(), hidden=()), pair.theirs)
    margins = ours.get_margeff(method=method, dummy=dummy, count=count, x="fixed")
    effects, errors = their_effects(pair, method, dummy, count)
    assert difference(margins.margeff, effects) < CLOSE
    assert difference(margins.margeff_se, errors) < CLOSE


def test_multinomial_frequencies_are_repeated_rows(classes: Pair) -> None:
    model = dg.DeepGLM(
        classes.formula, classes.data, dg.Multinomial(), hidden=(), freq_weights="times"
    )
    ours, theirs = model.fit(), mnlogit(classes.formula, repeated(classes.data))
    for name in ("params", "bse"):
        assert difference(getattr(ours, name), stacked(getattr(theirs, name))) < CLOSE
    for name in ("llf", "llnull", "aic", "bic", "df_resid"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=CLOSE)
    ours = column_wise(model, mnlogit(classes.formula, classes.data)).get_margeff(x="fixed")
    theirs = theirs.get_margeff()
    assert difference(ours.margeff, theirs.margeff) < CLOSE
    assert difference(ours.margeff_se, theirs.margeff_se) < CLOSE
    robust, plain = model.fit(cov_type="HC0"), repeated(classes.data)
    theirs = mnlogit(classes.formula, plain, cov_type="HC0")
    assert difference(robust.bse, stacked(theirs.bse)) < CLOSE


def test_multinomial_from_arrays(classes: Pair) -> None:
    response = classes.data[classes.formula.split("~")[0].strip()]
    model, X = classes.theirs.model, classes.theirs.model.exog
    new = model.predict(np.asarray(classes.theirs.params), X[3:9])
    numbers = np.asarray(pd.Categorical(response).codes)
    for endog in (response, numbers):
        ours = dg.DeepGLM.from_arrays(endog, X, dg.Multinomial(), hidden=()).fit()
        assert difference(ours.params, stacked(classes.theirs.params)) < CLOSE
        assert difference(ours.bse, stacked(classes.theirs.bse)) < CLOSE
        assert difference(ours.predict(X[3:9]), new) < CLOSE
    bare = dg.DeepGLM.from_arrays(numbers, X[:, 1:], dg.Multinomial(), hidden=(), add_constant=True)
    assert difference(bare.fit().params, stacked(classes.theirs.params)) < CLOSE


def test_multinomial_reference() -> None:
    """statsmodels takes the first; another one is that of a response whose levels are turned."""
    name, formula = MULTINOMIAL["womenlf"]
    data = table(name)
    turned = pd.Categorical(data.partic, ["parttime", "fulltime", "not.work"])
    theirs = mnlogit(formula, data.assign(partic=turned))
    family = dg.Multinomial(reference="parttime")
    ours = dg.DeepGLM(formula, data, family, hidden=()).fit()
    assert difference(ours.params, stacked(theirs.params)) < CLOSE
    assert difference(ours.bse, stacked(theirs.bse)) < CLOSE
    assert ours.params.index[0] == "fulltime:Intercept"


def test_counts_of_classes_are_rows_of_one_class() -> None:
    """Only the log of the multinomial coefficients, which has no parameter, is added."""
    counts = pd.read_csv(DATA / "VGAM_pneumo.csv").assign(
        let=lambda d: np.log(d["exposure.time"]), miners=lambda d: d.normal + d.mild + d.severe
    )
    kinds = ["normal", "mild", "severe"]
    ours = dg.DeepGLM("normal + mild + severe ~ let", counts, dg.Multinomial(), hidden=()).fit()
    long = counts.melt(["let"], kinds, "kind", "times")
    long = repeated(long.assign(kind=pd.Categorical(long.kind, kinds)))
    theirs = mnlogit("kind ~ let", long)
    assert difference(ours.params, stacked(theirs.params)) < CLOSE
    assert difference(ours.bse, stacked(theirs.bse)) < CLOSE
    p = ours.predict().to_numpy()
    exact = stats.multinomial.logpmf(counts[kinds].to_numpy(), counts.miners, p)
    assert ours.llf == pytest.approx(exact.sum(), rel=1e-12)
    assert ours.llf > theirs.llf
    assert ours.llr == pytest.approx(theirs.llr, rel=CLOSE)
    expected = counts[kinds].to_numpy() - counts[["miners"]].to_numpy() * p
    assert difference(ours.resid_response, expected) < 1e-12


# -- classes in order -----------------------------------------------------------------------------

ORDINAL = {
    "birthwt": ("MASS_birthwt", "third", ["age", "lwt", "smoke", "ht"]),
    "birthwt five": ("MASS_birthwt", "fifth", ["age", "lwt", "smoke", "ht"]),
    "anes96": ("anes96", "PID", ["logpopul", "selfLR", "age", "educ", "income"]),
}


@dataclass(frozen=True)
class Ordered:
    """The two fits, and statsmodels' under our parameters with a Hessian by differences."""

    ours: Any
    theirs: Any
    data: pd.DataFrame
    params: Array
    V: Array
    scores: Array


def cut_points(model: Any, params: Array) -> Array:
    """statsmodels' parameters with cut-points in place of log differences."""
    k = model.exog.shape[1]
    return np.r_[params[:k], model.transform_threshold_params(params)[1:-1]]


def ordered_model(
    data: pd.DataFrame, response: str, columns: list[str], dist: str, off: Any
) -> Any:
    """statsmodels' fit, continued with Newton's method."""
    offset = None if off is None else data[off]
    categories = pd.Categorical(data[response], ordered=True)
    model = OrderedModel(pd.Series(categories), data[columns], distr=dist, offset=offset)
    fit = model.fit(disp=0, method="bfgs", maxiter=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it stops where no step is accepted, and says so
        return model.fit(
            disp=0, start_params=np.asarray(fit.params), method="newton", maxiter=20, tol=1e-14
        )


def ordered_pair(name: str, dist: str, offset: str | None) -> Ordered:
    file, response, columns = ORDINAL[name]
    data = table(file)
    theirs = ordered_model(data, response, columns, dist, offset)
    formula = f"{response} ~ {' + '.join(columns)}"
    ours = dg.DeepGLM(formula, data, dg.Ordinal(dist), hidden=(), offset=offset).fit()
    model, at = theirs.model, np.asarray(theirs.params)
    h = 0.02 * np.asarray(theirs.bse)

    def scores(x: Array) -> Array:
        return slopes(model.loglikeobs, x, h)

    bread = np.linalg.inv(-slopes(lambda x: scores(x).sum(axis=0), at, h))
    J = slopes(lambda x: cut_points(model, x), at, h)
    back = np.linalg.inv(J)
    return Ordered(ours, theirs, data, cut_points(model, at), J @ bread @ J.T, scores(at) @ back)


@pytest.fixture(
    scope="module",
    params=[
        *((name, dist, None) for name in ORDINAL for dist in ("logit", "probit")),
        ("birthwt", "logit", "shift"),
        ("birthwt five", "probit", "shift"),
    ],
    ids=lambda p: "-".join(map(str, p)),
)
def ordered(request: pytest.FixtureRequest) -> Ordered:
    return ordered_pair(*request.param)


def test_ordinal_coefficients_and_cut_points(ordered: Ordered) -> None:
    ours, V = ordered.ours, ordered.V
    assert ours.converged
    assert difference(ours.params, ordered.params) < CLOSE
    assert difference(ours.cov_params(), V) < CLOSE
    assert difference(ours.bse, np.sqrt(np.diag(V))) < CLOSE
    # statsmodels' own, whose Hessian is rough
    k = ordered.theirs.model.exog.shape[1]
    assert difference(ours.bse[:k], ordered.theirs.bse[:k]) < 1e-4
    labels = [name.replace("/", "|") for name in ordered.theirs.params.index[k:]]
    cuts = [name.replace("|", ".0|") + ".0" for name in ours.params.index[k:]]
    assert labels in (list(ours.params.index[k:]), cuts)
    assert list(ours.params.index[:k]) == list(ordered.theirs.params.index[:k])


def test_ordinal_scalars(ordered: Ordered) -> None:
    ours, theirs = ordered.ours, ordered.theirs
    for name in ("llf", "aic", "bic", "df_model", "df_resid", "nobs"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=CLOSE)
    if theirs.model.offset is None:
        for name in ("llnull", "llr", "llr_pvalue"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=CLOSE)
        assert ours.pseudo_rsquared("mcf") == pytest.approx(theirs.prsquared, rel=CLOSE)


def test_ordinal_predictions(ordered: Ordered) -> None:
    ours, theirs = ordered.ours, ordered.theirs
    assert difference(ours.predict(), theirs.predict()) < CLOSE
    cumulated = theirs.model.predict(theirs.params, which="cumprob")
    # statsmodels has a column of ones for the last level
    assert difference(ours.predict(which="cumprob"), cumulated[:, :-1]) < CLOSE
    linear = theirs.model.predict(theirs.params, which="linpred")
    assert difference(ours.predict(which="linear"), linear) < CLOSE
    assert difference(ours.linpred, linear) < CLOSE
    assert difference(ours.model.predict(ours.params, which="linear"), linear) < CLOSE
    new = ordered.data.iloc[3:60:4]
    X = new[theirs.model.exog_names[: theirs.model.exog.shape[1]]].to_numpy()
    offset = None if theirs.model.offset is None else new["shift"].to_numpy()
    assert difference(ours.predict(new), theirs.model.predict(theirs.params, X, offset)) < CLOSE


@pytest.mark.parametrize("name", ROBUST)
def test_ordinal_robust_covariances(ordered: Ordered, name: str) -> None:
    options = covariance(name, ordered.data)
    ours = ordered.ours.model.fit(**options)
    expected = sandwich(name, ordered.data, ordered.V, ordered.scores)
    assert difference(ours.cov_params(), expected) < CLOSE


def test_ordinal_robust_covariances_of_statsmodels() -> None:
    """The sandwich above is statsmodels', as far as its Hessian goes."""
    pair = ordered_pair("anes96", "logit", None)
    at, k = np.asarray(pair.theirs.params), pair.theirs.model.exog.shape[1]
    for name in ROBUST:
        options = covariance(name, pair.data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = pair.theirs.model.fit(
                disp=0, start_params=at, method="newton", maxiter=1, **options
            )
        bse = np.sqrt(np.diag(sandwich(name, pair.data, pair.V, pair.scores)))
        assert difference(bse[:k], theirs.bse[:k]) < 1e-4


def test_ordinal_tests_of_terms(ordered: Ordered) -> None:
    table = ordered.ours.wald_test_terms().table
    k = ordered.theirs.model.exog.shape[1]
    z = ordered.params[:k] / np.sqrt(np.diag(ordered.V)[:k])
    assert list(table.index) == list(ordered.theirs.params.index[:k])
    assert difference(table["statistic"], z**2) < CLOSE
    assert (table["df_constraint"] == 1).all()


def test_ordinal_effects_are_those_of_statsmodels_predictions() -> None:
    """statsmodels has no effects of an ordered model; its densities give them."""
    pair = ordered_pair("birthwt", "logit", None)
    model, at = pair.theirs.model, np.asarray(pair.theirs.params)
    X, k = model.exog, model.exog.shape[1]

    def effects(params: Array) -> Array:
        cuts = model.transform_threshold_params(params)
        density = np.array([model.pdf(cut - X @ params[:k]) for cut in cuts[1:-1]])
        edges = np.vstack([np.zeros(len(X)), density, np.zeros(len(X))])
        return np.outer(params[:k], -np.diff(edges, axis=0).mean(axis=1))

    h = 0.02 * np.asarray(pair.theirs.bse)
    J = slopes(effects, at, h)
    to_cuts = slopes(lambda x: cut_points(model, x), at, h)
    inside = np.linalg.inv(to_cuts)
    V = inside @ pair.V @ inside.T
    margins = pair.ours.get_margeff(x="fixed")
    assert difference(margins.margeff, effects(at)) < CLOSE
    errors = np.sqrt(np.einsum("...i,ij,...j->...", J, V, J))
    assert difference(margins.margeff_se, errors) < CLOSE
    assert np.allclose(margins.margeff.sum(axis=1), 0.0, atol=1e-15)


@pytest.mark.parametrize("dist", ["logit", "probit"])
def test_ordinal_frequencies_are_repeated_rows(dist: str) -> None:
    file, response, columns = ORDINAL["birthwt"]
    data = table(file)
    formula = f"{response} ~ {' + '.join(columns)}"
    family = dg.Ordinal(dist)
    ours = dg.DeepGLM(formula, data, family, hidden=(), freq_weights="times").fit()
    theirs = ordered_model(repeated(data), response, columns, dist, None)
    assert difference(ours.params, cut_points(theirs.model, np.asarray(theirs.params))) < CLOSE
    for name in ("llf", "llnull", "aic", "bic", "df_resid"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=CLOSE)


def test_ordinal_without_regressors_keeps_the_offset() -> None:
    data = table("MASS_birthwt")
    ours = dg.DeepGLM("third ~ age", data, dg.Ordinal(), hidden=(), offset="shift").fit()
    null = dg.DeepGLM("third ~ 1", data, dg.Ordinal(), hidden=(), offset="shift").fit()
    assert ours.llnull == pytest.approx(null.llf, rel=1e-10)
    theirs = ordered_model(data, "third", ["age"], "logit", "shift")
    assert theirs.llnull != pytest.approx(null.llf, rel=1e-6)


def test_ordinal_from_arrays() -> None:
    file, response, columns = ORDINAL["birthwt"]
    data = table(file)
    formula = dg.DeepGLM(f"{response} ~ {' + '.join(columns)}", data, dg.Ordinal(), hidden=()).fit()
    for endog in (data[response], data[response].cat.codes.to_numpy()):
        model = dg.DeepGLM.from_arrays(
            endog, data[columns], dg.Ordinal(), add_constant=True, hidden=()
        )
        assert difference(model.fit().params, formula.params) < 1e-12


# -- counts ---------------------------------------------------------------------------------------

COUNTS = {
    "quine": ("MASS_quine", "Days ~ Eth + Sex + Age + Lrn"),
    "biochemists": ("pscl_bioChemists", "art ~ fem + mar + kid5 + phd + ment"),
    "recreation": ("AER_RecreationDemand", "trips ~ quality + ski + income + userfee + costC"),
}


def negative_binomial(formula: str, data: pd.DataFrame, role: str, **options: Any) -> Any:
    """statsmodels' fit, iterated until nothing moves."""
    given = {role: data[ROLES[role]]} if role != "plain" else {}
    model = smf.negativebinomial(formula, data, **given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of alpha below zero on the way
        first = model.fit(disp=0, method="bfgs", maxiter=500)
        return model.fit(
            disp=0, start_params=first.params, method="newton", tol=1e-13, maxiter=50, **options
        )


ROLES = {"offset": "shift", "exposure": "years"}


@pytest.fixture(
    scope="module",
    params=[(name, role) for name in COUNTS for role in ("plain", "offset", "exposure")],
    ids=lambda p: "-".join(p),
)
def counts(request: pytest.FixtureRequest) -> tuple[Pair, str]:
    name, role = request.param
    file, formula = COUNTS[name]
    data = table(file)
    given = {role: ROLES[role]} if role in ROLES else {}
    ours = dg.DeepGLM(formula, data, dg.NegativeBinomial(), hidden=(), **given).fit()
    return Pair(ours, negative_binomial(formula, data, role), data, formula), role


def test_negative_binomial_coefficients(counts: tuple[Pair, str]) -> None:
    pair, _ = counts
    ours, theirs = pair.ours, pair.theirs
    assert ours.converged
    assert list(ours.params.index) == list(theirs.params.index)
    assert difference(ours.params, theirs.params) < CLOSE
    V = np.linalg.inv(-ours.model.hessian(ours.params))
    assert difference(V, theirs.cov_params()) < CLOSE
    assert difference(np.sqrt(np.diag(V)), theirs.bse) < CLOSE
    # the observed one for alpha alone, the expected one for the coefficients
    H = -ours.model.hessian(ours.params)
    assert ours.bse["alpha"] == pytest.approx(H[-1, -1] ** -0.5, rel=1e-10)
    V = np.linalg.inv(ours.model.information(ours.params)[:-1, :-1])
    assert difference(ours.cov_params().iloc[:-1, :-1], V) < 1e-10
    assert np.isnan(ours.pvalues["alpha"])  # zero is the end of its range


def test_negative_binomial_scalars(counts: tuple[Pair, str]) -> None:
    pair, _ = counts
    for name in ("llf", "llnull", "aic", "bic", "df_model", "df_resid", "llr", "llr_pvalue"):
        expected = getattr(pair.theirs, name)
        assert getattr(pair.ours, name) == pytest.approx(expected, rel=CLOSE)
    assert pair.ours.pseudo_rsquared("mcf") == pytest.approx(pair.theirs.prsquared, rel=CLOSE)


def test_negative_binomial_predictions(counts: tuple[Pair, str]) -> None:
    pair, role = counts
    new = pair.data.iloc[4:50:3]
    given = {role: new[ROLES[role]]} if role in ROLES else {}
    assert difference(pair.ours.predict(), pair.theirs.predict()) < CLOSE
    for which in ("mean", "linear"):
        expected = pair.theirs.predict(new, which=which, **given)
        assert difference(pair.ours.predict(new, which=which), expected) < CLOSE
    variance = pair.theirs.predict(new, which="var", **given)
    assert difference(pair.ours.predict(new, which="var_unscaled"), variance) < CLOSE


@pytest.mark.parametrize("name", ["HC0", "cluster"])
def test_negative_binomial_robust_covariances(counts: tuple[Pair, str], name: str) -> None:
    pair, role = counts
    options = covariance(name, pair.data)
    ours = pair.ours.model.fit(**options)
    theirs = negative_binomial(pair.formula, pair.data, role, **options)
    assert difference(ours.bse, theirs.bse) < CLOSE
    assert difference(ours.cov_params(), theirs.cov_params()) < CLOSE
    a, b = ours.wald_test_terms().table, theirs.wald_test_terms().table
    assert list(a.index) == [name for name in b.index if name != "alpha"]
    assert difference(a, b.loc[a.index]) < CLOSE
    with_alpha = pair.theirs.params.index.get_loc("alpha")
    R = np.eye(len(ours.params))[1:with_alpha]
    found, expected = ours.wald_test(R), theirs.wald_test(R, scalar=True)
    assert float(found.statistic) == pytest.approx(float(expected.statistic), rel=CLOSE)


@cache
def robust_counts(name: str) -> tuple[Any, Any]:
    """Both fits with the covariance that is the same in both."""
    file, formula = COUNTS[name]
    model = dg.DeepGLM(formula, table(file), dg.NegativeBinomial(), hidden=())
    theirs = negative_binomial(formula, table(file), "plain", cov_type="HC0")
    return column_wise(model, theirs, cov_type="HC0"), theirs


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("at", ["overall", "mean", "median", "zero", "all"])
@pytest.mark.parametrize("method", ["dydx", "eyex", "dyex", "eydx"])
def test_negative_binomial_margins(name: str, at: str, method: str) -> None:
    ours, theirs = robust_counts(name)
    ours = ours.get_margeff(at=at, method=method, x="fixed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zero by zero at zero
        theirs = theirs.get_margeff(at=at, method=method)
    if at == "zero" and method.endswith("ex"):
        assert not ours.margeff.any() and not np.asarray(theirs.margeff).any()
        return
    assert difference(ours.margeff, theirs.margeff) < CLOSE
    if at != "all":
        assert difference(ours.margeff_se, theirs.margeff_se) < CLOSE


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("method", ["dydx", "eydx"])
@pytest.mark.parametrize(("dummy", "count"), [(True, False), (False, True), (True, True)])
def test_negative_binomial_margins_of_dummies_and_counts(
    name: str, method: str, dummy: bool, count: bool
) -> None:
    """A column that was standardised inside the fit is still one of whole numbers."""
    kind = {"method": method, "dummy": dummy, "count": count}
    ours, theirs = robust_counts(name)
    ours, theirs = ours.get_margeff(x="fixed", **kind), theirs.get_margeff(**kind)
    assert difference(ours.margeff, theirs.margeff) < CLOSE
    assert difference(ours.margeff_se, theirs.margeff_se) < CLOSE


def test_negative_binomial_margins_count_offset_and_exposure(counts: tuple[Pair, str]) -> None:
    """statsmodels has no effects beside an offset; under the log link they are easily told."""
    pair, _ = counts
    margins = column_wise(pair.ours.model, pair.theirs).get_margeff()
    expected = np.asarray(pair.theirs.predict()).mean() * pair.theirs.params.iloc[1:-1]
    assert difference(margins.margeff, expected) < CLOSE


def test_negative_binomial_distribution(counts: tuple[Pair, str]) -> None:
    pair, _ = counts
    ours, theirs = pair.ours.get_distribution(), pair.theirs.get_distribution()
    for at in (0, 3):
        assert difference(ours.pmf(at), theirs.pmf(at)) < CLOSE
    assert difference(ours.var(), theirs.var()) < CLOSE


@pytest.mark.parametrize("name", COUNTS)
def test_negative_binomial_frequencies_are_repeated_rows(name: str) -> None:
    file, formula = COUNTS[name]
    data = table(file)
    model = dg.DeepGLM(formula, data, dg.NegativeBinomial(), hidden=(), freq_weights="times")
    ours, theirs = model.fit(), negative_binomial(formula, repeated(data), "plain")
    assert difference(ours.params, theirs.params) < CLOSE
    V = np.linalg.inv(-ours.model.hessian(ours.params))
    assert difference(np.sqrt(np.diag(V)), theirs.bse) < CLOSE
    for name in ("llf", "llnull", "aic", "bic", "df_resid"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=CLOSE)
    theirs = negative_binomial(formula, repeated(data), "plain", cov_type="HC0")
    assert difference(model.fit(cov_type="HC0").bse, theirs.bse) < CLOSE


def test_negative_binomial_from_arrays() -> None:
    file, formula = COUNTS["biochemists"]
    y, X = patsy.dmatrices(formula, table(file), return_type="dataframe")
    ours = dg.DeepGLM.from_arrays(y["art"], X, dg.NegativeBinomial(), hidden=()).fit()
    theirs = negative_binomial(formula, table(file), "plain")
    assert difference(ours.params, theirs.params) < CLOSE
    assert list(ours.params.index) == [*X.columns, "alpha"]


def test_negative_binomial_at_a_known_alpha_is_the_glm() -> None:
    """With alpha held at its estimate the coefficients and their standard errors do not move."""
    file, formula = COUNTS["quine"]
    free = dg.DeepGLM(formula, table(file), dg.NegativeBinomial(), hidden=()).fit()
    family = sm.families.NegativeBinomial(alpha=free.params["alpha"])
    held = smf.glm(formula, table(file), family=family).fit(tol=1e-13)
    assert difference(free.params.iloc[:-1], held.params) < CLOSE
    assert difference(free.bse.iloc[:-1], held.bse) < CLOSE
    assert free.llf == pytest.approx(held.llf, rel=CLOSE)
    assert free.deviance == pytest.approx(held.deviance, rel=CLOSE)


# -- two classes are a binomial -------------------------------------------------------------------

LINKS = {
    "logit": sm.families.links.Logit,
    "probit": sm.families.links.Probit,
    "cauchit": sm.families.links.Cauchy,
    "cloglog": sm.families.links.CLogLog,
    "loglog": sm.families.links.LogLog,
}
# 1 - F of cloglog is loglog: the level that counts as a success is the lower one there
MIRRORED = {"cloglog": "loglog", "loglog": "cloglog"}


@pytest.mark.parametrize("link", LINKS)
def test_ordinal_of_two_levels_is_a_binomial(link: str) -> None:
    data = table("MASS_birthwt")
    heavy = pd.Categorical(np.where(data.low == 1, "light", "heavy"), ["light", "heavy"])
    data = data.assign(weight=heavy)
    formula = "weight ~ age + lwt + smoke"
    ours = dg.DeepGLM(formula, data, dg.Ordinal(link), hidden=()).fit()
    family = sm.families.Binomial(LINKS[MIRRORED.get(link, link)]())
    theirs = smf.glm("I(1 - low) ~ age + lwt + smoke", data, family=family).fit(tol=1e-13)
    cut, slope = ours.params["light|heavy"], ours.params.drop("light|heavy")
    assert -cut == pytest.approx(theirs.params["Intercept"], rel=CLOSE)
    assert difference(slope, theirs.params.drop("Intercept")) < CLOSE
    assert ours.llf == pytest.approx(theirs.llf, rel=1e-9)
    # observed information, of which statsmodels makes its covariance on request
    V = np.linalg.inv(-theirs.model.hessian(theirs.params))
    order = ["Intercept", *slope.index]
    expected = pd.Series(np.sqrt(np.diag(V)), theirs.params.index)[order]
    assert difference(ours.bse[["light|heavy", *slope.index]], expected) < CLOSE
    assert difference(ours.predict()["heavy"], theirs.fittedvalues) < CLOSE


def test_multinomial_of_two_levels_is_a_binomial() -> None:
    data = table("MASS_birthwt").assign(kind=lambda d: np.where(d.low == 1, "light", "heavy"))
    formula = "kind ~ age + lwt + smoke"
    ours = dg.DeepGLM(formula, data, dg.Multinomial(), hidden=()).fit()
    binomial = dg.DeepGLM(formula, data, dg.Binomial(), hidden=()).fit()
    theirs = smf.glm("low ~ age + lwt + smoke", data, family=sm.families.Binomial()).fit(tol=1e-13)
    for one in (binomial, theirs):
        for name in ("params", "bse", "pvalues"):
            assert difference(getattr(ours, name), getattr(one, name)) < CLOSE
        for name in ("llf", "llnull", "aic", "deviance", "null_deviance", "df_resid", "df_model"):
            assert getattr(ours, name) == pytest.approx(getattr(one, name), rel=CLOSE)
    assert difference(ours.predict()["light"], theirs.fittedvalues) < CLOSE


def test_what_has_no_single_linear_predictor_says_so() -> None:
    name, formula = MULTINOMIAL["womenlf"]
    ours = dg.DeepGLM(formula, table(name), dg.Multinomial(), hidden=()).fit()
    for member in ("resid_working", "resid_anscombe"):
        with pytest.raises(NotAvailableError):
            getattr(ours, member)
    with pytest.raises(NotAvailableError, match="resid_quantile"):
        _ = ours.resid_studentized

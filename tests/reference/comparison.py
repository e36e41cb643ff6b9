"""Every number of a stored fit next to ours, and what R would say with its own conventions.

Nothing here asks the package how a GLM works: R's log-likelihoods and its scoring steps are written
out again in NumPy, with statsmodels' link functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

import deepglm as dg
from tests.reference.rfits import (
    LINKS,
    QUASI_VARIANCE,
    Record,
    call,
    fitted,
    labelled,
    r_name,
    records,
)

TOL = 1e-6

Array = np.ndarray


def worst(ours: Any, theirs: Any) -> float:
    """Largest relative difference, number by number; infinite where one of them is no number."""
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert a.shape == b.shape, (a.shape, b.shape)
    same = a == b
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(a - b) / np.abs(b))
    return float(np.max(np.where(np.isnan(difference), np.inf, difference), initial=0.0))


def by_r_names(values: pd.Series) -> pd.Series:
    """Our labelled numbers under R's names; what was set aside (NaN) is left out, as R does."""
    return values.set_axis([r_name(name) for name in values.index]).dropna()


def covariance_of(fit: dg.DeepGLMResults) -> pd.DataFrame:
    """Our covariance of the estimated coefficients under R's names."""
    V = fit.cov_params()
    used = fit.params.notna().to_numpy()
    names = [r_name(name) for name in V.index]
    return V.set_axis(names).set_axis(names, axis=1).loc[used, used]


def r_covariance(record: Record) -> pd.DataFrame:
    """R's; a column that it dropped is null there."""
    V = np.array(record["vcov"], dtype=float)
    V = V[~np.isnan(V).all(axis=1)][:, ~np.isnan(V).all(axis=0)]
    names = labelled(record["coef"]).index
    return pd.DataFrame(V, names, names)


def coefficients(record: Record, fit: dg.DeepGLMResults) -> dict[str, float]:
    """Relative differences of what there is per coefficient."""
    ours, theirs = by_r_names(fit.params), labelled(record["coef"])
    assert sorted(ours.index) == sorted(theirs.index)
    names = theirs.index
    se = labelled(record["se"])
    out = {
        "coef": worst(ours[names], theirs),
        "se": worst(by_r_names(fit.bse)[names], se),
        "stat": worst(by_r_names(fit.tvalues)[names], labelled(record["stat"])),
    }
    if "vcov" in record:
        V = covariance_of(fit).loc[names, names].to_numpy()
        R = r_covariance(record).to_numpy()
        # an element near zero is a difference of numbers of this size
        d = np.sqrt(np.diag(R))
        out["vcov"] = float(np.max(np.abs(V - R) / d / d[:, None]))
    return out


def fitted_values(record: Record, fit: dg.DeepGLMResults) -> dict[str, float]:
    """Relative differences of what there is per row."""
    eta = fit.predict(which="linear")
    assert fit.nobs == record["n"]
    return {
        "fitted_head": worst(fit.fittedvalues.iloc[:6], record["fitted_head"]),
        "fitted_sum": worst(fit.fittedvalues.sum(), record["fitted_sum"]),
        # predictors of both signs nearly cancel in their sum
        "eta_sum": abs(eta.sum() - record["eta_sum"]) / eta.abs().sum(),
    }


def totals(record: Record, fit: dg.DeepGLMResults) -> dict[str, float]:
    """Relative differences of what there is once."""
    assert fit.df_resid == record["df_resid"]
    assert fit.edf == record["p"]
    names = {
        "deviance": "deviance",
        "null_deviance": "null_deviance",
        "pearson_chi2": "pearson_chi2",
        "scale": "dispersion",
        "llf": "loglik",
        "aic": "aic",
    }
    stored = {ours: theirs for ours, theirs in names.items() if record.get(theirs) is not None}
    return {ours: worst(getattr(fit, ours), record[theirs]) for ours, theirs in stored.items()}


def differences(record: Record, fit: dg.DeepGLMResults) -> dict[str, float]:
    """Every quantity of a record with its worst relative difference."""
    return {
        **coefficients(record, fit),
        **fitted_values(record, fit),
        **totals(record, fit),
    }


def outside(found: dict[str, float]) -> set[str]:
    """The quantities that do not agree."""
    return {quantity for quantity, value in found.items() if not value <= TOL}


def disagreements(file: str, name: str, stopped: set[str]) -> set[str]:
    """The quantities of a record that do not agree once R has gone on where it stopped early.

    Parameters
    ----------
    stopped
        Quantities that R left before ``TOL``; all of them must be needed, and at our coefficients
        the next scoring step must be shorter than at R's.
    """
    record, fit = records(file)[name], fitted(file, name)
    assert fit.converged
    found = outside(differences(record, fit))
    assert stopped <= found, f"not needed: {stopped - found}"
    if not stopped:
        return found
    ours, theirs = decrements(name, record, fit)
    assert ours < theirs / 100
    return outside(differences(continued(name, record), fit))


# -- R's conventions, written out ---------------------------------------------------------------


VARIANCES: dict[str, Callable[[Array], Array]] = {
    "gaussian": np.ones_like,
    "binomial": lambda mu: mu * (1.0 - mu),
    "quasibinomial": lambda mu: mu * (1.0 - mu),
    "poisson": lambda mu: mu,
    "quasipoisson": lambda mu: mu,
    "Gamma": lambda mu: mu**2,
    "inverse.gaussian": lambda mu: mu**3,
}

BY_NAME: dict[str, Callable[[Array], Array]] = {
    "mu": lambda mu: mu,
    "mu^2": lambda mu: mu**2,
    "mu^3": lambda mu: mu**3,
    "mu(1-mu)": lambda mu: mu * (1.0 - mu),
    "mu^2(1-mu)^2": lambda mu: (mu * (1.0 - mu)) ** 2,
}


def variance_of(name: str, record: Record) -> Callable[[Array], Array]:
    """The variance function of R's family."""
    if name in QUASI_VARIANCE:
        return BY_NAME[QUASI_VARIANCE[name]]
    if "var_power" in record:
        return lambda mu: mu ** record["var_power"]
    if "theta" in record:
        return lambda mu: mu + mu**2 / record["theta"]
    return VARIANCES[record["family"]]


@dataclass(frozen=True)
class Problem:
    """What R's IWLS works on: columns, response (a proportion), prior weights, offset."""

    X: Array
    y: Array
    weight: Array
    offset: Array
    names: list[str]
    link: Any
    variance: Callable[[Array], Array]

    def working(self, beta: Array) -> tuple[Array, Array, Array]:
        """Mean, score and expected information at dispersion 1."""
        eta = self.X @ beta + self.offset
        mu = self.link.inverse(eta)
        slope = self.link.inverse_deriv(eta)
        per_row = self.weight * slope / self.variance(mu)
        score = self.X.T @ (per_row * (self.y - mu))
        return mu, score, (self.X.T * (per_row * slope)) @ self.X

    def step(self, beta: Array) -> tuple[Array, float]:
        """One scoring step, and its length in standard errors at dispersion 1."""
        _, score, F = self.working(beta)
        d = np.sqrt(np.diag(F))
        move = np.linalg.solve(F / d / d[:, None], score / d) / d
        return move, float(np.sqrt(max(score @ move, 0.0)))


def problem(name: str, record: Record) -> Problem:
    """The record's regression."""
    said = call(name, record)
    model = said.model()
    y = np.asarray(model.endog, dtype=float)
    n = len(said.data)
    weight = np.asarray(said.options.get("var_weights", np.ones(n)), dtype=float)
    if y.ndim == 2:
        weight = y.sum(axis=1)
        y = y[:, 0] / weight
    names = [r_name(column) for column in model.exog_names]
    kept = [j for j, column in enumerate(names) if column in labelled(record["coef"]).index]
    return Problem(
        np.asarray(model.exog)[:, kept],
        y,
        weight,
        np.asarray(said.options.get("offset", np.zeros(n)), dtype=float),
        [names[j] for j in kept],
        LINKS[record["link"]](),
        variance_of(name, record),
    )


def continued(name: str, record: Record) -> Record:
    """The record with R's coefficients iterated further by R's own method, to rounding.

    R stops when the deviance changes by less than 1e-13 of itself, which fixes the coefficients to
    about 3e-7 of a standard error times the square root of deviance over dispersion, and it reports
    standard errors and fitted values of the step before.
    """
    rows = problem(name, record)
    beta = labelled(record["coef"])[rows.names].to_numpy()
    length = np.inf
    for _ in range(300):
        move, new = rows.step(beta)
        if new >= length and new < 1e-9 * np.sqrt(record["dispersion"]):
            break
        beta, length = beta + move, new
    mu, _, F = rows.working(beta)
    pearson = float(rows.weight @ ((rows.y - mu) ** 2 / rows.variance(mu)))
    phi = pearson / record["df_resid"] if record["dispersion"] != 1 else 1.0
    V = pd.DataFrame(np.linalg.inv(F) * phi, rows.names, rows.names)
    names = labelled(record["coef"]).index
    coef = pd.Series(beta, rows.names)[names]
    se = pd.Series(np.sqrt(np.diag(V)), rows.names)[names]
    out = {
        "coef": coef.to_dict(),
        "se": se.to_dict(),
        "stat": (coef / se).to_dict(),
        "pearson_chi2": pearson,
        "dispersion": phi,
        "fitted_head": mu[:6],
        "fitted_sum": mu.sum(),
        "eta_sum": (rows.X @ beta + rows.offset).sum(),
    }
    if "vcov" in record:
        out["vcov"] = V.loc[names, names].to_numpy()
    return {**record, **out}


def decrements(name: str, record: Record, fit: dg.DeepGLMResults) -> tuple[float, float]:
    """Length of the next scoring step in standard errors, at our coefficients and at R's."""
    rows = problem(name, record)
    root = np.sqrt(record["dispersion"])
    ours = by_r_names(fit.params)[rows.names].to_numpy()
    theirs = labelled(record["coef"])[rows.names].to_numpy()
    return rows.step(ours)[1] / root, rows.step(theirs)[1] / root


def r_loglik(name: str, record: Record, fit: dg.DeepGLMResults) -> float:
    """R's log-likelihood at our fitted values, from the formulas of its families' ``aic``.

    The dispersion is deviance over the sum of the weights, and a weight multiplies the row's
    log-likelihood, as if it were a frequency.
    """
    rows = problem(name, record)
    mu, y, w = fit.fittedvalues.to_numpy(), rows.y, rows.weight
    family = record["family"]
    if family == "gaussian":
        n = len(y)
        return float(-0.5 * (n * (np.log(2 * np.pi * fit.deviance / n) + 1) - np.log(w).sum()))
    phi = fit.deviance / w.sum()
    if family == "Gamma":
        density = _gamma_logpdf(y, 1.0 / phi, mu * phi)
    else:
        assert family == "inverse.gaussian"
        d = (y - mu) ** 2 / (y * mu**2)
        # R has 1 in place of the row's deviance over the dispersion; the sums are the same
        density = -0.5 * (np.log(2 * np.pi * phi * y**3) + d / phi)
    return float(w @ density)


def _gamma_logpdf(y: Array, shape: Array | float, scale: Array) -> Array:
    return (shape - 1.0) * np.log(y) - y / scale - shape * np.log(scale) - special.gammaln(shape)


def loglik(name: str, record: Record, fit: dg.DeepGLMResults) -> float:
    """The log-likelihood at our fitted values and ``fit.scale``; the weight divides the dispersion.

    Written with scipy's formulas of the densities, for the families whose dispersion is estimated.
    """
    rows = problem(name, record)
    mu, y = fit.fittedvalues.to_numpy(), rows.y
    phi = fit.scale / rows.weight
    family = record["family"]
    if family == "gaussian":
        density = -0.5 * ((y - mu) ** 2 / phi + np.log(2 * np.pi * phi))
    elif family == "Gamma":
        density = _gamma_logpdf(y, 1.0 / phi, mu * phi)
    else:
        assert family == "inverse.gaussian"
        density = -0.5 * ((y - mu) ** 2 / (y * mu**2) / phi + np.log(2 * np.pi * phi * y**3))
    return float(density.sum())


# -- values per row of the diagnostics ----------------------------------------------------------


def at_scale(ours: Any, theirs: Any) -> float:
    """Largest difference relative to R's number or, where that is smaller, to R's root mean square.

    For residuals and their kind: one near zero is a difference of numbers of that size.
    """
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert a.shape == b.shape, (a.shape, b.shape)
    size = np.maximum(np.abs(b), np.sqrt(np.mean(b**2, axis=0)))
    difference = np.abs(a - b) / size
    return float(np.max(np.where(np.isnan(difference), np.inf, difference)))


def row_members(fit: dg.DeepGLMResults) -> dict[str, Array]:
    """Our members under R's names, one number per row."""
    mean = fit.get_prediction().summary_frame()
    linear = fit.get_prediction(which="linear")
    influence = fit.get_influence(observed=False)
    hat = fit.get_hat_matrix_diag(observed=False)
    return {
        "fitted": fit.fittedvalues,
        "linear_predictor": linear.predicted,
        "se_link": linear.se,
        "response": mean["mean"],
        "se_response": mean["mean_se"],
        "resid_deviance": fit.resid_deviance,
        "resid_pearson": fit.resid_pearson,
        "resid_working": fit.resid_working,
        # R has proportions where statsmodels, and we, have counts
        "resid_response": fit.resid_response / fit.model.n_trials,
        "hat": hat,
        "cooks": influence.cooks_distance[0],
        "rstandard_pearson": influence.resid_studentized,
        "rstandard_deviance": fit.resid_deviance / np.sqrt(fit.scale * (1.0 - hat)),
    }


def dfbeta(fit: dg.DeepGLMResults) -> pd.DataFrame:
    """Change of the coefficients without a row, as R has it.

    R's ``lm.influence`` takes deviance residuals where statsmodels takes Pearson's.
    """
    change = fit.get_influence(observed=False).d_params
    ratio = fit.resid_deviance.to_numpy() / fit.resid_pearson.to_numpy()
    names = [r_name(name) for name in fit.params.index]
    return pd.DataFrame(np.asarray(change) * ratio[:, None], columns=names)


def row_differences(record: Record, fit: dg.DeepGLMResults, keep: Any) -> dict[str, float]:
    """Every quantity of ``obs`` that has a member, with its worst relative difference."""
    stored = record["obs"]
    out = {
        name: at_scale(np.asarray(ours)[keep], np.asarray(stored[name])[keep])
        for name, ours in row_members(fit).items()
    }
    for name in ("fitted", "se_link", "response", "se_response"):
        out[name] = worst(np.asarray(row_members(fit)[name])[keep], np.asarray(stored[name])[keep])
    names = labelled(record["coef"]).index
    theirs = np.asarray(stored["dfbeta_coef"], dtype=float)[keep]
    out["dfbeta_coef"] = at_scale(dfbeta(fit)[names].to_numpy()[keep], theirs)
    if record["dispersion"] != 1:
        out["residual_scale"] = worst(np.sqrt(fit.scale), stored["residual_scale"])
    return out


def cooks(name: str, record: Record, fit: dg.DeepGLMResults, keep: Any) -> Array:
    """Cook's distance written out, with expected information, at our coefficients.

    Parameters
    ----------
    keep
        Rows to use and to return; what the others add to the information must be nothing.
    """
    rows = problem(name, record)
    beta = by_r_names(fit.params)[rows.names].to_numpy()
    X, weight = rows.X[keep], rows.weight[keep]
    eta = X @ beta + rows.offset[keep]
    mu = rows.link.inverse(eta)
    V = rows.variance(mu)
    W = weight * rows.link.inverse_deriv(eta) ** 2 / V
    h = W * np.einsum("ij,ji->i", X, np.linalg.solve((X.T * W) @ X, X.T))
    pearson2 = weight * (rows.y[keep] - mu) ** 2 / V
    return pearson2 * h / (1.0 - h) ** 2 / (fit.scale * X.shape[1])

"""Tests of linear restrictions, done by statsmodels on arrays, checked for estimability here."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from statsmodels.base.model import LikelihoodModelResults
from statsmodels.stats.contrast import ContrastResults, WaldTestResults
from statsmodels.stats.multitest import multipletests

from deepglm.errors import SpecificationError, probability
from deepglm.inference.fitted import Array, Mask
from deepglm.inference.lagrange import ScoreTest

__all__ = [
    "adjusted",
    "as_contrast",
    "plain_results",
    "quantile",
    "t_test",
    "terms_table",
    "two_sided",
    "wald_test",
]


def plain_results(
    names: Sequence[str],
    params: Array,
    normalized: Array,
    scale: float,
    *,
    cov: Array | None,
    use_t: bool,
    df_resid: float,
    df_inference: float | None,
) -> LikelihoodModelResults:
    """A bare statsmodels result that holds arrays: its tests need them where ours are labelled.

    Parameters
    ----------
    names
        Names of the coefficients.
    params, normalized, scale
        Estimates, their covariance at dispersion 1, and the dispersion.
    cov
        A robust covariance in place of those two.
    use_t
        Whether t and F are used in place of z and chi-square.
    df_resid, df_inference
        Residual degrees of freedom, and those of tests where they differ.
    """
    model = SimpleNamespace(
        exog_names=list(names), data=SimpleNamespace(cov_names=list(names), model_spec=None)
    )
    plain = LikelihoodModelResults(model, params, normalized_cov_params=normalized, scale=scale)
    plain.use_t = use_t
    plain.df_resid = df_resid
    if cov is not None:
        plain.cov_params_default = cov
    if df_inference is not None:
        plain.df_resid_inference = df_inference
    return plain


def t_test(
    plain: LikelihoodModelResults, R: Array, q: Array, known: Mask, cov_p: Any, use_t: bool | None
) -> ContrastResults:
    """One test per row of ``R``; NaN for a row that the data do not determine.

    Parameters
    ----------
    plain
        What :func:`plain_results` made.
    R, q
        ``R params = q``.
    known
        (k,) which rows are estimable and not fixed by construction.
    cov_p, use_t
        As in statsmodels.
    """
    result = plain.t_test((R, q), cov_p=cov_p, use_t=use_t)
    if known.all():
        return result
    effect = np.where(known, np.atleast_1d(result.effect), np.nan)
    V = np.atleast_2d(plain.cov_params(r_matrix=R, cov_p=cov_p))
    sd = np.where(known, np.sqrt(np.diag(V)), np.nan)
    statistic = (effect - q) / sd
    if plain.use_t if use_t is None else use_t:
        return ContrastResults(effect=effect, t=statistic, sd=sd, df_denom=result.df_denom)
    return ContrastResults(effect=effect, statistic=statistic, sd=sd, distribution="norm")


def wald_test(
    plain: LikelihoodModelResults, R: Array, q: Array, known: Mask, options: dict[str, Any]
) -> ContrastResults:
    """A joint test of all rows of ``R``; NaN if the data do not determine one of them."""
    given = options.get("invcov") is not None or options.get("cov_p") is not None
    if known.all() and (given or np.isfinite(plain.cov_params()).all()):
        return plain.wald_test((R, q), **options)
    use_f = plain.use_t if options.get("use_f") is None else options["use_f"]
    k = float(len(R))
    if use_f:
        df = getattr(plain, "df_resid_inference", plain.df_resid)
        return ContrastResults(F=np.nan, df_denom=df, df_num=k)
    return ContrastResults(
        chi2=np.nan, df_denom=k, statistic=np.nan, distribution="chi2", distargs=(k,)
    )


def terms_table(tests: Sequence[tuple[str, ContrastResults]], use_f: bool) -> WaldTestResults:
    """Lay out joint tests term by term, as statsmodels does."""
    rows = []
    for _, test in tests:
        df = test.df_num if use_f else test.df_denom
        row = [float(np.squeeze(test.statistic)), float(test.pvalue), int(df)]
        rows.append([*row, test.df_denom] if use_f else row)
    columns = ["statistic", "pvalue", "df_constraint", *(["df_denom"] if use_f else [])]
    table = pd.DataFrame(rows, index=[name for name, _ in tests], columns=columns)
    return WaldTestResults(None, "F" if use_f else "chi2", None, table=table)


def two_sided(statistic: Array, df: float | None) -> npt.NDArray[np.float64]:
    """p-values of statistics; ``df`` None means z."""
    tail = stats.norm.sf(np.abs(statistic)) if df is None else stats.t.sf(np.abs(statistic), df)
    return np.asarray(2.0 * tail)


def quantile(alpha: float, df: float | None) -> float:
    """Upper ``alpha / 2`` point of z, or of t with ``df`` degrees of freedom."""
    p = 1.0 - probability("alpha", alpha) / 2.0
    return float(stats.norm.ppf(p) if df is None else stats.t.ppf(p, df))


ADJUSTMENTS = ("bonferroni", "sidak", "holm", "holm-sidak", "hommel", "fdr_bh", "fdr_by")


def adjusted(pvalues: pd.Series, adjust: str | None) -> Any:
    """p-values adjusted for their number; missing ones stay missing and are not counted."""
    if adjust is None:
        return pvalues
    if adjust not in ADJUSTMENTS:
        accepted = ", ".join(repr(name) for name in ADJUSTMENTS)
        raise SpecificationError(f"adjust={adjust!r} is not known; accepted are {accepted}.")
    out = pvalues.to_numpy(dtype=float).copy()
    known = np.isfinite(out)
    if known.any():
        out[known] = multipletests(out[known], method=adjust)[1]
    return out


def as_contrast(test: ScoreTest) -> ContrastResults:
    """A score test in statsmodels' class."""
    if np.isfinite(test.df_denom):
        return ContrastResults(F=test.statistic, df_denom=test.df_denom, df_num=test.df)
    return ContrastResults(
        chi2=test.statistic,
        df_denom=test.df,
        statistic=test.statistic,
        distribution="chi2",
        distargs=(test.df,),
    )

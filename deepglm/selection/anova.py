"""Analysis of deviance: a GLM term by term, GLMs against each other, a GLM against a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.results import DeepGLMResults
from deepglm.results.deletion import chosen_test, compared
from deepglm.selection.agreement import check_same_response

__all__ = ["anova"]

Array = npt.NDArray[np.float64]

_SPANNED = 1e-8
"""Share of a column's squared length outside other columns that is rounding."""


def anova(
    *results: Any,
    test: str | None = None,
    cov_type: str | None = None,
    cov_kwds: Any = None,
    bootstrap: int = 199,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare fits of one response by their deviance, with a p-value where there is a valid one.

    Parameters
    ----------
    results
        One GLM: its terms are added one after the other. Two or more fits, in a list, or in a
        dictionary by name: each is compared with the one before it.
    test
        Between GLMs "Chisq", "F" (the default where the dispersion is estimated) or "Rao", the
        score test from the smaller one. Of a GLM against a network that nests it "lm" (default),
        the score tests of ``nonlinearity_test()`` for what the network can do, or "lr_boot", the
        parametric bootstrap of the likelihood ratio against one hidden unit.
    cov_type, cov_kwds
        Robust variance of the scores, for "Rao" and "lm".
    bootstrap, seed
        Refits and seed of "lr_boot"; the seed is that of the phantom units of "lm" as well.

    Returns
    -------
    DataFrame
        A row for every term or fit: ``df_resid``, ``deviance``, ``bic`` (of fits), ``df`` and
        ``change`` in deviance, ``test``, ``statistic``, ``pvalue``.

    Raises
    ------
    SpecificationError
        For fits that are not of the same response, family, link and rows (the rows themselves are
        compared: labels, responses, weights and offsets), and for a test that was asked for between
        fits that are not nested.

    Notes
    -----
    Between GLMs the table is R's: the dispersion is that of the largest model, Pearson's. A GLM is
    nested in a network if its columns are combinations of those in the network's final layer; twice
    the difference of their log-likelihoods is then not chi-square, because the coefficients of a
    hidden unit of no effect are not identified. Fits that are not nested, and networks, have
    their deviance and BIC, and no p-value. ``bic`` counts effective degrees of freedom.

    Examples
    --------
    >>> import deepglm as dg
    >>> trees = dg.datasets.load("trees")
    >>> small = dg.DeepGLM("Volume ~ Girth", trees, hidden=()).fit()
    >>> large = dg.DeepGLM("Volume ~ Girth + Height", trees, hidden=()).fit()
    >>> anova(small, large)[["df", "statistic", "pvalue"]].round(4).iloc[1].tolist()
    [1.0, 6.7943, 0.0145]
    """
    members = _named(results)
    if len(members) == 1:
        if test is not None and test.lower() == "rao" or cov_type is not None:
            raise NotAvailableError(
                "anova of one fit refits it term by term; score tests compare two fits. Give both."
            )
        return _by_term(next(iter(members.values())), test)
    check_same_response(members)
    options = {"cov_type": cov_type, "cov_kwds": cov_kwds, "bootstrap": bootstrap, "seed": seed}
    return _by_fit(members, test, options)


def _named(results: tuple[Any, ...]) -> dict[Any, DeepGLMResults]:
    given = results[0] if len(results) == 1 else results
    if isinstance(given, DeepGLMResults):
        given = [given]
    if isinstance(given, Mapping):
        members = dict(given)
    else:
        given = list(given) if isinstance(given, Iterable) else [given]
        members = {f"fit {k}": result for k, result in enumerate(given, 1)}
    if not members:
        raise SpecificationError("anova needs a fit or more; none is given.")
    for name, result in members.items():
        if not isinstance(result, DeepGLMResults):
            raise SpecificationError(
                f"{name!r} is of type {type(result).__name__}; anova compares DeepGLMResults, what "
                "DeepGLM(...).fit() returns."
            )
    return members


def _by_term(result: DeepGLMResults, test: str | None) -> pd.DataFrame:
    """R's table of one GLM."""
    estimated = result._estimate.scale_kind != "fixed"
    kind = chosen_test(test, estimated)
    names, models = result._sequential()
    df_resid = np.array([model.df_resid for model in models])
    deviance = np.array([model.deviance for model in models])
    df, change = -np.diff(df_resid), -np.diff(deviance)
    llf = np.array([model.llf for model in models])
    if np.isfinite(llf).all():
        change = 2.0 * np.diff(llf)
    scale = 1.0 if np.isfinite(llf).all() else result.scale
    statistic, p = compared(change, df, scale, df_resid[-1], kind)
    first = np.array([np.nan])
    return pd.DataFrame(
        {
            "df_resid": df_resid,
            "deviance": deviance,
            "df": np.r_[first, df],
            "change": np.r_[first, change],
            "test": ["", *[kind] * len(names)],
            "statistic": np.r_[first, statistic],
            "pvalue": np.r_[first, p],
        },
        index=pd.Index(["NULL", *names], name="term"),
    )


def _by_fit(
    members: dict[Any, DeepGLMResults], test: str | None, options: dict[str, Any]
) -> pd.DataFrame:
    fits = list(members.values())
    df_resid = np.array([float(fit.df_resid) for fit in fits])
    rows = [["", np.nan, np.nan]]
    for before, after in zip(fits, fits[1:], strict=False):
        rows.append(_pair(before, after, test, options, fits))
    frame = pd.DataFrame(
        {
            "df_resid": df_resid,
            "deviance": [fit.deviance for fit in fits],
            "bic": [fit.bic for fit in fits],
            "df": np.r_[np.nan, -np.diff(df_resid)],
            "change": np.r_[np.nan, -np.diff([fit.deviance for fit in fits])],
        },
        index=pd.Index(list(members), name="fit"),
    )
    frame[["test", "statistic", "pvalue"]] = pd.DataFrame(
        rows, index=frame.index, columns=["test", "statistic", "pvalue"]
    )
    return frame


def _pair(
    before: DeepGLMResults,
    after: DeepGLMResults,
    test: str | None,
    options: dict[str, Any],
    fits: list[DeepGLMResults],
) -> list[Any]:
    """Name, statistic and p-value of the test between two fits, NaN where there is none."""
    nothing = ["", np.nan, np.nan]
    small, large = (after, before) if _is_smaller(after, before) else (before, after)
    if small._deep or not _nested(small, large):
        if test is not None:
            raise SpecificationError(
                f"test={test!r} needs nested fits: every column of the smaller one a combination "
                "of those in the larger one's final layer, and no hidden layer in the smaller one. "
                "Without test= the deviance and BIC of both are given."
            )
        return nothing
    if large._deep:
        if test not in (None, "lm", "lr_boot"):
            raise NotAvailableError(
                f"test={test!r}: twice the difference of the log-likelihoods of a GLM and a "
                "network is not chi-square. Use test='lm' or test='lr_boot'."
            )
        return _against_network(small, large, test or "lm", options)
    for fit, name in ((small, "anova"), (large, "anova")):
        fit._refuse_refits(name)
    return _between_glms(small, large, test, options, fits)


def _is_smaller(one: DeepGLMResults, other: DeepGLMResults) -> bool:
    if one._deep != other._deep:
        return other._deep
    return one.df_resid > other.df_resid


def _between_glms(
    small: DeepGLMResults,
    large: DeepGLMResults,
    test: str | None,
    options: dict[str, Any],
    fits: list[DeepGLMResults],
) -> list[Any]:
    if test is not None and test.lower() == "rao":
        found = small._score_of_columns(large.model.exog, options["cov_type"], options["cov_kwds"])
        return ["Rao", float(found.statistic), float(found.pvalue)]
    if options["cov_type"] is not None:
        raise SpecificationError("cov_type is for test='Rao' and test='lm', the score tests.")
    glms = [fit for fit in fits if not fit._deep]
    biggest = min(glms, key=lambda fit: fit.df_resid)
    estimated = biggest._estimate.scale_kind != "fixed"
    kind = chosen_test(test, estimated)
    df = np.array([small.df_resid - large.df_resid], dtype=float)
    ends = small._as_compared, large._as_compared
    change, scale = ends[0].deviance - ends[1].deviance, biggest.scale
    if np.isfinite([end.llf for end in ends]).all():
        change, scale = 2.0 * (ends[1].llf - ends[0].llf), 1.0
    statistic, p = compared(np.array([change]), df, scale, biggest.df_resid, kind)
    return [kind, float(statistic[0]), float(p[0])]


def _against_network(
    small: DeepGLMResults, large: DeepGLMResults, test: str, options: dict[str, Any]
) -> list[Any]:
    if test == "lr_boot":
        found = small.nonlinearity_test(
            test="lr_boot", bootstrap=options["bootstrap"], seed=options["seed"]
        )
        return ["lr_boot", float(found.statistic.iloc[0]), float(found.pvalue.iloc[0])]
    table = small._missed_beside(large, (options["cov_type"], options["cov_kwds"]), options["seed"])
    best = int(np.nanargmin(table.pvalue_adjusted)) if table.pvalue.notna().any() else 0
    name = f"lm ({table.index[best]}, Holm)"
    return [name, float(table.statistic.iloc[best]), float(table.pvalue_adjusted.iloc[best])]


def _nested(small: DeepGLMResults, large: DeepGLMResults) -> bool:
    """Whether the columns of one final layer are combinations of those of another."""
    X, Z = large._model._data.rows.designs[0], small._model._data.rows.designs[0]
    if not len(X):
        return not len(Z)
    d = np.sqrt(np.einsum("jm,jm->j", X, X))
    d = np.where(d > 0, d, 1.0)
    e, Q = np.linalg.eigh((X @ X.T) / d / d[:, None])
    kept = e > 1e-11 * e[-1]
    half = (Q[:, kept] / np.sqrt(e[kept])).T @ ((X @ Z.T) / d[:, None])
    length = np.einsum("jm,jm->j", Z, Z)
    left = length - np.einsum("kj,kj->j", half, half)
    return bool((left <= _SPANNED * np.where(length > 0, length, 1.0)).all())

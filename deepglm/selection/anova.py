"""Analysis of deviance: a GLM term by term, GLMs against each other, a GLM against a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.errors import DeepGLMError, NotAvailableError, SpecificationError, whole_number
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
        A row for every term or fit: ``df_resid``, ``deviance``, ``bic`` and ``certified`` (of
        fits), ``df`` and ``change`` in deviance, ``test``, ``statistic``, ``pvalue``, and
        ``reason``: why there is no p-value, or what else to know.

    Raises
    ------
    SpecificationError
        For fits that are not of the same response, family, link and rows (the rows themselves are
        compared: labels, responses, weights and offsets), and for a test that was asked for between
        fits that are not nested.
    NotAvailableError
        For a test that was asked for and is not valid for these fits, and for a single fit that
        cannot be tested term by term.

    Notes
    -----
    Between GLMs the table is R's: the dispersion is that of the largest model, Pearson's. A GLM is
    nested in a network if its columns are combinations of those in the network's final layer; twice
    the difference of their log-likelihoods is then not chi-square, because the coefficients of a
    hidden unit of no effect are not identified. Fits that are not nested, networks, fits that are
    not certified or penalised, and fits with a robust ``cov_type`` (a difference of deviances is
    not robust; "Rao" is) have their deviance and BIC, and no p-value; ``reason`` says which. "lm"
    needs only the GLM at its maximum. "lr_boot" fits the GLM and one hidden unit of all its
    inputs, whatever the number of units of the network, so that network has to be made of the same
    columns. ``bic`` counts effective degrees of freedom.

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
    whole_number("seed", seed, 0)
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
            "reason": ["", *np.where(df > 0, "", "earlier terms determine its columns")],
        },
        index=pd.Index(["NULL", *names], name="term"),
    )


def _by_fit(
    members: dict[Any, DeepGLMResults], test: str | None, options: dict[str, Any]
) -> pd.DataFrame:
    fits = list(members.values())
    names = {id(fit): repr(name) for name, fit in members.items()}
    df_resid = np.array([float(fit.df_resid) for fit in fits])
    rows: list[list[Any]] = [["", np.nan, np.nan, ""]]
    for before, after in zip(fits, fits[1:], strict=False):
        small, large = (after, before) if _is_smaller(after, before) else (before, after)
        pair = _Pair(small, large, _largest(fits), names)
        rows.append(pair.row(test, options))
    frame = pd.DataFrame(
        {
            "df_resid": df_resid,
            "deviance": [fit.deviance for fit in fits],
            "bic": [fit.bic for fit in fits],
            "certified": [fit.converged for fit in fits],
            "df": np.r_[np.nan, -np.diff(df_resid)],
            "change": np.r_[np.nan, -np.diff([fit.deviance for fit in fits])],
        },
        index=pd.Index(list(members), name="fit"),
    )
    columns = ["test", "statistic", "pvalue", "reason"]
    frame[columns] = pd.DataFrame(rows, index=frame.index, columns=columns)
    return frame


def _largest(fits: list[DeepGLMResults]) -> DeepGLMResults | None:
    """The GLM whose dispersion all comparisons of GLMs use."""
    return min((fit for fit in fits if not fit._deep), key=lambda fit: fit.df_resid, default=None)


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two fits that are compared.

    Parameters
    ----------
    small, large
        The fits.
    largest
        The GLM whose dispersion counts.
    names
        What the user calls the fits.
    """

    small: DeepGLMResults
    large: DeepGLMResults
    largest: DeepGLMResults | None
    names: Mapping[int, str]

    def row(self, test: str | None, options: dict[str, Any]) -> list[Any]:
        """Name, statistic and p-value of the test, and why there is none."""
        refused, reason = self._untested(test)
        if reason and test is not None:
            raise refused(
                f"test={test!r}: {reason}. Without test= the fits are shown side by side."
            )
        if reason:
            return ["", np.nan, np.nan, reason]
        if self.large._deep:
            row = self._against_network(test or "lm", options)
        else:
            row = self._between_glms(test, options)
        return row

    def _untested(self, test: str | None) -> tuple[type[DeepGLMError], str]:
        """Why no test is valid, in plain words, and what to raise if it was asked for."""
        small, large = self.small, self.large
        here, there = self.names[id(small)], self.names[id(large)]
        if small._deep:
            return SpecificationError, (
                f"a test needs nested fits without hidden layers in the smaller one; {here} and "
                f"{there} both have hidden layers, and twice the difference of their "
                "log-likelihoods is not chi-square"
            )
        if not _nested(small, large):
            return SpecificationError, (
                f"a test needs nested fits; {here} has columns that are no combinations of those "
                f"in the final layer of {there}"
            )
        if large._deep:
            return NotAvailableError, "" if small.converged else f"{here}: {small._not_compared}"
        compared_by_scores = test is not None and test.lower() == "rao"
        biggest = self.largest or large
        estimated = biggest._estimate.scale_kind != "fixed"
        for fit in (small, large, *([biggest] if estimated else [])):
            if fit._not_compared:
                return NotAvailableError, f"{self.names[id(fit)]}: {fit._not_compared}"
        for fit in (small, large):
            if fit._not_robust and not compared_by_scores:
                return NotAvailableError, (
                    f"{self.names[id(fit)]}: {fit._not_robust}; so is anova with test='Rao'"
                )
        return NotAvailableError, ""

    def _between_glms(self, test: str | None, options: dict[str, Any]) -> list[Any]:
        small, large = self.small, self.large
        same = "the two fits have the same columns, or combinations of them"
        if test is not None and test.lower() == "rao":
            found = small._score_of_columns(
                large.model.exog, options["cov_type"], options["cov_kwds"]
            )
            why = "" if np.isfinite(found.pvalue) else f"{same}; or too few clusters"
            return ["Rao", float(found.statistic), float(found.pvalue), why]
        if options["cov_type"] is not None:
            raise SpecificationError("cov_type is for test='Rao' and test='lm', the score tests.")
        biggest = self.largest or large
        kind = chosen_test(test, biggest._estimate.scale_kind != "fixed")
        df = np.array([small.df_resid - large.df_resid], dtype=float)
        ends = small._as_compared, large._as_compared
        change, scale = ends[0].deviance - ends[1].deviance, biggest.scale
        if np.isfinite([end.llf for end in ends]).all():
            change, scale = 2.0 * (ends[1].llf - ends[0].llf), 1.0
        statistic, p = compared(np.array([change]), df, scale, biggest.df_resid, kind)
        return [kind, float(statistic[0]), float(p[0]), same if np.isnan(p[0]) else ""]

    def _against_network(self, test: str, options: dict[str, Any]) -> list[Any]:
        small, large = self.small, self.large
        if test not in ("lm", "lr_boot"):
            raise NotAvailableError(
                f"test={test!r}: twice the difference of the log-likelihoods of a GLM and a "
                "network is not chi-square. Use test='lm' or test='lr_boot'."
            )
        there = self.names[id(large)]
        note = ""
        if not large.converged:
            note = (
                f"{there} is not certified, so that its deviance and BIC are not those of an "
                "optimum; the test starts from the GLM and does not use them"
            )
        if test == "lr_boot":
            if not _of_the_same_columns(small, large):
                raise NotAvailableError(
                    f"test='lr_boot' compares {self.names[id(small)]} with one hidden unit of its "
                    f"own inputs; {there} is made of others. Use test='lm', or fit the GLM with "
                    "the columns of the network."
                )
            found = small.nonlinearity_test(
                test="lr_boot", bootstrap=options["bootstrap"], seed=options["seed"]
            )
            return [
                "lr_boot (one tanh unit)",
                float(found.statistic.iloc[0]),
                float(found.pvalue.iloc[0]),
                note,
            ]
        table = small._missed_beside(
            large, (options["cov_type"], options["cov_kwds"]), options["seed"]
        )
        if not table.pvalue.notna().any():
            why = "nothing that the network can do is left to test, or there are too few clusters"
            return ["lm", np.nan, np.nan, why]
        best = int(np.nanargmin(table.pvalue_adjusted))
        name = f"lm ({table.index[best]}, Holm)"
        return [
            name,
            float(table.statistic.iloc[best]),
            float(table.pvalue_adjusted.iloc[best]),
            note,
        ]


def _is_smaller(one: DeepGLMResults, other: DeepGLMResults) -> bool:
    if one._deep != other._deep:
        return other._deep
    return one.df_resid > other.df_resid


def _of_the_same_columns(small: DeepGLMResults, large: DeepGLMResults) -> bool:
    """Whether a network is the GLM and one deep term of the columns of the GLM."""
    X, *others = large._model._data.rows.designs
    Z = small._model._data.rows.designs[0]
    if len(others) != 1 or not len(Z):
        return False
    one = np.ones((1, Z.shape[1]))
    own, inside = (np.concatenate((one, part)) for part in (Z, others[0]))
    return _spans(Z, X) and _spans(own, inside) and _spans(inside, own)


def _nested(small: DeepGLMResults, large: DeepGLMResults) -> bool:
    """Whether the columns of one final layer are combinations of those of another."""
    return _spans(large._model._data.rows.designs[0], small._model._data.rows.designs[0])


def _spans(X: Array, Z: Array) -> bool:
    """Whether (columns, n) are combinations of others, the first."""
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

"""Marginal effects in statsmodels' class, with numbers that know offset and frequencies."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from statsmodels.discrete.discrete_margins import DiscreteMargins

from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.inference.effects import Columns, column_effects, representative_row
from deepglm.inference.fitted import Array, Mask

AT = ("overall", "mean", "median", "zero", "all")
METHODS = ("dydx", "eyex", "dyex", "eydx")

__all__ = ["Margins"]


class Margins(DiscreteMargins):  # type: ignore[misc,unused-ignore]
    """statsmodels' ``DiscreteMargins``; tables and intervals are inherited."""

    def get_margeff(
        self,
        at: str = "overall",
        method: str = "dydx",
        atexog: Any = None,
        dummy: bool = False,
        count: bool = False,
    ) -> None:
        """Compute the effects (see ``DeepGLMResults.get_margeff``)."""
        self._reset()
        at, method = _one_of(at, AT, "at"), _one_of(method, METHODS, "method")
        if (dummy or count) and method in ("dyex", "eyex"):
            raise SpecificationError(
                f"method={method!r} is a proportional change, which a dummy or a count does not "
                "have; use 'dydx' or 'eydx'."
            )
        self.margeff_options = {"method": method, "at": at}
        model, rows = self.results.model, self.results.model._data.rows
        X = model.exog
        varies = X.var(axis=0) != 0
        zero_one, whole = _dummies(X), _counts(X)
        self.dummy_idx = np.flatnonzero(zero_one) if dummy else None
        self.count_idx = np.flatnonzero(whole & ~zero_one) if count else None
        columns = Columns(_replaced(X, atexog), rows.offset, rows.freq)
        if at in ("mean", "median", "zero"):
            columns = representative_row(columns, at, ~varies)
        empty = np.empty(0, dtype=int)
        effects = column_effects(
            self.results._numbers.fitted.family,
            self.results._estimate.params,
            columns,
            method,
            empty if self.dummy_idx is None else self.dummy_idx,
            empty if self.count_idx is None else self.count_idx,
        )
        if at == "all":
            self.margeff = effects.rows[:, varies]
            return
        # an effect of one row or of an average is a function of the coefficients: delta method
        G = effects.jacobian[varies]
        G[self.results._estimate.aliased[varies]] = np.nan
        self.margeff = np.where(np.isnan(G).any(axis=1), np.nan, effects.values[varies])
        self.margeff_cov = G @ self.results._cov @ G.T
        with np.errstate(invalid="ignore"):
            self.margeff_se = np.sqrt(np.diag(self.margeff_cov))

    @cached_property
    def tvalues(self) -> Array:
        """Effects over standard errors; NaN for an effect that is zero throughout."""
        if self.margeff_options["at"] == "all":
            raise NotAvailableError(
                "at='all' gives the effect in every row and no standard errors; use at='overall' "
                "for their average with one."
            )
        with np.errstate(invalid="ignore"):
            return np.asarray(self.margeff / self.margeff_se)


def _one_of(value: str, accepted: tuple[str, ...], name: str) -> str:
    lowered = str(value).lower()
    if lowered not in accepted:
        raise SpecificationError(
            f"{name}={value!r} is not known; accepted are {', '.join(map(repr, accepted))}."
        )
    return lowered


def _dummies(X: Array) -> Mask:
    return np.asarray((X.max(axis=0) == 1) & (X.min(axis=0) == 0) & (X % 1 == 0).all(axis=0))


def _counts(X: Array) -> Mask:
    return np.asarray((X % 1 == 0).all(axis=0) & (X >= 0).all(axis=0) & (X.var(axis=0) != 0))


def _replaced(X: Array, atexog: Any) -> Array:
    if atexog is None:
        return X
    if not isinstance(atexog, dict):
        values = np.asarray(atexog, dtype=float)
        if values.shape != X.shape:
            raise SpecificationError(
                f"atexog has shape {values.shape}; it stands for the columns of the model, "
                f"{X.shape}."
            )
        return values
    X = X.copy()
    for column, value in atexog.items():
        X[:, column] = value
    return X

"""Marginal effects in statsmodels' class, with numbers that know offset and frequencies."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from statsmodels.discrete.discrete_margins import DiscreteMargins

from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.families import Family, MeanFamily, with_limits
from deepglm.inference.effects import Columns, Outcomes, column_effects, representative_row
from deepglm.inference.fitted import Array, Mask

AT = ("overall", "mean", "median", "zero", "all")
METHODS = ("dydx", "eyex", "dyex", "eydx")

__all__ = ["Margins"]


class _Seen:
    """A result as statsmodels' tables of effects want to see one: columns, and what has effects."""

    def __init__(self, results: Any, outcomes: tuple[Any, ...]) -> None:
        self.model = type("DeepGLM", (), {})()
        model = results.model
        self.model.exog = _whole_again(model.exog)
        self.model.exog_names = list(model._data.sources[0].names)
        self.model.endog_names = model.endog_names
        self.model.J = max(len(outcomes), 1)
        self._names = [f"{model.endog_names}={one}" for one in outcomes]

    def _get_endog_name(self, yname: str, _: Any, all: bool = False) -> tuple[str, list[str]]:
        return yname, self._names


class Margins(DiscreteMargins):  # type: ignore[misc,unused-ignore]
    """statsmodels' ``DiscreteMargins``; tables and intervals are inherited."""

    def __init__(self, results: Any, args: tuple[Any, ...]) -> None:
        self._fit = results
        family = results._numbers.fitted.given
        outcomes = family.statistic_labels(family.statistics[0])
        super().__init__(_Seen(results, outcomes), args)

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
        rows, X = self._fit.model._data.rows, self.results.model.exog
        varies = X.var(axis=0) != 0
        zero_one, whole = _dummies(X), _counts(X)
        self.dummy_idx = np.flatnonzero(zero_one) if dummy else None
        self.count_idx = np.flatnonzero(whole & ~zero_one) if count else None
        columns = Columns(_replaced(X, atexog), rows.offset, rows.freq)
        if at in ("mean", "median", "zero"):
            columns = representative_row(columns, at, ~varies)
        empty = np.empty(0, dtype=int)
        differences = (
            empty if self.dummy_idx is None else self.dummy_idx,
            empty if self.count_idx is None else self.count_idx,
        )
        family = self._fit._numbers.fitted.given
        if isinstance(family, MeanFamily):
            self._of_mean(family, columns, differences, varies)
        else:
            self._of_outcomes(family, columns, differences, varies)

    def _of_mean(
        self, family: MeanFamily, columns: Columns, differences: Any, varies: Mask
    ) -> None:
        p = len(varies)
        beta, method = self._fit._estimate.params[:p], self.margeff_options["method"]
        effects = column_effects(family, beta, columns, method, *differences)
        if self.margeff_options["at"] == "all":
            self.margeff = effects.rows[:, varies]
            return
        # an effect of one row or of an average is a function of the coefficients: delta method
        G = effects.jacobian[varies]
        G[self._fit._estimate.aliased[:p][varies]] = np.nan
        self.margeff = np.where(np.isnan(G).any(axis=1), np.nan, effects.values[varies])
        self.margeff_cov = G @ self._fit._cov[:p, :p] @ G.T
        self.margeff_se = _root_of_diagonal(self.margeff_cov)

    def _of_outcomes(
        self, family: Family, columns: Columns, differences: Any, varies: Mask
    ) -> None:
        """Effects on every outcome, (columns, outcomes) as statsmodels' MNLogit."""
        which, method = family.statistics[0], self.margeff_options["method"]
        family = _limited(family, columns)
        outcomes = Outcomes(family, which, columns, method, *differences)
        params, V = self._fit._numbers.in_column_units(self._fit._robust)
        if self.margeff_options["at"] == "all":
            effects = outcomes.rows(params)[:, :, varies].transpose(1, 2, 0)
            self.margeff = effects if effects.shape[-1] > 1 else effects[..., 0]
            return
        aliased = self._fit._estimate.aliased[: len(varies)][varies]
        values, G = outcomes.average(params)[:, varies], outcomes.jacobian(params, V)[:, varies]
        values[:, aliased] = np.nan
        shape = values.shape
        flat = G.reshape(-1, len(params))
        self.margeff_cov = flat @ V @ flat.T
        errors = _root_of_diagonal(self.margeff_cov).reshape(shape)
        single = shape[0] == 1
        self.margeff, self.margeff_se = (x[0] if single else x.T for x in (values, errors))

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


def _root_of_diagonal(cov: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.sqrt(np.diag(cov))


def _limited(family: Family, columns: Columns) -> Family:
    """The family for one representative row: its limits have to be numbers."""
    limits: list[Any] = [getattr(family, name, 0.0) for name in ("lower", "upper")]
    if all(np.ndim(limit) == 0 or len(limit) == len(columns.offset) for limit in limits):
        return family
    if any(np.ptp(np.atleast_1d(limit)) > 0 for limit in limits):
        raise NotAvailableError(
            "the limits differ between rows, so that one row cannot stand for all. Use "
            "at='overall'."
        )
    return with_limits(family, *(np.atleast_1d(limit)[:1] for limit in limits))


def _one_of(value: str, accepted: tuple[str, ...], name: str) -> str:
    lowered = str(value).lower()
    if lowered not in accepted:
        raise SpecificationError(
            f"{name}={value!r} is not known; accepted are {', '.join(map(repr, accepted))}."
        )
    return lowered


def _whole_again(X: Array) -> Array:
    """Columns in the user's units with the rounding of the standardisation undone.

    Otherwise a count of 7 comes back as 6.999999999999999, and its column is no count.
    """
    whole = np.rint(X)
    return np.where(np.abs(X - whole) <= 1e-12 * np.abs(X).max(axis=0, initial=1.0), whole, X)


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

"""What all parts of a result share: the record it reads from, and that nobody writes to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from statsmodels.base.model import LikelihoodModelResults

from deepglm.errors import DataError
from deepglm.families import Family
from deepglm.inference import CovarianceRequest, check_rows, read_request
from deepglm.inference.fitted import Array, Mask
from deepglm.inference.prediction import accepted, statistic
from deepglm.inference.resampling import Draws
from deepglm.results.beside import Beside
from deepglm.results.certificate import NamedCertificate, named_certificate
from deepglm.results.estimate import Estimate
from deepglm.results.numbers import Numbers


class Frozen(LikelihoodModelResults):  # type: ignore[misc,unused-ignore]
    """A result that reads from a record: no public attribute can be set or deleted."""

    # None of these may come from statsmodels' constructor, which writes to the instance.
    def __init__(self, model: Any, estimate: Estimate, request: CovarianceRequest, use_t: bool):
        self._model = model
        self._estimate = estimate
        self._request = request
        self._use_t = use_t
        self._numbers = Numbers(model, estimate)
        self._draws: Draws | None = None
        self._by_draws = False  # whether the covariance of the coefficients is that of the refits
        self._inference: str | None = "auto"
        self._beside = Beside()

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise AttributeError(
                f"{name!r} cannot be set: a result is what a fit found. Fit again, or keep your "
                "own value under your own name."
            )
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name!r} cannot be deleted: a result is what a fit found.")

    @property
    def model(self) -> Any:
        """The model that was fitted; it was not changed by the fit."""
        return self._model

    @property
    def family(self) -> Any:
        """The family of the response, with what was estimated of it."""
        given = self._numbers.fitted.given.statsmodels
        return self._model.family if given is None else given

    @property
    def certificate(self) -> NamedCertificate:
        """What is known about the point that the fit returned, with names."""
        return named_certificate(self._model, self._estimate.certificate)

    @property
    def _deep(self) -> bool:
        return bool(self._model.predictor.networks)

    def _labelled(self, values: npt.ArrayLike, name: str | None = None) -> pd.Series:
        """(size,) values with the names of the coefficients."""
        return pd.Series(np.asarray(values), index=self._model.exog_names, name=name)

    def _row_wise(self, values: Array, name: str | None = None) -> pd.Series:
        """(n,) values with the labels of the rows kept."""
        return pd.Series(np.asarray(values), index=self._model._data.index, name=name)

    def _statistic_of_rows(self, eta: Array, aux: Array, which: str | None = None) -> Any:
        """A statistic of the rows kept at linear predictors, labelled."""
        family, index = self._numbers.fitted.given, self._model._data.index
        return self._statistic(family, eta, aux, which, index)

    def _statistic(
        self, family: Family, eta: Array, aux: Array, which: str | None, index: pd.Index
    ) -> Any:
        """A statistic of rows at linear predictors, labelled."""
        values = statistic(family, eta, aux, which)
        if which == "linear":
            values = values - self._numbers.level
        return _labelled_rows(values, family, which, index)


def _labelled_rows(values: Array, family: Family, which: str | None, index: pd.Index) -> Any:
    """A Series of (m,) values of rows, or a frame of (S, m) with a column for every name."""
    if values.ndim == 1:
        return pd.Series(values, index=index)
    names = family.statistic_labels(accepted(family, which))
    return pd.DataFrame(values.T, index=index, columns=list(names))


def check_covariance(
    model: Any, cov_type: str, cov_kwds: Mapping[str, Any] | None
) -> CovarianceRequest:
    """Check a covariance and its keywords against the rows of a model; nothing is computed."""
    request = read_request(cov_type, on_kept_rows(cov_kwds, model._data.index))
    check_rows(request, model.nobs)
    return request


def on_kept_rows(options: Mapping[str, Any] | None, index: pd.Index) -> dict[str, Any]:
    """Align labelled clusters and times with the rows that were kept.

    A Series (or frame) whose index has the labels of all rows is looked up by them, so that rows
    dropped for a missing value need not be dropped by hand, and their order does not matter.
    """
    aligned = dict(options or {})
    for key in ("groups", "time"):
        given = aligned.get(key)
        if isinstance(given, pd.Series | pd.DataFrame):
            if given.index.is_unique and index.isin(given.index).all():
                given = given.loc[index]
            aligned[key] = given.to_numpy()
        if aligned.get(key) is not None:
            _refuse_missing(key, aligned[key], index)
    return aligned


def _refuse_missing(key: str, values: Any, index: pd.Index) -> None:
    """Raise for a row without a cluster or a time."""
    known: Mask = np.asarray(pd.notna(np.asarray(values, dtype=object)), dtype=bool)
    missing = ~known.reshape(known.shape[0], -1).all(axis=1)
    if missing.any() and missing.shape[0] == len(index):
        row = index[int(np.argmax(missing))]
        raise DataError(
            f"{key} has no label in row {row!r}. Give every row one, or leave such rows out with "
            "subset=."
        )

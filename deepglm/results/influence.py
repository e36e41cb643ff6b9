"""Influence of rows for any depth, under the names of statsmodels' influence classes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from deepglm.errors import NotAvailableError, SpecificationError, whole_number
from deepglm.families import Level
from deepglm.inference.fitted import Array, channel_jacobian
from deepglm.inference.influence import Deletion, deletion, functional_changes, refit_without
from deepglm.inference.prediction import linear
from deepglm.inference.uncertainty import Functional
from deepglm.predictor import forward
from deepglm.results.margins import effect_functional

__all__ = ["NetworkInfluence"]


class NetworkInfluence:
    """What one step says of a fit without each of its rows.

    Differences are with minus without the row, all its copies at once where it has a frequency. One
    step is not a refit: a row of a high leverage may take the estimate to another optimum, which
    no step from this one sees.

    Parameters
    ----------
    results
        A certified result.
    observed
        Whether steps are of Newton's method, with the observed information, or of scoring, with the
        expected one. On networks the first came closer to refits.

    References
    ----------
    Pregibon (1981), Annals of Statistics 9, 705-724; Cook (1977), Technometrics 19, 15-18; St.
    Laurent and Cook (1992), Journal of the American Statistical Association 87, 985-990, for
    leverages of nonlinear models.

    Examples
    --------
    >>> import deepglm as dg
    >>> trees = dg.datasets.load("trees")
    >>> fit = dg.DeepGLM("Volume ~ Girth + Height", trees, dg.Gamma(), hidden=(1,)).fit(seed=1)
    >>> influence = fit.get_influence(observed=False)
    >>> bool(abs(influence.hat_matrix_diag.sum() - fit.edf) < 1e-6)
    True
    """

    def __init__(self, results: Any, observed: bool = True) -> None:
        numbers = results._numbers
        N = numbers.bread if observed else numbers.normalized
        if numbers.withheld or N is None:
            why = numbers.withheld or "the observed information is singular"
            raise NotAvailableError(f"get_influence: {why}.")
        self.results = results
        self._level = Level.OBSERVED if observed else Level.FISHER
        self._inverse: Array = N
        self._free = numbers.estimate.free

    @cached_property
    def _deletion(self) -> Deletion:
        return deletion(self._fitted, self._inverse, self._level)

    @property
    def _fitted(self) -> Any:
        return self.results._numbers.fitted

    def _rows(self, values: Array, names: Sequence[Any] = ()) -> Any:
        """A Series of (n,) or (1, n) values, or a frame with a column for every name."""
        if values.ndim == 1 or len(values) == 1 and not names:
            return pd.Series(values.reshape(-1), index=self._index)
        return self._frame(values, names)

    def _frame(self, values: Array, names: Sequence[Any]) -> pd.DataFrame:
        return pd.DataFrame(values.T, index=self._index, columns=pd.Index(names))

    @property
    def _index(self) -> pd.Index:
        index: pd.Index = self.results._model._data.index
        return index

    @property
    def hat_matrix_diag(self) -> pd.Series:
        """Leverages in the tangent plane; by the observed information they may exceed 1."""
        return pd.Series(self._deletion.leverage, index=self._index)

    @property
    def resid_studentized(self) -> pd.Series:
        """Pearson residuals over the roots of the dispersion and of one minus the leverage."""
        values: pd.Series = self.results.resid_studentized
        return values

    @property
    def cooks_distance(self) -> tuple[pd.Series, pd.Series]:
        """Squared length of the step over dispersion and ``edf``; p-values of an F distribution.

        The p-values only say how far within a confidence region the estimate moves.
        """
        result = self.results
        d = self._deletion.distance / (result.scale * result.edf)
        return self._rows(d), self._rows(stats.f.sf(d, result.edf, result.df_resid))

    @property
    def d_linpred(self) -> Any:
        """Change of the row's own linear predictor; a column for each where there are several."""
        k, M = self._fitted.predictor.k_eta, self._to_reported
        return self._by_eta(M @ self._deletion.channels[:k])

    @property
    def d_linpred_scaled(self) -> Any:
        """The same in standard errors of the linear predictor by the delta method."""
        k, M = self._fitted.predictor.k_eta, self._to_reported
        K = self._deletion.covariance[:k, :k] * self.results.scale
        variance = np.einsum("ec,cdm,ed->em", M, K, M)
        return self._by_eta(_over(M @ self._deletion.channels[:k], variance))

    @property
    def d_fittedvalues(self) -> Any:
        """Change of the row's own fitted value; a column for every class."""
        return self._by_class(np.einsum("scm,cm->sm", *self._mean_and_channels()))

    @property
    def d_fittedvalues_scaled(self) -> Any:
        """The same in standard errors of the fitted value by the delta method."""
        slopes, channels = self._mean_and_channels()
        c = len(channels)
        K = self._deletion.covariance[:c, :c] * self.results.scale
        variance = np.einsum("scm,cdm,sdm->sm", slopes, K, slopes)
        return self._by_class(_over(np.einsum("scm,cm->sm", slopes, channels), variance))

    @property
    def d_params(self) -> pd.DataFrame:
        """Changes of all coefficients, in the user's units; those of hidden units say little."""
        T = self.results._numbers.to_user[:, self._free]
        return self._frame(self._changes(T), self.results._model.exog_names)

    def d_effects(
        self, effects: Functional | None = None, names: Sequence[Any] = (), scaled: bool = True
    ) -> pd.DataFrame:
        """Changes of effects, predictions or other functions of the parameters.

        Parameters
        ----------
        effects
            The functions; by default the average effects of all inputs. An average over the rows
            loses the row itself as well.
        names
            What they are called; by default their numbers, or the inputs.
        scaled
            Whether changes are in standard errors of the fit (by the delta method where it has
            none), as DFBETAS are.

        Returns
        -------
        DataFrame
            A row for every row and a column for every function.
        """
        if effects is None:
            names, effects = effect_functional(self.results)
        fitted = self._fitted
        G = effects.jacobian(fitted.theta)[:, self._free]
        changes = self._changes(G)
        if effects.rows is not None:
            values, freq = effects.rows(fitted.theta), fitted.rows.freq
            mean = values @ freq / freq.sum()
            changes = changes + (values - mean[:, None]) * (freq / (freq.sum() - freq))
        if scaled:
            changes = changes / self._errors(effects, G)[:, None]
        return self._frame(changes, names if len(names) else range(len(changes)))

    def d_predictions(
        self, exog: Any, *, exposure: Any = None, offset: Any = None, scaled: bool = True
    ) -> pd.DataFrame:
        """Changes of the linear predictors of other rows, by the row that is left out.

        Parameters
        ----------
        exog, exposure, offset
            A few rows as for ``results.predict``.
        scaled
            As in :meth:`d_effects`.

        Returns
        -------
        DataFrame
            A row for every row of the fit and a column for every row (and linear predictor) of
            `exog`.
        """
        predictor, M = self._fitted.predictor, self._to_reported
        designs, added, index = self.results._new_rows(exog, True, exposure, offset)

        def value(theta: Array, _: Array) -> Array:
            return np.asarray((M @ linear(predictor, theta, designs, added)).reshape(-1))

        def jacobian(theta: Array) -> Array:
            state = forward(predictor.unpack(theta[: predictor.size]), predictor, designs, 1)
            J = channel_jacobian(state, predictor, len(theta) - predictor.size)
            G = np.einsum("ec,cjm->emj", M, J[: predictor.k_eta])
            return np.asarray(G.reshape(-1, len(theta)))

        names: Any = list(index)
        if predictor.k_eta > 1:
            names = pd.MultiIndex.from_product([self._eta_names, index])
        return self.d_effects(Functional(value, jacobian), names, scaled)

    def refit(self, rows: Sequence[Any] | None = None, top: int = 10) -> pd.DataFrame:
        """Fit again without some of the rows, each in turn, to see how good one step is.

        Every fit starts from this one, so that another optimum far away is not seen.

        Parameters
        ----------
        rows
            Labels of the rows; by default those with the largest Cook's distances.
        top
            How many of these.

        Returns
        -------
        DataFrame
            By row ``cooks_d`` and ``d_linpred`` by one step (of several linear predictors the one
            that changed most), ``cooks_d_refit`` and ``d_linpred_refit``, and ``converged``.
        """
        cooks = self.cooks_distance[0]
        order = np.argsort(-cooks.to_numpy(), kind="stable")[: whole_number("top", top, 1)]
        places = order if rows is None else self._index.get_indexer(pd.Index(rows))
        if (places < 0).any():
            unknown = list(rows or ())[int(np.argmin(places))]
            raise SpecificationError(f"row {unknown!r} is not among the rows of the fit.")
        found = [self._refitted(int(place)) for place in places]
        names = ["cooks_d", "cooks_d_refit", "d_linpred", "d_linpred_refit", "converged"]
        return pd.DataFrame(found, index=self._index[places], columns=names)

    def _refitted(self, row: int) -> tuple[float, float, float, float, bool]:
        result, fitted = self.results, self._fitted
        problem, phi = result._refitted_problem, result._estimate.scale_objective
        theta, converged = refit_without(problem, phi, fitted.theta, row)
        moved = (fitted.theta - theta)[self._free]
        distance = moved @ np.linalg.solve(self._inverse, moved) / (result.scale * result.edf)
        k, M = fitted.predictor.k_eta, self._to_reported
        one = fitted.rows.take(row, row + 1)
        eta = linear(fitted.predictor, theta, one.designs, one.offset)[:, 0]
        steps = M @ self._deletion.channels[:k, row]
        at = int(np.abs(steps).argmax())
        change = (M @ (fitted.etas[:, row] - eta))[at]
        cooks = self._deletion.distance[row] / (result.scale * result.edf)
        return float(cooks), float(distance), float(steps[at]), float(change), converged

    def summary_frame(self) -> pd.DataFrame:
        """What there is of a row in one line: distance, residual, leverage, changes of its own.

        ``cooks_d``, ``standard_resid``, ``hat_diag``, ``dffits_internal`` as in statsmodels, and no
        changes of coefficients, which say little of a network; :meth:`d_effects` has those of what
        can be interpreted. Residuals are left out where a response has no mean, and the change of
        the largest linear predictor is given where there are several.
        """
        columns = {"cooks_d": self.cooks_distance[0]}
        with contextlib.suppress(NotAvailableError):
            columns["standard_resid"] = self.resid_studentized
        columns["hat_diag"] = self.hat_matrix_diag
        own = np.atleast_2d(self.d_linpred_scaled.to_numpy().T)
        at = np.abs(np.nan_to_num(own)).argmax(axis=0)
        columns["dffits_internal"] = self._rows(own[at, np.arange(own.shape[1])])
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        k = len(self._deletion.leverage)
        return f"<NetworkInfluence of {k} rows, by one step of {self._step}; no row was refitted>"

    @property
    def _step(self) -> str:
        return "Newton" if self._level is Level.OBSERVED else "scoring"

    def _changes(self, G: Array) -> Array:
        return functional_changes(self._fitted, self._inverse, G, self._level)

    def _errors(self, effects: Functional, G: Array) -> Array:
        """(k,) standard errors of the fit, or of the delta method where it has none."""
        uncertainty = getattr(self.results, "_uncertainty", None)
        if uncertainty is not None:
            return np.asarray(uncertainty.errors(effects))
        numbers = self.results._numbers
        variance = np.einsum("kj,jl,kl->k", G, numbers.normalized * numbers.scale, G)
        return np.asarray(np.sqrt(variance))

    @property
    def _to_reported(self) -> Array:
        """(k_eta, k_eta) from linear predictors of the fit to reported ones."""
        M = self._fitted.family.to_reported
        return np.eye(self._fitted.predictor.k_eta) if M is None else np.asarray(M)

    @property
    def _eta_names(self) -> tuple[str, ...]:
        k = self._fitted.predictor.k_eta
        return self._fitted.family.eta_names or tuple(f"eta{j}" for j in range(1, k + 1))

    def _by_eta(self, values: Array) -> Any:
        """(k_eta, n) values of linear predictors, labelled."""
        return self._rows(values, self._eta_names if len(values) > 1 else ())

    def _by_class(self, values: Array) -> Any:
        """(S, n) values of the family's first statistic, labelled."""
        family = self._fitted.given
        return self._rows(values, family.statistic_labels(family.statistics[0]))

    def _mean_and_channels(self) -> tuple[Array, Array]:
        """(S, C, n) slopes of the family's first statistic, and (C, n) changes of its channels."""
        fitted = self._fitted
        family = fitted.given
        slopes = family.statistic_slopes(family.statistics[0], fitted.etas, fitted.aux)
        slopes = slopes if slopes.ndim == 3 else slopes[None]
        return slopes, self._deletion.channels[: slopes.shape[1]]


def _over(change: Array, variance: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(change / np.sqrt(variance))

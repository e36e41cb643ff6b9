"""The door: from a formula and a table to a fit."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deepglm import families, links, penalties
from deepglm import formula as fm
from deepglm.data import ModelData, Request, from_arrays, from_formula, intercept_column
from deepglm.errors import (
    ConvergenceWarning,
    DataError,
    FormulaError,
    SeparationWarning,
    SingleStartWarning,
    SpecificationError,
)
from deepglm.execution import Workers, workers
from deepglm.families import Level
from deepglm.likelihood import Likelihood, Sums
from deepglm.predictor import (
    Network,
    Predictor,
    canonical_form,
    check_structure,
    pinned_form,
    pins,
    standard_matrix,
    user_matrix,
)
from deepglm.results import DeepGLMResults, Estimate, check_covariance
from deepglm.solvers import (
    Certificate,
    Objective,
    Outcome,
    Run,
    Starts,
    Status,
    certify,
    choose_method,
    default_starts,
    from_starts,
    glm,
    hits,
    polish_intercept,
    solver,
    unit_sd,
    until,
)

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_DEFAULT_HIDDEN: Sequence[int] = (4,)


class Search(NamedTuple):
    """How an optimum was looked for."""

    starts: int
    hits: int
    modes: tuple[float, ...]
    stopped: bool = False


class DeepGLM:
    """A generalised linear model whose linear predictor may contain hidden layers of GLMs.

    Parameters
    ----------
    formula
        patsy's language plus ``deep(a + b + C(g), units=(8, 4), activation="tanh")``. Terms outside
        ``deep()`` enter the final layer: they are the GLM inside. Without any ``deep()`` term,
        `hidden` sends every term through hidden layers.
    data
        A data frame or a dictionary of arrays. It is not changed.
    family
        Any family of ``statsmodels.api.families`` with any of its links, or one of
        :mod:`deepglm.families`; Gaussian by default.
    hidden
        Units of every hidden layer; ``()`` is the ordinary GLM.
    activation
        Inverse link of the hidden units: a name, a link object, or a tuple with one for every
        layer.
    skip
        Whether every term enters the final layer as well, so that the GLM is nested in the model.
    penalty
        "weak", None or a penalty object such as ``deepglm.penalties.L2(30)``.
    offset, exposure
        Added to the linear predictor, the exposure by its logarithm: a column name or an array.
    freq_weights, var_weights
        Multiply the log-likelihood; divide the dispersion: a column name or an array.
    subset
        Rows to use: a boolean mask or labels of rows.
    standardize
        Whether the columns are standardised inside the fit. Results are in the user's units either
        way; the penalty acts on the standardised coefficients.
    missing
        "drop" leaves out rows with a missing value and says how many; "raise" is an error.

    Notes
    -----
    The fit maximises ``loglike(params) - penalty``; an estimated dispersion is part of the
    maximisation for a model with hidden layers, and Pearson's in standard errors.

    Examples
    --------
    >>> import deepglm as dg
    >>> trees = dg.datasets.load("trees")
    >>> glm = dg.DeepGLM("Volume ~ Girth + Height", trees, family=dg.Gamma(), hidden=()).fit()
    >>> glm.params.round(6).to_dict()
    {'Intercept': 0.111888, 'Girth': -0.0039, 'Height': -0.000267}
    """

    def __init__(
        self,
        formula: str,
        data: Any,
        family: Any = None,
        *,
        hidden: Sequence[int] = _DEFAULT_HIDDEN,
        activation: Any = "tanh",
        skip: bool = True,
        penalty: Any = "weak",
        offset: Any = None,
        exposure: Any = None,
        freq_weights: Any = None,
        var_weights: Any = None,
        subset: Any = None,
        standardize: bool = True,
        missing: str = "drop",
    ) -> None:
        env = fm.capture(formula, data, depth=_user_depth())
        parsed = fm.parse(formula, env)
        if parsed.deep and hidden is not _DEFAULT_HIDDEN:
            raise FormulaError(
                f"hidden={hidden!r} stands beside deep() in the formula, so it is not clear which "
                f"terms go through hidden layers. Write units= inside deep(), as in "
                f"'{parsed.deep[0].source[:-1]}, units={tuple(hidden)!r})', and leave hidden= out."
            )
        units = () if parsed.deep else _units(hidden)
        request = Request(
            {
                "offset": offset,
                "exposure": exposure,
                "freq_weights": freq_weights,
                "var_weights": var_weights,
            },
            subset,
            missing,
            standardize,
            bool(units),
            skip,
        )
        self.formula: str | None = formula
        data_ = from_formula(parsed, data, env, request)
        layers = [(units, activation)] if units else []
        layers += [(t.units or (4,), t.activation or activation) for t in parsed.deep]
        self._build(data_, family, layers, skip and bool(units), penalty, standardize)

    @classmethod
    def from_formula(cls, formula: str, data: Any, family: Any = None, **kwargs: Any) -> DeepGLM:
        """The same as the constructor, under statsmodels' name."""
        return cls(formula, data, family, **kwargs)

    @classmethod
    def from_arrays(
        cls,
        endog: Any,
        exog: Any,
        family: Any = None,
        *,
        exog_names: Sequence[str] | None = None,
        endog_name: str | None = None,
        add_constant: bool = False,
        hidden: Sequence[int] = _DEFAULT_HIDDEN,
        activation: Any = "tanh",
        skip: bool = True,
        penalty: Any = "weak",
        offset: Any = None,
        exposure: Any = None,
        freq_weights: Any = None,
        var_weights: Any = None,
        subset: Any = None,
        standardize: bool = True,
        missing: str = "drop",
    ) -> DeepGLM:
        """Make a model from arrays.

        Parameters
        ----------
        endog
            (n,) response, or (n, 2) successes and failures.
        exog
            (n, p) columns, with statsmodels' meaning: a constant column, if there is one, is the
            intercept. Labels of a data frame are kept.
        exog_names, endog_name
            Names for arrays without labels.
        add_constant
            Put a constant column in front.

        Notes
        -----
        The other parameters are those of the constructor.
        """
        units = _units(hidden)
        if add_constant:
            exog, exog_names = _with_constant(exog, exog_names)
        request = Request(
            {
                "offset": offset,
                "exposure": exposure,
                "freq_weights": freq_weights,
                "var_weights": var_weights,
            },
            subset,
            missing,
            standardize,
            bool(units),
            skip,
        )
        model = cls.__new__(cls)
        model.formula = None
        data = from_arrays(endog, exog, request, exog_names, endog_name)
        layers = [(units, activation)] if units else []
        model._build(data, family, layers, skip and bool(units), penalty, standardize)
        return model

    def _build(
        self,
        data: ModelData,
        family: Any,
        layers: Sequence[tuple[Sequence[int], Any]],
        skip: bool,
        penalty: Any,
        standardize: bool,
    ) -> None:
        self._data = data
        self._adapted = families.adapt(families.Gaussian() if family is None else family)
        self._adapted.check_response(data.rows.y, data.endog_name)
        self._check_exposure()
        self.penalty = penalties.get(penalty)
        self.standardize = bool(standardize)
        networks = tuple(
            Network(len(source.names), tuple(units), _links(activation, len(units)))
            for source, (units, activation) in zip(data.sources[1:], layers, strict=True)
        )
        self.predictor = Predictor(len(data.sources[0].names), networks, self._adapted.k_eta)
        check_structure(self.predictor, skip)
        if self.predictor.k_glm == 0 and not networks:
            raise DataError(
                "the formula has no terms and no intercept: there is nothing to estimate. Add a "
                "term, or an intercept with '1'."
            )
        self._intercept = intercept_column(data.sources[0])
        standards = data.standards
        self._to_user = user_matrix(self.predictor, standards, self._intercept)
        self._to_standard = standard_matrix(self.predictor, standards, self._intercept)
        self._aliased = self._aliased_mask()
        self._free = ~(pins(self.predictor) | self._aliased)
        self._response_scale = response_scale(self._adapted, data)
        self._precision = self.penalty.precision(
            self.predictor, self._intercepts(), self._response_scale
        )
        self._check_constant_response()
        self._check_size()

    # -- what the model is ------------------------------------------------------------------

    @property
    def family(self) -> Any:
        """The statsmodels family (or one of ours) of the response."""
        return self._adapted.statsmodels

    @property
    def endog(self) -> Array:
        """Response on the rows kept: (n,), or (n, 2) for binomial counts."""
        return self._data.endog

    @property
    def endog_names(self) -> str:
        """Name of the response."""
        return self._data.endog_name

    @property
    def exog_names(self) -> list[str]:
        """Names of the parameters, in the order of ``params``."""
        return list(
            self.predictor.names(
                self._data.sources[0].names, [source.names for source in self._data.sources[1:]]
            )
        )

    @property
    def exog(self) -> Array:
        """(n, k) columns of the final layer (GLM terms) in the user's units; a fresh array."""
        standard = self._data.standards[0]
        X = self._data.rows.designs[0].T * standard.scale
        X += standard.centre
        return X

    @property
    def n_trials(self) -> Array:
        """Binomial trials per row, ones for other responses."""
        return self._data.trials

    @property
    def nobs(self) -> int:
        """Rows kept."""
        return self._data.rows.n

    @property
    def hidden(self) -> tuple[tuple[int, ...], ...]:
        """Units of the layers of every deep term; empty for an ordinary GLM."""
        return tuple(network.units for network in self.predictor.networks)

    def __repr__(self) -> str:
        name = type(self.family).__name__
        what = "x".join(str(list(u)) for u in self.hidden) or "no hidden layer"
        return (
            f"<DeepGLM {self.formula or self.endog_names!r}: {name}, {what}, {self.nobs} rows, "
            f"{int(self._free.sum())} parameters>"
        )

    # -- the likelihood of parameters -------------------------------------------------------

    def loglike(self, params: Any, scale: float | None = None) -> float:
        """Log-likelihood of parameters in the user's units, without the penalty.

        Parameters
        ----------
        params
            (size,) parameters, pinned ones included.
        scale
            Dispersion; by default 1 for families that have none, else Pearson's estimate.
        """
        return self._sums(params, Level.VALUE, scale).value

    def score(self, params: Any, scale: float | None = None) -> Array:
        """First derivative of :meth:`loglike` by the parameters, (size,)."""
        sums = self._sums(params, Level.SCORE, scale)
        assert sums.score is not None
        return self._to_standard.T @ sums.score[: self.predictor.size]

    def hessian(self, params: Any, scale: float | None = None, observed: bool = True) -> Array:
        """Second derivative of :meth:`loglike`, or its expectation, (size, size).

        Parameters
        ----------
        params, scale
            As in :meth:`loglike`.
        observed
            False for the expected one, minus the Fisher information.
        """
        level = Level.OBSERVED if observed else Level.FISHER
        sums = self._sums(params, level, scale)
        assert sums.information is not None
        k = self.predictor.size
        return -(self._to_standard.T @ sums.information[:k, :k] @ self._to_standard)

    def information(self, params: Any, scale: float | None = None) -> Array:
        """Fisher information of the parameters, (size, size)."""
        return -self.hessian(params, scale, observed=False)

    def penalized_loglike(self, params: Any, scale: float | None = None) -> float:
        """What a fit maximises, for parameters in the user's units."""
        theta = self._to_standard @ self._array(params)
        return self.loglike(params, scale) - 0.5 * float(self._precision @ theta**2)

    def penalized_score(self, params: Any, scale: float | None = None) -> Array:
        """First derivative of :meth:`penalized_loglike`."""
        theta = self._to_standard @ self._array(params)
        return self.score(params, scale) - self._to_standard.T @ (self._precision * theta)

    def penalized_hessian(
        self, params: Any, scale: float | None = None, observed: bool = True
    ) -> Array:
        """Second derivative of :meth:`penalized_loglike`."""
        S = self._to_standard.T @ (self._precision[:, None] * self._to_standard)
        return self.hessian(params, scale, observed) - S

    def estimate_scale(self, params: Any) -> float:
        """Pearson's chi-square at the parameters over ``wnobs - rank``; 1 where there is none."""
        if not self._adapted.aux_names:
            return 1.0
        eta = self._eta(self._to_standard @ self._array(params))
        df = self._data.rows.freq.sum() - self._free.sum()
        return pearson_chi2(self._adapted, self._data, eta) / float(df)

    def predict(
        self,
        params: Any,
        exog: Any = None,
        *,
        exposure: Any = None,
        offset: Any = None,
        which: str = "mean",
    ) -> Array:
        """Mean or linear predictor at parameters in the user's units.

        Parameters
        ----------
        params
            (size,) parameters.
        exog
            New rows: the variables of the formula (or the columns of ``from_arrays``); by default
            the rows of the model. A row with a missing input gives NaN.
        exposure, offset
            For new rows: a column name, an array or a number; by default the columns named at
            construction.
        which
            "mean", "linear" (offset included) or "var_unscaled".
        """
        theta = self._to_standard @ self._array(params)
        eta = self._eta(theta) if exog is None else self._eta_on(theta, exog, exposure, offset)
        if which == "linear":
            return np.asarray(eta[0])
        mu = self._adapted.mean(eta[0])
        if which == "mean":
            return np.asarray(mu)
        if which == "var_unscaled":
            return np.asarray(self._adapted.variance(mu))
        raise SpecificationError(
            f"which={which!r} is not known; accepted are 'mean', 'linear', 'var_unscaled'."
        )

    # -- fitting ----------------------------------------------------------------------------

    def fit(
        self,
        method: str = "auto",
        *,
        starts: int | None = None,
        seed: int = 0,
        start_params: Any = None,
        scale: float | str | None = None,
        maxiter: int | None = None,
        tol: float | None = None,
        max_seconds: float | None = None,
        cov_type: str = "nonrobust",
        cov_kwds: dict[str, Any] | None = None,
        use_t: bool | None = None,
        n_jobs: int | None = None,
        progress: bool | Callable[[str], None] | None = None,
    ) -> DeepGLMResults:
        """Estimate the model; the model itself is not changed.

        Parameters
        ----------
        method
            For hidden layers: "scoring" (damped Fisher scoring, then Newton), "whitened" (L-BFGS
            whitened by a Fisher information, then Newton), "irls" (Fisher scoring only), "newton",
            or "auto", which chooses by counted cost. Without hidden layers always IRLS.
        starts
            Random starts; None chooses from counted operations. With `start_params` they come in
            addition, and default to none.
        seed
            Seeds the starts. Same data, same seed, same bits, for any `n_jobs`.
        start_params
            (size,) parameters in the user's units to start from.
        scale
            A number holds the dispersion fixed. None: 1 for binomial, Poisson and negative
            binomial, else estimated. "X2" (Pearson) or "dev" (deviance) estimates it for any
            family (quasi-likelihood).
        maxiter
            Steps per start (rounds for "whitened").
        tol
            Half the Newton decrement, in log-likelihood units, at which a solver is content.
        max_seconds
            Stops the fit and says so; nothing else depends on a clock.
        cov_type, cov_kwds, use_t
            Covariance of the estimates, in statsmodels' words: "nonrobust", "HC0" to "HC3",
            "cluster", "HAC", ...
        n_jobs
            Threads; None uses every core.
        progress
            True prints what the fit is doing; a function is called with the text.

        Returns
        -------
        DeepGLMResults
        """
        report = _reporter(progress)
        check_covariance(self, cov_type, cov_kwds)
        fixed, kind = _scale_request(self._adapted, scale)
        with workers(n_jobs, self.nobs) as crew:
            if self.predictor.networks:
                estimate = self._fit_deep(
                    crew,
                    method,
                    starts,
                    seed,
                    start_params,
                    fixed,
                    kind,
                    maxiter,
                    tol,
                    until(max_seconds),
                    report,
                )
            else:
                choose_method(method, 1, 1)
                estimate = self._fit_glm(crew, start_params, fixed, kind, maxiter, tol)
        separating = estimate.certificate.separating
        if separating:
            columns = ", ".join(repr(self.exog_names[j]) for j in separating)
            warnings.warn(
                f"the responses are separated by a combination of {columns}: the likelihood rises "
                "without end along it, so these coefficients have no estimate. Leave out or merge "
                "columns; predictions are given, standard errors are not.",
                SeparationWarning,
                stacklevel=2,
            )
        elif not estimate.certificate.certified:
            warnings.warn(str(estimate.certificate), ConvergenceWarning, stacklevel=2)
        elif estimate.starts > 1 and estimate.hits == 1:
            warnings.warn(
                f"the best optimum was found by one of {estimate.starts} starts; more starts may "
                "find a better one (starts=).",
                SingleStartWarning,
                stacklevel=2,
            )
        return DeepGLMResults(self, estimate, cov_type, cov_kwds, use_t)

    def _fit_glm(
        self,
        crew: Workers,
        start_params: Any,
        fixed: float | None,
        kind: str,
        maxiter: int | None,
        tol: float | None,
    ) -> Estimate:
        """Fit the ordinary GLM.

        Without a penalty its coefficients do not depend on the dispersion, which is left at one;
        under a penalty an estimated dispersion is maximised over as well.
        """
        joint = fixed is None and bool(self._precision.any())
        objective = self._objective(crew, None if joint else fixed or 1.0)
        given = None if start_params is None else self._given_start(objective, start_params)
        outcome = glm(
            objective,
            given,
            tol=1e-18 if tol is None else tol,
            maxiter=100 if maxiter is None else maxiter,
        )
        params = objective.expand(outcome.x)
        return self._estimate(objective, outcome, params, fixed, kind, Search(1, 1, (0.0,)))

    def _ml_scale(self, theta: Array) -> float:
        """Dispersion that maximises the extended quasi-likelihood: deviance / n."""
        eta = self._eta(theta)[0]
        rows = self._data.rows
        d = self._adapted.unit_deviance(rows.y, self._adapted.mean(eta), rows.weight)
        return float(rows.freq @ d / rows.freq.sum())

    def _fit_deep(
        self,
        crew: Workers,
        method: str,
        n_starts: int | None,
        seed: int,
        start_params: Any,
        fixed: float | None,
        kind: str,
        maxiter: int | None,
        tol: float | None,
        stop: Callable[[], bool],
        report: Callable[[str], None],
    ) -> Estimate:
        objective = self._objective(crew, fixed)
        rows, p = self._data.rows, objective.size
        name = choose_method(method, rows.n, p)
        given = [] if start_params is None else [self._given_start(objective, start_params)]
        if n_starts is None:
            n_starts = 0 if given else default_starts(name, rows.n, p)
        if n_starts < 1 and not given:
            raise SpecificationError(f"starts={n_starts}: at least one start is needed.")
        seed_starts, seed_solver = np.random.SeedSequence(seed).spawn(2)
        solve = solver(name, seed_solver, tol, maxiter, stop, report)
        makes = Starts(objective, self._aliased, self._response_scale)
        runs = from_starts(makes, seed_starts, n_starts, given, solve, stop=stop, report=report)
        if not runs:
            raise DataError(
                "no start has a finite likelihood: the family's range or a unit's domain leaves no "
                "room. Check the response and the offset, or choose another link or activation."
            )
        best = runs[0]
        params = self._canonical(best.params)
        params = polish_intercept(objective, params, self._free_intercept())
        objective = objective.from_origin(params)
        report("certificate")
        modes = tuple(run.outcome.value - best.outcome.value for run in runs)
        search = Search(len(given) + n_starts, hits(runs), modes, stop())
        return self._estimate(objective, best.outcome, params, fixed, kind, search)

    def _estimate(
        self,
        objective: Objective,
        outcome: Outcome,
        full: Array,
        fixed: float | None,
        kind: str,
        search: Search,
    ) -> Estimate:
        aux = full[self.predictor.size :]
        phi = float(np.exp(aux[0])) if len(aux) else 1.0 if fixed is None else fixed
        certificate = certify(objective, full[objective.free], stopped=search.stopped)
        theta = full[: self.predictor.size]
        value = objective.at(full[objective.free], Level.VALUE).value
        return Estimate(
            theta=theta,
            params=self._to_user @ theta,
            free=self._free,
            aliased=self._aliased,
            precision=self._precision,
            scale=np.nan if fixed is None or kind != "fixed" else fixed,
            scale_kind=kind,
            scale_objective=phi,
            penalized_llf=-value,
            certificate=certificate,
            method=outcome.method,
            iterations=outcome.iterations,
            starts=search.starts,
            hits=search.hits,
            modes=search.modes,
            history=outcome.history,
            evaluations=dict(objective.counts),
        )

    def _objective(self, crew: Workers, phi: float | None) -> Objective:
        """Joint objective; ``phi`` None makes the log dispersion one of the parameters."""
        likelihood = Likelihood(self.predictor, families.adapt(self._adapted, phi))
        extra = len(likelihood.family.aux_names)
        origin = np.zeros(likelihood.size)
        rows = self._data.rows
        origin[self.predictor.size :] = likelihood.family.start_aux(rows.y, rows.weight)
        return Objective(
            likelihood,
            replace(rows, constant=likelihood.family.constant(rows.y, rows.weight)),
            np.concatenate((self._precision, np.zeros(extra))),
            origin,
            np.concatenate((self._free, np.ones(extra, dtype=bool))),
            crew,
        )

    def _given_start(self, objective: Objective, start_params: Any) -> Array:
        theta = self._to_standard @ self._array(start_params)
        theta = np.where(self._aliased, 0.0, theta)
        theta = pinned_form(self.predictor, theta, self._response_scale)
        params = objective.origin.copy()
        params[: self.predictor.size] = theta
        if len(params) > self.predictor.size:
            params[self.predictor.size :] = np.log(max(self._ml_scale(theta), 1e-300))
        return params

    def _canonical(self, params: Array) -> Array:
        k = self.predictor.size
        coefficients = self.predictor.unpack(params[:k])
        sd = unit_sd(self.predictor, coefficients, self._data.rows)
        held = ~self._free | (self._precision > 0)
        if self._intercept is None:
            held = held | self.predictor.final
        out = params.copy()
        out[:k] = canonical_form(self.predictor, params[:k], sd, held)
        return out

    # -- pieces -----------------------------------------------------------------------------

    def _array(self, params: Any) -> Array:
        values = np.asarray(params, dtype=float)
        if values.shape != (self.predictor.size,):
            raise DataError(
                f"params has shape {values.shape}; this model has {self.predictor.size} parameters "
                "(model.exog_names lists them)."
            )
        # A coefficient that was set aside is shown as NaN and is zero inside.
        return np.where(self._aliased & np.isnan(values), 0.0, values)

    def _sums(self, params: Any, level: Level, scale: float | None) -> Sums:
        values = self._array(params)
        phi = self.estimate_scale(values) if scale is None else float(scale)
        theta = self._to_standard @ values
        likelihood = Likelihood(self.predictor, families.adapt(self._adapted, phi))
        with workers(1, self.nobs) as crew:
            return crew.sums(likelihood, theta, self._data.rows, level)

    def _eta(self, theta: Array) -> Array:
        """(k_eta, n) linear predictor on the rows of the model, offset included."""
        likelihood = Likelihood(self.predictor, families.adapt(self._adapted, 1.0))
        return likelihood.eta(theta, self._data.rows)

    def _eta_on(self, theta: Array, exog: Any, exposure: Any, offset: Any) -> Array:
        """(k_eta, m) linear predictor on new rows."""
        from deepglm.predictor import forward

        designs = self._data.designs(exog)
        added = self._data.offset_on(exog, designs[0].shape[1], offset, exposure)
        state = forward(self.predictor.unpack(theta), self.predictor, designs, 0)
        return state.eta + added

    def _aliased_mask(self) -> Mask:
        marks = self.predictor.unpack(np.zeros(self.predictor.size))
        marks.beta[:, list(self._data.aliased[0])] = 1.0
        for layers, columns in zip(marks.layers, self._data.aliased[1:], strict=True):
            layers[0][:, [1 + j for j in columns]] = 1.0
        from deepglm.predictor import pack

        return pack(marks) > 0

    def _intercepts(self) -> Mask:
        """(size,) true for intercepts of hidden units and of the final layer."""
        return self.predictor.hidden_intercepts | self._free_intercept(any_penalty=True)

    def _free_intercept(self, any_penalty: bool = False) -> Mask:
        """(size,) the final intercept, if there is one and (by default) it is not penalised."""
        mask = np.zeros(self.predictor.size, dtype=bool)
        if self._intercept is not None:
            where = np.arange(self.predictor.k_eta) * self.predictor.k_glm + self._intercept
            mask[where] = True
            if not any_penalty:
                mask &= self._precision == 0
        return mask

    def _check_exposure(self) -> None:
        if "exposure" in self._data.variables and self._adapted.link.name != "exp":
            raise SpecificationError(
                f"exposure is for a log link, where its logarithm is an offset; this model's link is "
                f"{self._adapted.link.name}. Use offset=, or divide the response and give "
                "var_weights=."
            )

    def _check_constant_response(self) -> None:
        y = self._data.rows.y
        counted = self._data.rows.freq * self._data.rows.weight > 0
        seen = y[counted]
        if len(seen) and (seen == seen[0]).all():
            reason = _constant_response(self._adapted, float(seen[0]))
            if reason:
                raise DataError(
                    f"the response {self.endog_names!r} is {seen[0]:g} in every row: {reason}. Check "
                    "the response and the subset."
                )

    def _check_size(self) -> None:
        rows = int((self._data.rows.freq > 0).sum())
        unpenalised = int((self._free & (self._precision == 0)).sum())
        if unpenalised > rows:
            raise SpecificationError(
                f"{unpenalised} parameters without a penalty and {rows} rows: there is no maximum "
                "to find. Use fewer units or terms, or penalty='weak'."
            )


# -- functions on arrays ------------------------------------------------------------------------


def _user_depth() -> int:
    """Frames between the constructor and the user's code, whose names a formula may use.

    ``from_formula`` and subclasses call the constructor from inside this package or their own
    ``__init__``; the user is the first frame that is neither.
    """
    depth, frame = 1, sys._getframe(2)
    while frame.f_back is not None and (
        frame.f_globals.get("__name__") == __name__ or frame.f_code.co_name == "__init__"
    ):
        depth, frame = depth + 1, frame.f_back
    return depth


def _units(hidden: Any) -> tuple[int, ...]:
    values = tuple(hidden) if isinstance(hidden, Sequence | np.ndarray) else (hidden,)
    for q in values:
        if isinstance(q, bool) or not isinstance(q, int | np.integer) or q < 1:
            raise SpecificationError(
                f"hidden={hidden!r}: give the units of every hidden layer as positive whole numbers, "
                "for example hidden=(4,), or hidden=() for the ordinary GLM."
            )
    return tuple(int(q) for q in values)


def _links(activation: Any, depth: int) -> tuple[links.Link, ...]:
    if isinstance(activation, tuple | list):
        if len(activation) != depth:
            raise SpecificationError(
                f"activation={activation!r} names {len(activation)} layers and there are {depth}; "
                "give one name for all, or one per layer."
            )
        return tuple(links.get(one) for one in activation)
    return (links.get(activation),) * depth


def _with_constant(exog: Any, names: Sequence[str] | None) -> tuple[Any, Sequence[str] | None]:
    import pandas as pd

    if isinstance(exog, pd.DataFrame):
        if "const" in exog.columns:
            raise DataError("exog has a column 'const' already; leave add_constant out.")
        exog = exog.copy(deep=False)
        exog.insert(0, "const", 1.0)
        return exog, names
    X = np.asarray(exog, dtype=float)
    X = X[:, None] if X.ndim == 1 else X
    return np.column_stack((np.ones(len(X)), X)), None if names is None else ["const", *names]


def _scale_request(family: families.Family, scale: float | str | None) -> tuple[float | None, str]:
    """(scale inside the objective or None for free, how the reported scale comes about)."""
    if scale is None:
        return (None, "X2") if family.aux_names else (1.0, "fixed")
    if isinstance(scale, str):
        if scale.lower() not in ("x2", "dev"):
            raise SpecificationError(
                f"scale={scale!r} is not known; accepted are None, 'X2', 'dev' or a number."
            )
        kind = "X2" if scale.lower() == "x2" else "dev"
        return (None, kind) if family.aux_names else (1.0, kind)
    if not (np.isfinite(scale) and scale > 0):
        raise SpecificationError(f"scale={scale!r}: a fixed dispersion is finite and above zero.")
    return float(scale), "fixed"


def _constant_response(family: families.Family, value: float) -> str:
    """Why one value in every row leaves nothing to estimate; empty when it does not."""
    low, high = family.mean_range
    if value <= low or value >= high:
        return "the likelihood rises without end as the fitted mean approaches it"
    if family.aux_names:
        return "the dispersion is zero and the likelihood has no maximum"
    return ""


def pearson_chi2(family: families.Family, data: ModelData, eta: Array) -> float:
    """Sum of squared Pearson residuals, weighted."""
    mu = family.mean(eta[0])
    rows = data.rows
    return float(rows.freq @ (rows.weight * (rows.y - mu) ** 2 / family.variance(mu)))


def response_scale(family: families.Family, data: ModelData) -> float:
    """Scale of the response on the link scale: what an O(1) prior on output weights is O(1) in.

    Links that turn ratios or probabilities into numbers have the unit 1. Others carry the unit of
    the response: the standard deviation of y, taken to the link scale by the link's derivative.
    """
    if family.link.group not in ("linear", "scale"):
        return 1.0
    rows = data.rows
    total = rows.freq * rows.weight
    mean = float(rows.y @ total / total.sum())
    sd = float(np.sqrt(np.maximum((rows.y - mean) ** 2 @ total / total.sum(), 0.0)))
    slope = float(family.link.evaluate(family.link.link(np.array([mean])), 1)[1][0])
    value = sd / abs(slope) if slope else sd
    return value if np.isfinite(value) and value > 0 else 1.0


def _reporter(progress: bool | Callable[[str], None] | None) -> Callable[[str], None]:
    if callable(progress):
        return progress
    if progress:
        return lambda text: print(text, flush=True)  # noqa: T201 - the user asked for it
    return lambda text: None


__all__ = ["Certificate", "DeepGLM", "Run", "Status", "pearson_chi2", "response_scale"]

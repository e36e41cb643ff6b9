"""The door: from a formula and a table to a fit."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from deepglm import families, penalties
from deepglm import formula as fm
from deepglm.data import (
    ModelData,
    Request,
    aliased_columns,
    as_floats,
    from_arrays,
    from_formula,
    intercept_column,
    read_table,
)
from deepglm.data.kinds import two_valued
from deepglm.errors import (
    ConvergenceWarning,
    DataError,
    NotAvailableError,
    SeparationWarning,
    SingleStartWarning,
    SpecificationError,
    StoppedWarning,
    truth_value,
    whole_number,
)
from deepglm.execution import workers
from deepglm.families import Level
from deepglm.inference.criteria import pearson_chi2
from deepglm.inference.fitted import Fitted
from deepglm.inference.prediction import statistic
from deepglm.inference.units import Units
from deepglm.likelihood import Likelihood, Sums
from deepglm.model import arguments
from deepglm.model.beside import beside
from deepglm.model.progress import reporter
from deepglm.predictor import (
    Network,
    Predictor,
    check_structure,
    forward,
    pack,
    pins,
    standard_matrix,
    user_matrix,
    zeros,
)
from deepglm.results import DeepGLMResults, Estimate, check_covariance
from deepglm.solvers import (
    Options,
    Problem,
    Progress,
    Solution,
    Solver,
    fit_glm,
    fit_network,
    watching,
)

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_DEFAULT_HIDDEN: Sequence[int] = (4,)


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
        arguments.check_formula(formula)
        data, _ = read_table(data)  # what is no table is refused before the formula is read
        env = fm.capture(formula, data, depth=_user_depth())
        parsed = fm.parse(formula, env)
        if parsed.deep and hidden is not _DEFAULT_HIDDEN:
            raise arguments.both_deep_and_hidden(parsed.deep[0].source, hidden)
        units = () if parsed.deep else arguments.hidden_units(hidden)
        family = families.Gaussian() if family is None else family
        request = Request(
            {
                "offset": offset,
                "exposure": exposure,
                "freq_weights": freq_weights,
                "var_weights": var_weights,
            },
            families.reading(family),
            families.limits(family),
            subset,
            missing,
            standardize,
            bool(units),
            skip,
        )
        self.formula: str | None = formula
        arguments.check_activation(activation)
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
            Put a constant column in front. New rows for a prediction come without it.

        Notes
        -----
        The other parameters are those of the constructor. With hidden layers the constant comes
        first among the parameters, wherever it stands in `exog`.
        """
        units = arguments.hidden_units(hidden)
        truth_value("add_constant", add_constant)
        family = families.Gaussian() if family is None else family
        request = Request(
            {
                "offset": offset,
                "exposure": exposure,
                "freq_weights": freq_weights,
                "var_weights": var_weights,
            },
            families.reading(family),
            families.limits(family),
            subset,
            missing,
            standardize,
            bool(units),
            skip,
        )
        model = cls.__new__(cls)
        model.formula = None
        arguments.check_activation(activation)
        data = from_arrays(endog, exog, request, exog_names, endog_name, add_constant)
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
        self._family = family() if isinstance(family, type) else family
        self._adapted = families.of_response(family, data.levels, data.rows.y)
        self._data = replace(data, link=self._adapted.link.name)
        self._check_response()
        self.penalty = penalties.get(penalty)
        self.standardize = bool(standardize)
        networks = tuple(
            Network(len(source.names), tuple(units), arguments.layer_links(activation, len(units)))
            for source, (units, activation) in zip(data.sources[1:], layers, strict=True)
        )
        _check_inputs(data)
        self.predictor = Predictor(len(data.sources[0].names), networks, self._adapted.k_eta)
        check_structure(self.predictor, skip)
        arguments.check_parameters(self.predictor)
        if self.predictor.k_glm == 0 and not networks:
            raise DataError(
                "the formula has no terms and no intercept: there is nothing to estimate. Add a "
                "term, or an intercept with '1'."
            )
        self._intercept = intercept_column(data.sources[0])
        arguments.check_predictors(self._adapted, self._intercept, data)
        if "exposure" in data.variables:
            self._data.check_takes_exposure()
        self._problem = self._pose(skip)
        self._units = Units(
            self.predictor,
            self._adapted,
            user_matrix(self.predictor, data.standards, self._intercept),
            standard_matrix(self.predictor, data.standards, self._intercept),
            self._problem.intercept,
            [source.names for source in data.sources],
        )
        self._check_constant_response()
        self._check_size()

    # -- what the model is ------------------------------------------------------------------

    @property
    def family(self) -> Any:
        """The statsmodels family (or one of ours) of the response."""
        known = self._adapted.statsmodels
        return self._family if known is None else known

    @property
    def endog(self) -> Array:
        """Response on the rows kept: (n,) numbers or codes of levels, or (n, k) columns."""
        return self._data.endog

    @property
    def endog_names(self) -> str:
        """Name of the response."""
        return self._data.endog_name

    @property
    def exog_names(self) -> list[str]:
        """Names of the parameters, in the order of ``params``."""
        return list(self._units.names)

    @property
    def exog(self) -> Array:
        """(n, k) columns of the final layer (GLM terms) in the user's units; a fresh array."""
        standard = self._data.standards[0]
        X = self._data.rows.designs[0].T * standard.scale
        X += standard.centre
        return X

    @property
    def n_trials(self) -> Array:
        """Binomial or multinomial trials per row, ones for other responses."""
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
            f"{int(self._problem.free.sum())} parameters>"
        )

    # -- the likelihood of parameters -------------------------------------------------------

    def loglike(self, params: Any, scale: float | None = None) -> float:
        """Log-likelihood of parameters in the user's units, without the penalty.

        Parameters
        ----------
        params
            (size,) parameters, pinned ones included.
        scale
            Dispersion; by default :meth:`estimate_scale` at the parameters.
        """
        return self._sums(params, Level.VALUE, scale).value

    def score(self, params: Any, scale: float | None = None) -> Array:
        """First derivative of :meth:`loglike` by the parameters, (size,)."""
        sums = self._sums(params, Level.SCORE, scale)
        assert sums.score is not None
        k = self._units.size
        return self._units.backwards(self._inside(params)).T @ sums.score[:k]

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
        assert sums.score is not None
        k, theta = self._units.size, self._inside(params)
        B = self._units.backwards(theta)
        inner = sums.information[:k, :k]
        if observed:  # where the map is bent, the score has a share in the second derivative
            inner = inner + self._units.bend(theta, B.T @ sums.score[:k])
        return -(B.T @ inner @ B)

    def information(self, params: Any, scale: float | None = None) -> Array:
        """Fisher information of the parameters, (size, size)."""
        return -self.hessian(params, scale, observed=False)

    def penalized_loglike(self, params: Any, scale: float | None = None) -> float:
        """What a fit maximises, for parameters in the user's units."""
        return self.loglike(params, scale) + 0.5 * float(self._inside(params) @ self._pull(params))

    def penalized_score(self, params: Any, scale: float | None = None) -> Array:
        """First derivative of :meth:`penalized_loglike`."""
        B = self._units.backwards(self._inside(params))
        return self.score(params, scale) + B.T @ self._pull(params)

    def penalized_hessian(
        self, params: Any, scale: float | None = None, observed: bool = True
    ) -> Array:
        """Second derivative of :meth:`penalized_loglike`."""
        theta, k = self._inside(params), self.predictor.size
        B = self._units.backwards(theta)
        S = B[:k].T @ (self._problem.precision[:, None] * B[:k])
        return self.hessian(params, scale, observed) - S

    def estimate_scale(self, params: Any) -> float:
        """Dispersion at the parameters, 1 for families that have none.

        For the ordinary GLM it is Pearson's chi-square over ``wnobs - rank``, as in statsmodels.
        With hidden layers or a penalty, where the number of parameters is not the degrees of
        freedom, it is the mean deviance: the maximum likelihood dispersion of Gaussian and inverse
        Gaussian responses.
        """
        if self._adapted.scale is not None:
            return 1.0
        theta, problem = self._inside(params), self._problem
        if self.predictor.networks or problem.precision.any():
            return problem.mean_deviance(theta)
        df = float(problem.rows.freq.sum() - problem.free.sum())
        if df <= 0:
            raise SpecificationError(
                f"{int(problem.free.sum())} coefficients and {problem.rows.freq.sum():g} rows "
                "leave no degrees of freedom for a scale; pass scale=."
            )
        fitted = Fitted(self.predictor, self._adapted, problem.rows, theta, problem.free)
        return pearson_chi2(fitted) / df

    def predict(
        self,
        params: Any,
        exog: Any = None,
        *,
        exposure: Any = None,
        offset: Any = None,
        which: str | None = None,
    ) -> Array:
        """Mean, probabilities or linear predictor at parameters in the user's units.

        Parameters
        ----------
        params
            (size,) parameters.
        exog
            New rows: the variables of the formula (or the columns of ``from_arrays``); by default
            the rows of the model. A row with a missing input gives NaN.
        exposure, offset
            A column name, an array or a number; by default the columns named at construction. An
            exposure adds its logarithm, and an array serves these rows only.
        which
            What the family predicts of a row, such as "mean", "prob" or "linear" (offset included);
            by default its first: the mean, or the probabilities of classes.

        Returns
        -------
        ndarray
            (n,), or (n, k) for statistics of several values such as probabilities.
        """
        theta = self._inside(params)
        plain = exog is None and exposure is None and offset is None
        eta = self._eta(theta) if plain else self._eta_on(theta, exog, exposure, offset)
        latent = which in ("latent", "linear")  # which do not depend on limits
        family = self._adapted if latent else self._on_rows(exog, eta.shape[1])
        values = statistic(family, eta, theta[self.predictor.size :], which)
        if which == "linear":
            values = values - self._units.level(theta)
        return np.asarray(values.T)

    # -- fitting ----------------------------------------------------------------------------

    def fit(
        self,
        method: str | Solver = "auto",
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
        inference: str | None = "auto",
        n_jobs: int | None = None,
        progress: bool | Callable[[Progress], None] | None = None,
    ) -> DeepGLMResults:
        """Estimate the model; the model itself is not changed.

        Parameters
        ----------
        method
            "scoring" (damped Fisher scoring, then Newton), "whitened" (L-BFGS whitened by a Fisher
            information, then Newton), "fisher" or "irls" (Fisher scoring only: iteratively
            reweighted least squares), "newton", "gradient" (gradient descent), or "auto", which
            chooses by counted cost and says so. Without hidden layers "auto" is IRLS, ended by
            Newton steps. A solver object, such as ``deepglm.solvers.Whitened(pairs=60)``, carries
            its own options.
        starts
            Number of starts; None chooses from counted operations. With `start_params` they come in
            addition, and default to none. ``results.starts`` lists them.
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
            Stops the fit and says so; nothing else depends on a clock. Ctrl-C does the same: the
            best point so far is returned, not certified. A second Ctrl-C interrupts at once.
        cov_type, cov_kwds, use_t
            Covariance of the estimates, in statsmodels' words: "nonrobust", "HC0" to "HC3",
            "cluster", "HAC", ...
        inference
            Where standard errors of effects and predictions come from in a model with hidden
            layers. "auto": the delta method where a fit is regular enough for it, otherwise 199
            refits to resampled rows (``results.bootstrap``), if they cost less than a fixed number
            of counted operations; otherwise they are withheld, and ``results.inference`` says what
            to call. "delta" makes no refits, "bootstrap" always does, None gives no errors.
        n_jobs
            Threads; None uses every core.
        progress
            True shows a progress bar; a function is called with a record of how far the fit is,
            whose text says it in words.

        Returns
        -------
        DeepGLMResults
        """
        arguments.check_limits(maxiter, tol, max_seconds)
        whole_number("seed", seed, 0, " The same seed gives the same bits.")
        if starts is not None:
            least = 1 if start_params is None else 0
            whole_number("starts", starts, least, " None chooses how many.")
        arguments.check_inference(inference)
        check_covariance(self, cov_type, cov_kwds)
        fixed, kind = arguments.scale_request(self._adapted, scale)
        theta = None if start_params is None else self._start(start_params)
        fit = fit_network if self.predictor.networks else fit_glm
        with (
            watching(max_seconds) as watch,
            reporter(progress) as report,
            workers(n_jobs, self.nobs) as crew,
            arguments.naming_rows(self._data),
            # a step that overflows is refused, and a NaN of a family is an error of its own
            np.errstate(over="ignore", invalid="ignore", divide="ignore"),
        ):
            options = Options(method, starts, seed, maxiter, tol, watch, report)
            solution = fit(self._problem, crew, fixed, theta, options)
            estimate = self._estimate(solution, fixed, kind)
            results: DeepGLMResults = DeepGLMResults(self, estimate, cov_type, cov_kwds, use_t)
            results = results._inferred(inference, seed, n_jobs, options.control)
            if inference is not None and self.predictor.networks and not watch():
                results._beside = beside(self, results, seed)
        if estimate.certificate.separation.any():
            columns = _some(list(results.certificate.separating.index))
            warnings.warn(
                f"the responses are separated by a combination of {columns}: the likelihood rises "
                "without end along it, so these coefficients have no estimate. Merge levels, leave "
                "columns out, or use penalty=L2(alpha), which acts on GLM terms too. Predictions "
                "are given, standard errors are not.",
                SeparationWarning,
                stacklevel=2,
            )
        elif not estimate.certificate.certified:
            warnings.warn(str(estimate.certificate), ConvergenceWarning, stacklevel=2)
        elif estimate.stopped is not None:
            warnings.warn(arguments.ended_early(estimate), StoppedWarning, stacklevel=2)
        elif len(estimate.starts) > 1 and estimate.hits == 1:
            warnings.warn(
                f"the best optimum was found by one of {len(estimate.starts)} starts; more starts "
                "may find a better one (starts=).",
                SingleStartWarning,
                stacklevel=2,
            )
        return results

    def _estimate(self, solution: Solution, fixed: float | None, kind: str) -> Estimate:
        problem, units = self._problem, self._units
        extra = units.size - self.predictor.size
        theta = np.concatenate((solution.theta, solution.aux[:extra]))
        return Estimate(
            theta=theta,
            params=units.reported(theta),
            aux=solution.aux,
            free=np.concatenate((problem.free, np.ones(extra, dtype=bool))),
            aliased=np.concatenate((problem.aliased, np.zeros(extra, dtype=bool))),
            precision=np.concatenate((solution.precision, np.zeros(extra))),
            scale=np.nan if fixed is None or kind != "fixed" else fixed,
            scale_kind=kind,
            scale_objective=solution.scale,
            penalized_llf=solution.value,
            certificate=solution.certificate,
            method=solution.outcome.method,
            iterations=solution.outcome.iterations,
            reason=solution.reason,
            starts=solution.starts,
            modes=tuple(
                mode._replace(params=units.reported(mode.params[: units.size]))
                for mode in solution.modes
            ),
            history=solution.outcome.history,
            evaluations=solution.counts,
            choice=solution.choice,
            stopped=solution.stopped,
        )

    # -- pieces -----------------------------------------------------------------------------

    def _without_networks(self) -> DeepGLM:
        """The GLM of the terms in the final layer, on the same rows."""
        data, model = self._data, type(self).__new__(type(self))
        kept = replace(
            data,
            sources=data.sources[:1],
            standards=data.standards[:1],
            aliased=data.aliased[:1],
            rows=replace(data.rows, designs=data.rows.designs[:1]),
        )
        model.formula = None
        model._build(kept, self._family, [], False, "weak", self.standardize)
        return model

    def _array(self, params: Any, name: str = "params") -> Array:
        values, size = as_floats(params, name), self._units.size
        if values.shape != (size,):
            raise DataError(
                f"{name} has shape {values.shape}; this model has {size} parameters "
                "(model.exog_names lists them)."
            )
        # A coefficient that was set aside is shown as NaN and is zero inside.
        aliased = np.zeros(size, dtype=bool)
        aliased[: self.predictor.size] = self._problem.aliased
        return np.where(aliased[list(self._units.order)] & np.isnan(values), 0.0, values)

    def _inside(self, params: Any) -> Array:
        """(size,) parameters of a fit from reported ones."""
        return self._units.inside(self._array(params))

    def _pull(self, params: Any) -> Array:
        """(size,) derivative of minus the penalty by the parameters of a fit."""
        k, theta = self.predictor.size, self._inside(params)
        pull = np.zeros_like(theta)
        pull[:k] = -self._problem.precision * theta[:k]
        return pull

    def _start(self, start_params: Any) -> Array:
        values = self._array(start_params, "start_params")
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise DataError(
                f"start_params has the value {values[bad[0]]} for {self.exog_names[bad[0]]!r}; "
                "starting values are finite. Give another value, such as 0."
            )
        theta = self._units.inside(values)
        if not np.isfinite(theta).all():
            raise arguments.impossible_start(self._adapted, values)
        return theta

    def _sums(self, params: Any, level: Level, scale: float | None) -> Sums:
        if self._adapted.scale is None and not isinstance(self._adapted, families.MeanFamily):
            others = " and ".join(repr(name) for name in self._adapted.aux_labels)
            raise NotAvailableError(
                f"the log-likelihood of this model depends on {others} as well, which are not "
                "among the parameters. Give the power to the family, as in Tweedie(var_power=1.5); "
                "results.llf is the log-likelihood at the maximum."
            )
        theta = self._inside(params)
        phi = self.estimate_scale(params) if scale is None else float(scale)
        likelihood = Likelihood(self.predictor, families.adapt(self._adapted, phi))
        with workers(1, self.nobs) as crew, arguments.naming_rows(self._data):
            sums = crew.sums(likelihood, theta, self._data.rows, level)
        if level is not Level.VALUE and sums.score is None:
            raise DataError(
                "the log-likelihood is not finite at these parameters, so that it has no "
                "derivative there: the family cannot have one of the means. Give other parameters."
            )
        return sums

    def _eta(self, theta: Array) -> Array:
        """(k_eta, n) linear predictors on the rows of the model, offset included."""
        return Likelihood(self.predictor, self._adapted).eta(theta, self._data.rows)

    def _on_rows(self, exog: Any, m: int) -> families.Family:
        """The family with the limits of the rows, where it has limits by row."""
        return families.with_limits(self._adapted, *self._data.limits_on(exog, m))

    def _eta_on(self, theta: Array, exog: Any, exposure: Any, offset: Any) -> Array:
        """(k_eta, m) linear predictor on new rows."""
        designs = list(self._data.rows.designs) if exog is None else self._data.designs(exog)
        added = self._data.offset_on(exog, designs[0].shape[1], offset, exposure)
        coefficients = self.predictor.unpack(theta[: self.predictor.size])
        return forward(coefficients, self.predictor, designs, 0).eta + added

    def _pose(self, skip: bool) -> Problem:
        """The estimation problem: what is free, what is pinned, what is preferred."""
        aliased = _aliased(self.predictor, self._data)
        intercept = np.zeros(self.predictor.size, dtype=bool)
        if self._intercept is not None:
            first = np.arange(self.predictor.k_eta) * self.predictor.k_glm
            intercept[first + self._intercept] = True
        rows = self._data.rows
        scale = self._adapted.response_scale(rows.y, rows.freq * rows.weight)
        intercepts = self.predictor.hidden_intercepts | intercept
        dummies = [two_valued(X) for X in self._data.rows.designs[1:]]
        kinds = penalties.kinds(self.predictor, intercepts, dummies, scale)
        return Problem(
            predictor=self.predictor,
            family=self._adapted,
            rows=self._data.rows,
            penalty=self.penalty,
            kinds=kinds,
            precision=penalties.precisions(self.penalty, kinds),
            free=~(pins(self.predictor, skip) | aliased),
            aliased=aliased,
            held=zeros(self.predictor, skip) | aliased,
            intercept=intercept,
            response_scale=scale,
        )

    def _check_response(self) -> None:
        data, family = self._data, self._adapted
        number = family.reading == "number"
        if data.endog.ndim == 2 and number:
            raise DataError(
                f"the response {self.endog_names!r} has two columns, successes and failures, which "
                f"the {family.name} family does not have. Use Binomial(), or give one column."
            )
        if any(isinstance(level, str) for level in data.levels) and number:
            raise DataError(
                f"the response {self.endog_names!r} has the labels {data.levels[0]!r} and "
                f"{data.levels[1]!r}, and the {family.name} family needs numbers. Use Binomial(), "
                "which counts the second label 1, or recode it."
            )
        family.check_response(data.rows.y, self.endog_names, data.index)
        counted = data.rows.freq * data.rows.weight > 0
        if not counted.all():  # rows of no weight are not there: they hold no level either
            seen = data.rows.y[..., counted]
            family.check_response(seen, self.endog_names, data.index[counted])
        arguments.check_family(family, data)

    def _check_constant_response(self) -> None:
        rows, family = self._data.rows, self._adapted
        if family.statsmodels is not None and not isinstance(family, families.MeanFamily):
            # its parameter is estimated, and the mean is the same at any value of it
            family = family.given(family.start_aux(rows.y, rows.freq))
        if not isinstance(family, families.MeanFamily):
            return
        counted = rows.freq > 0
        seen = rows.y[counted]
        if not (seen == seen[0]).all():
            return
        low, high = family.mean_range
        reason = ""
        if not low < seen[0] < high:
            reason = "the likelihood rises without end as the fitted mean approaches it"
        elif family.scale is None and self._fits_any_level():
            reason = "the dispersion is zero and the likelihood has no maximum"
        if reason:
            raise DataError(
                f"the response {self.endog_names!r} is {seen[0]:g} in every row: {reason}. Check "
                "the response and the subset."
            )

    def _fits_any_level(self) -> bool:
        """Whether every linear predictor can be one number, whatever it costs in penalty."""
        rows, X = self._data.rows, self._data.rows.designs[0]
        if np.ptp(rows.offset[rows.freq > 0]) > 0:
            return False
        with_ones = np.concatenate((X, np.ones((1, rows.n))))
        return len(X) in aliased_columns(with_ones, np.sqrt(rows.freq))

    def _check_size(self) -> None:
        rows = int((self._data.rows.freq > 0).sum())
        unpenalised = int((self._problem.free & (self._problem.precision == 0)).sum())
        if unpenalised > rows:
            raise SpecificationError(
                f"{unpenalised} parameters without a penalty and {rows} rows: there is no maximum "
                "to find. Use fewer units or terms, or penalty='weak'."
            )


# -- functions on arrays ------------------------------------------------------------------------


def _some(names: Sequence[str], most: int = 6) -> str:
    """Names for a message: a few of them, and how many more there are."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _aliased(predictor: Predictor, data: ModelData) -> Mask:
    """(size,) coefficients of columns that earlier columns determine."""
    marks = predictor.unpack(np.zeros(predictor.size))
    marks.beta[:, list(data.aliased[0])] = 1.0
    for layers, columns in zip(marks.layers, data.aliased[1:], strict=True):
        layers[0][:, [1 + j for j in columns]] = 1.0
    return pack(marks) > 0


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


def _check_inputs(data: ModelData) -> None:
    """Raise where hidden layers have nothing to learn from."""
    for source, aliased in zip(data.sources[1:], data.aliased[1:], strict=True):
        if len(aliased) == len(source.names):
            what = "has no column" if not source.names else "has one value in every row"
            raise DataError(
                f"what goes through the hidden layers {what}, so that hidden units have nothing to "
                "depend on. Use hidden=() or leave deep() out, or add a term that varies."
            )


__all__ = ["DeepGLM"]

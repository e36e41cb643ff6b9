"""Where the standard errors of a result come from, and refits that give them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from deepglm.errors import (
    ConvergenceWarning,
    NotAvailableError,
    SpecificationError,
    whole_number,
)
from deepglm.families import MeanFamily
from deepglm.inference import resampling
from deepglm.inference.fitted import Array, Codes
from deepglm.inference.resampling import AFFORDABLE, FRESH, KINDS, QUIET, Draws, Plan
from deepglm.inference.rule import Inference, Rule, rule
from deepglm.inference.sandwich import CovarianceRequest
from deepglm.inference.uncertainty import Delta, Resampled, Uncertainty
from deepglm.results.frozen import Frozen, on_kept_rows
from deepglm.solvers import Control, Problem, Progress, silent

MANY_FAILED = 0.05
"""Share of refits that may fail without a warning."""

LEAST = 20
"""Refits from which on a standard deviation means something."""


REFITS = 199
"""Refits that a fit makes by itself."""


def _fitting(request: CovarianceRequest) -> tuple[str, ...]:
    """Ways of resampling that know what a covariance knows; none for rows in an order."""
    if request.name == "cluster":
        return ("cluster",) if request.one_way else ()
    if request.trusts_the_model:
        return ("weights", "pairs", "parametric")
    return ("weights", "pairs") if request.name.startswith("HC") else ()


class Resampling(Frozen):
    """Members of a result that say how sure it is."""

    # -- what is in force -------------------------------------------------------------------

    @property
    def inference(self) -> Inference:
        """How standard errors come about: by the delta method, by refits, or withheld."""
        numbers, draws = self._numbers, self._draws
        reason = self._refused
        if reason:
            return Inference("withheld", "withheld", reason)
        found, one = numbers.identification, self._rule
        method = self._method(one.effects)
        curves = self._method(one.curves)
        why = [text for text in dict.fromkeys((one.effects, one.curves)) if text]
        text = "; ".join(why) if not self._by_draws else ""
        if "withheld" in (method, curves):
            text += (
                ": call .bootstrap(), which refits the model to resampled rows"
                if _fitting(self._request)
                else f", and no refits know what cov_type={self._request.name!r} knows here: use "
                "cov_type='HC1', or clusters in one way"
            )
        refits = 0 if draws is None else draws.plan.size
        failed = 0 if draws is None else draws.failed
        return Inference(method, curves, text, found.ratio, found.least_t, refits, failed)

    def _method(self, why_no_delta: str) -> str:
        if self._by_draws:
            return "bootstrap"
        if not why_no_delta:
            return "delta"
        return "bootstrap" if self._fitting_draws is not None else "withheld"

    @cached_property
    def _refused(self) -> str:
        """Why there are no standard errors whatever the method; empty where there may be some."""
        numbers = self._numbers
        if numbers.withheld:
            return str(numbers.withheld)
        if self._deep and self._estimate.certificate.units.saturated:
            return (
                "no standard errors: a hidden unit is saturated, a step function on these data, so "
                "that its slopes have no estimate. Use fewer units, or more of a penalty"
            )
        if self._deep and self._inference is None and self._draws is None:
            return "no standard errors: the fit was asked for none (inference=None)"
        return ""

    @cached_property
    def _rule(self) -> Rule:
        return rule(self._numbers.fitted, self._numbers.identification)

    @cached_property
    def _delta(self) -> Delta | None:
        """The delta method with the covariance that was asked for."""
        numbers = self._numbers
        if numbers.withheld or numbers.normalized is None:
            return None
        cov = numbers.covariance(self._request).cov
        bread = None if self._request.trusts_the_model else numbers.bread
        return Delta(numbers.fitted, cov, self._request, bread, numbers.normalized, numbers.edf)

    @property
    def _fitting_draws(self) -> Draws | None:
        """The refits, if their way of resampling fits the covariance that was asked for."""
        draws = self._draws
        if draws is None or self._by_draws:
            return draws
        return draws if draws.plan.kind in _fitting(self._request) else None

    @cached_property
    def _resampled(self) -> Resampled | None:
        if self._draws is None:
            return None
        freq = self._numbers.fitted.rows.freq
        return Resampled(self._draws, freq / freq.sum(), self._delta)

    @property
    def _uncertainty(self) -> Uncertainty | None:
        """What errors of effects come from; None where they are withheld."""
        return self._of_kind(self.inference.method)

    @property
    def _uncertainty_of_curves(self) -> Uncertainty | None:
        """What errors of curves and predictions come from; None where they are withheld."""
        return self._of_kind(self.inference.curves)

    def _of_kind(self, method: str) -> Uncertainty | None:
        return {"delta": self._delta, "bootstrap": self._resampled}.get(method)

    @property
    def _why_not(self) -> str:
        """Why something is withheld; empty where nothing is."""
        found = self.inference
        return found.reason if "withheld" in (found.method, found.curves) else ""

    # -- refits -----------------------------------------------------------------------------

    def bootstrap(
        self,
        n: int = 199,
        *,
        kind: str | None = None,
        groups: Any = None,
        seed: int = 0,
        fresh: int = FRESH,
        n_jobs: int | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Any:
        """Refit the model to resampled rows; return this fit with standard errors from the refits.

        Every refit starts from the best optima of the fit and from fresh random units, so that it
        may end in another basin. Penalty and dispersion inside the objective stay as they are.

        Parameters
        ----------
        n
            Number of refits.
        kind
            "weights" multiplies the frequency of every row by a random exponential weight, so that
            no level is ever lost; "pairs" draws rows with replacement; "cluster" gives one weight
            to all rows of a cluster; "parametric" draws responses from the fitted distribution. By
            default "weights", or "cluster" where `groups` or a clustered covariance is there.
        groups
            Clusters, an entry for every row.
        seed
            Seeds weights and starts.
        fresh
            Fresh random starts of every refit.
        n_jobs
            Refits side by side; None uses every core. The numbers do not depend on it.
        progress
            Called after every refit with a record of how many are done.

        Returns
        -------
        DeepGLMResults
            Standard errors are standard deviations over the refits that converged; those of
            effects, curves and predictions are never less than the delta method's. ``inference``
            counts the refits that did not converge.

        Notes
        -----
        An interval is the estimate plus and minus 1.96 standard errors: quantiles of refits cover
        less in networks with more units than the truth needs.

        Examples
        --------
        >>> import deepglm as dg
        >>> trees = dg.datasets.load("trees")
        >>> glm = dg.DeepGLM("Volume ~ Girth", trees, family=dg.Gamma(), hidden=()).fit()
        >>> refits = glm.bootstrap(n=99, seed=1)
        >>> refits.cov_type, refits.inference.failed
        ('bootstrap', 0)
        """
        whole_number("n", n, LEAST, " Fewer refits say nothing about a standard deviation.")
        whole_number("seed", seed, 0, " The same seed gives the same bits.")
        whole_number("fresh", fresh, 0)
        plan = self._plan(kind, groups, n, seed)
        draws = self._drawn(plan, fresh, n_jobs, Control(report=progress or silent))
        assert draws is not None
        other = self._with_draws(draws)
        if draws.failed > MANY_FAILED * n:
            warnings.warn(
                f"{draws.failed} of {n} refits did not converge; the standard errors leave them "
                "out, and may be too small.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return other

    def _by_refits(self) -> Any:
        """The same fit with the covariance of the refits that are there."""
        if self._draws is None:
            raise NotAvailableError(
                "cov_type='bootstrap': there are no refits yet. Call results.bootstrap(), which "
                "makes them."
            )
        return self._with_draws(self._draws)

    def _with_draws(self, draws: Draws | None, by_draws: bool = True) -> Any:
        other = self.get_robustcov_results(self._request.name, **self._request.options)
        other._draws, other._by_draws = draws, by_draws
        if draws is not None and draws.plan.kind not in _fitting(self._request):
            other._beside = other._beside.without_tests()
        return other

    def _drawn(
        self,
        plan: Plan,
        fresh: int = FRESH,
        n_jobs: int | None = None,
        control: Control = QUIET,
    ) -> Draws | None:
        """Make the refits; None where they were stopped."""
        if self._numbers.withheld:
            raise NotAvailableError(f"bootstrap: {self._numbers.withheld}.")
        return resampling.draws(
            self._refitted_problem,
            self._estimate.scale_objective,
            self._mode_thetas,
            plan,
            fresh=fresh if self._deep else 0,
            n_jobs=n_jobs,
            control=control,
        )

    @property
    def _affordable(self) -> bool:
        """Whether a bootstrap may run inside a fit."""
        modes = len(self._mode_thetas)
        return resampling.cost(self._refitted_problem, REFITS, modes) <= AFFORDABLE

    def _inferred(
        self, inference: str | None, seed: int, n_jobs: int | None, control: Control
    ) -> Any:
        """The same fit with the refits that a fit makes by itself.

        Parameters
        ----------
        inference
            "auto" makes them where the delta method is not good enough and they are affordable,
            "bootstrap" always, "delta" and None never.
        seed, n_jobs, control
            As for a fit.
        """
        other = self._with_draws(None, by_draws=False)
        other._inference = inference
        if inference not in ("auto", "bootstrap") or other._refused:
            return other
        found, kinds = other.inference, _fitting(self._request)
        always = inference == "bootstrap"
        if (
            not kinds
            or not always
            and ("withheld" not in (found.method, found.curves) or not self._affordable)
        ):
            return other
        draws = self._drawn(self._plan(kinds[0], None, REFITS, seed), FRESH, n_jobs, control)
        if draws is None:
            return other
        result = other._with_draws(draws, by_draws=always or found.method != "delta")
        result._inference = inference
        return result

    @property
    def _refitted_problem(self) -> Problem:
        """The problem that refits solve: the fit's penalty, and a family whose power is known."""
        k = self._model.predictor.size
        problem: Problem = self._model._problem
        return replace(
            problem,
            family=self._numbers.fitted.family,
            precision=self._estimate.precision[:k],
        )

    @cached_property
    def _mode_thetas(self) -> list[Array]:
        """Optima to start from, the fit's own first."""
        size, estimate = len(self._estimate.theta), self._estimate
        others = [self._model._units.inside(mode.params[:size]) for mode in estimate.modes[1:]]
        return [estimate.theta, *others]

    def _plan(self, kind: str | None, groups: Any, n: int, seed: int) -> Plan:
        request = self._request
        if kind is None:
            possible = ("cluster",) if groups is not None else _fitting(request)
            if not possible:
                raise SpecificationError(
                    f"bootstrap: no resampling of rows knows what cov_type={request.name!r} knows. "
                    "Say kind=, as in kind='weights' for independent rows."
                )
            kind = possible[0]
        if kind not in KINDS:
            raise SpecificationError(
                f"kind={kind!r} is not known; accepted are {', '.join(map(repr, KINDS))}."
            )
        if kind == "cluster":
            given = request.options.get("groups") if groups is None else groups
            return Plan(kind, n, seed, groups=self._clusters(given))
        if groups is not None:
            raise SpecificationError(
                f"groups= stands beside kind={kind!r}, which has no clusters; use kind='cluster'."
            )
        if kind == "parametric":
            return Plan(kind, n, seed, responses=self._responses())
        return Plan(kind, n, seed)

    def _clusters(self, groups: Any) -> Codes:
        if groups is None:
            raise SpecificationError("kind='cluster' needs groups=, an entry for every row.")
        index = self._model._data.index
        labels = np.asarray(on_kept_rows({"groups": groups}, index)["groups"])
        if labels.shape != (len(index),):
            raise SpecificationError(
                f"groups has shape {labels.shape}; one label is needed for each of the "
                f"{len(index)} rows."
            )
        names, codes = np.unique(labels, return_inverse=True)
        if len(names) < 2:
            raise SpecificationError(
                f"groups has the one cluster {names[0]}; resampling needs several. Use "
                "kind='weights'."
            )
        return np.asarray(codes.ravel())

    def _responses(self) -> Callable[[np.random.Generator], Array]:
        """Draws responses from the fitted distribution."""
        fitted, n = self._numbers.fitted, self._numbers.fitted.rows.n
        family = fitted.given
        why = ""
        if not isinstance(family, MeanFamily):
            why = f"responses of the {family.name} family are not drawn"
        elif not np.isin(fitted.rows.freq, (0.0, 1.0)).all():
            why = "a row with a frequency stands for several responses; repeat the rows instead"
        else:
            laws = self._response_laws(None, n, None, None)
            why = laws.left_out
        if why:
            raise NotAvailableError(
                f"a parametric bootstrap: {why.rstrip('.')}. Use bootstrap(kind='weights')."
            )
        law, units = laws.make(fitted.etas, slice(None)), laws.units

        def drawn(rng: np.random.Generator) -> Array:
            return np.asarray(law.rvs(size=n, random_state=rng) / units, dtype=float)

        return drawn

"""Fits of the same model with less in it, and variances of scores: what tests are made of."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.execution import workers
from deepglm.families import Family
from deepglm.inference.fitted import Array, Codes, Fitted
from deepglm.inference.lagrange import Projected, ScoreTest
from deepglm.inference.restricted import Smaller, without_input
from deepglm.results.frozen import Frozen, check_covariance
from deepglm.results.places import input_named
from deepglm.solvers import Problem, Solution

__all__ = [
    "DETERMINED",
    "Restriction",
    "SmallerFit",
    "Tested",
    "Variance",
    "estimates_more",
    "modes",
    "objective_scale",
    "posed",
]

DETERMINED = "the other columns determine those of this input"
"""Why an input has no test: the data cannot tell its effect from that of others."""


def posed(results: Any) -> Problem:
    """The problem that a fit solved, with the precisions that were in force."""
    problem: Problem = results._model._problem
    k = problem.predictor.size
    return replace(problem, precision=results._estimate.precision[:k])


def objective_scale(results: Any) -> float | None:
    """Dispersion inside the objective where it was held fixed."""
    estimate = results._estimate
    return estimate.scale_objective if estimate.scale_kind == "fixed" else None


def estimates_more(family: Family) -> bool:
    """Whether a family estimates a dispersion and its variance function, as the power of Tweedie.

    Deviances of two variance functions cannot be compared.
    """
    return family.scale is None and len(family.aux_names) > 1


def modes(results: Any) -> list[Array]:
    """Optima of a fit, best first, as coefficients on the standardised scale."""
    k, units = results._model.predictor.size, results._model._units
    found = [units.inside(mode.params)[:k] for mode in results._estimate.modes]
    return [results._estimate.theta[:k], *found[1:]]


class SmallerFit(NamedTuple):
    """A smaller model at its optimum."""

    smaller: Smaller
    solution: Solution
    fitted: Fitted


@dataclass(frozen=True)
class Restriction:
    """A model with less in it.

    Parameters
    ----------
    results
        The fit of the larger model.
    smaller
        The smaller one.
    """

    results: Any
    smaller: Smaller

    @classmethod
    def of_input(cls, results: Any, name: str) -> Restriction:
        """The model without an input."""
        columns = results._model._data.inputs[name].columns
        return cls(results, without_input(posed(results), columns))

    @property
    def lost(self) -> int:
        """How many coefficients fewer are estimated."""
        before = posed(self.results).free
        return int(before.sum()) - int(self.smaller.problem.free.sum())

    @property
    def lost_a_term(self) -> bool:
        """Whether a deep term had no other input."""
        now, before = self.smaller.problem.predictor, self.results._model.predictor
        return len(now.networks) < len(before.networks)

    def fit(self, seed: int) -> SmallerFit:
        """Fit it from the optima of the larger one and from fresh starts."""
        results = self.results
        with workers(None, results.nobs) as crew:
            solution, fitted = self.smaller.fit(
                crew, objective_scale(results), modes(results), seed
            )
        return SmallerFit(self.smaller, solution, fitted)


class Variance:
    """How the variance of scores is found: from the model, or from the scores themselves.

    Parameters
    ----------
    results
        A fit.
    cov_type, cov_kwds
        A kind of covariance; None for that of the fit.
    """

    def __init__(self, results: Any, cov_type: str | None, cov_kwds: Any) -> None:
        request = results._request
        if cov_type is not None:
            request = check_covariance(results._model, cov_type, cov_kwds)
        elif cov_kwds is not None:
            raise SpecificationError("cov_kwds needs a cov_type, such as 'cluster'.")
        self.name: str = request.name
        self._trusting: bool = request.trusts_the_model
        if not (self._trusting or self.name.startswith("HC") or self.name == "cluster"):
            raise NotAvailableError(
                f"score tests with cov_type={self.name!r} are not offered; use 'HC0' or 'cluster'."
            )
        self._groups: Codes | None = None
        if self.name == "cluster":
            self._groups = _one_way(request.options["groups"])
        self.use_f = self._trusting and results._estimate.scale_kind != "fixed"

    def test(
        self, found: Projected, which: Codes | None, components: int | None = None
    ) -> ScoreTest:
        """Test candidates that were projected."""
        if self._trusting:
            return found.test(which, components, self.use_f)
        return found.robust(which, components, self._groups)


def _one_way(groups: Any) -> Codes:
    values = np.asarray(groups)
    if values.ndim == 2 and 1 in values.shape:
        values = values.ravel()
    if values.ndim != 1:
        raise NotAvailableError(
            "score tests are robust to one way of clustering; give one column of groups."
        )
    return np.asarray(np.unique(values, return_inverse=True)[1].ravel())


class Tested(Frozen):
    """What tests ask of a result."""

    @property
    def _known_scale(self) -> float | None:
        """Dispersion where it is known."""
        estimate = self._estimate
        return estimate.scale_objective if estimate.scale_kind == "fixed" else None

    def _refuse_uncertified(self, what: str) -> None:
        if not self.converged:
            raise NotAvailableError(
                f"{what}: the fit is not certified ({self._estimate.certificate}), and scores at "
                "another point say nothing. Fit with more starts, fewer units or a penalty."
            )

    def _columns_of(self, name: str) -> tuple[list[list[int]], list[list[int]]]:
        """Columns made of one input alone, and columns made of one other input alone."""
        inputs = self._model._data.inputs
        count = len(self._model._data.sources)
        own: list[list[int]] = [[] for _ in range(count)]
        others: list[list[int]] = [[] for _ in range(count)]
        for one in inputs.values():
            for source in range(count):
                elsewhere = {
                    j for two in inputs.values() if two is not one for j in two.columns[source]
                }
                alone = [j for j in one.columns[source] if j not in elsewhere]
                if alone:
                    (own if one.name == name else others)[source].extend(alone)
                    break
        return own, others

    def _named_inputs(self, names: Any) -> list[str]:
        """Names of inputs, one or several; all by default."""
        if names is None:
            return list(self._model._data.inputs)
        several = isinstance(names, Iterable) and not isinstance(names, str)
        return [self._named_input(name) for name in (names if several else [names])]

    def _named_input(self, name: Any) -> str:
        """The name of one input."""
        if not isinstance(name, Hashable):
            raise SpecificationError(
                f"{name!r} is of type {type(name).__name__}; the name of one input is needed. "
                "input_tests() takes several."
            )
        return input_named(self._model._data, name).name

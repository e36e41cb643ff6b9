"""Profile likelihoods of the coefficients of a GLM.

A coefficient in the user's units is held at a value by an offset, and the others are fitted again.
The signed root of what the deviance rises by is standard normal under that value, nearly, and more
nearly so than the estimate (Venables and Ripley 2002, section 7.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import optimize

from deepglm.execution import workers
from deepglm.inference import criteria
from deepglm.inference.fitted import Array, Fitted
from deepglm.inference.restricted import at_estimate, log_likelihood
from deepglm.penalties import Unpenalised
from deepglm.predictor import Predictor
from deepglm.solvers import Options, Problem, fit_glm

__all__ = ["Profile"]

FAR = 12
"""Doublings of the distance from the estimate after which an interval has no end on a side."""


@dataclass(frozen=True, eq=False)
class Profile:
    """The likelihood of one coefficient of a GLM with one linear predictor, others maximised over.

    Parameters
    ----------
    problem
        The GLM, without a penalty.
    X
        (columns, n) its columns in the user's units, aliased ones left out.
    column
        Number of the coefficient.
    params
        (columns,) the estimate.
    scale
        Dispersion that changes in deviance are divided by; None for a family whose dispersion is
        known, for which the log-likelihood itself is compared.
    """

    problem: Problem
    X: Array
    column: int
    params: Array
    scale: float | None

    @property
    def estimate(self) -> float:
        """The coefficient."""
        return float(self.params[self.column])

    @property
    def _is_alone(self) -> bool:
        """Whether nothing is estimated beside coefficients but a dispersion."""
        return len(self.problem.family.aux_names) <= (self.problem.family.scale is None)

    @cached_property
    def _minimum(self) -> tuple[float, Array]:
        return self._lost(self.estimate, np.delete(self.params, self.column))

    def _lost(self, value: float, start: Array) -> tuple[float, Array]:
        """Deviance over the dispersion at a value of the coefficient, and the other coefficients.

        Up to a constant.
        """
        others = np.delete(self.X, self.column, axis=0)
        unit = np.abs(others).max(axis=1)
        unit = np.where(unit > 0, unit, 1.0)
        k, rows = len(others), self.problem.rows
        none, every = np.zeros(k, dtype=bool), np.ones(k, dtype=bool)
        here = replace(
            self.problem,
            predictor=Predictor(k),
            rows=replace(
                rows,
                designs=(np.ascontiguousarray(others / unit[:, None]),),
                offset=rows.offset + value * self.X[self.column],
            ),
            penalty=Unpenalised(),
            precision=np.zeros(k),
            free=every,
            aliased=none,
            held=none,
            intercept=none,
        )
        phi = self.problem.family.scale if self.scale is None else self.scale
        with (
            workers(1, rows.n) as crew,
            np.errstate(over="ignore", invalid="ignore", divide="ignore"),
        ):
            if not k and self._is_alone:  # there is nothing left to fit
                family = here.family
                if family.aux_names:  # the dispersion, which the deviance does not depend on
                    family = family.given(np.log([phi or 1.0]))
                alone = Fitted(here.predictor, family, here.rows, start, every)
                return criteria.deviance(alone, alone.etas, alone.aux) / (phi or 1.0), start
            solution = fit_glm(here, crew, phi, start * unit, Options())
        theta = solution.theta / unit
        if self.scale is None:
            return -2.0 * log_likelihood(solution), theta
        fitted = at_estimate(here, solution)
        return criteria.deviance(fitted, fitted.etas, fitted.aux) / self.scale, theta

    def signed_roots(self, values: Array) -> Array:
        """(k,) signed roots of the rise in deviance at (k,) values of the coefficient.

        Each value starts from the coefficients at the one next to it on the way from the estimate.
        """
        roots = np.empty(len(values))
        for side in (values >= self.estimate, values < self.estimate):
            start = self._minimum[1]
            for k in sorted(np.flatnonzero(side), key=lambda k: abs(values[k] - self.estimate)):
                roots[k], start = self._root(float(values[k]), start)
        return roots

    def _root(self, value: float, start: Array) -> tuple[float, Array]:
        lost, theta = self._lost(value, start)
        rise = max(lost - self._minimum[0], 0.0)
        return float(np.sign(value - self.estimate) * np.sqrt(rise)), theta

    def limit(self, root: float, step: float) -> float:
        """Value at which the signed root is so large; infinite where it never is.

        Parameters
        ----------
        root
            A quantile, negative for the lower limit.
        step
            Standard error of the coefficient.
        """
        sign, start = np.sign(root), self._minimum[1]
        near, far = self.estimate, self.estimate + 1.01 * root * step
        for k in range(FAR):
            found, start = self._root(far, start)
            if not np.isfinite(found):
                return np.nan
            if abs(found) > (1.0 + 1e-6) * abs(root):  # another start may round otherwise
                break
            near, far = far, self.estimate + 1.01 * root * step * 2.0 ** (k + 1)
        else:
            return float(sign * np.inf)
        return float(
            optimize.brentq(
                lambda value: self._root(value, start)[0] - root, near, far, xtol=1e-10 * step
            )
        )

"""Whether a network has no unit too many: the gate before Wald and likelihood ratio tests.

With a unit to spare an input can be used by a unit that is not identified under the null
hypothesis, and the chi-square limit fails: sizes of .20 to .43 in place of .05. Eigenvalues of the
information do not see that reliably; a BIC that prefers one unit fewer does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import linalg

from deepglm.execution import Workers
from deepglm.families import Level
from deepglm.inference import criteria
from deepglm.inference.covariance import inverse
from deepglm.inference.fitted import Array, Fitted
from deepglm.inference.identification import identification
from deepglm.inference.restricted import at_estimate, log_likelihood, one_unit_fewer
from deepglm.solvers import Problem, Solution

__all__ = ["LEAST_T", "Parsimony", "least_t", "parsimony", "wald_statistic"]

LEAST_T = 3.0
"""Smallest ratio of an output weight to its standard error at which a unit counts as needed."""


SHARE = 0.6
"""Share of BIC's price of a unit that the log-likelihood has to gain by it.

The full price closes the gate in three of four binomial samples of 1,000 with the right number of
units; at this share half of them pass, and none of 120 samples with a unit too many did. It was
chosen by these simulations; ``calibration`` judges it on seeds of its own.
"""


class Parsimony(NamedTuple):
    """What speaks for one unit fewer."""

    bic: float
    """Of the model."""
    bic_fewer: float
    """Of the model with one unit fewer, the best of them where there are several deep terms."""
    price: float
    """What BIC charges for the coefficients of that unit."""
    least_t: float
    """Smallest ratio of an output weight to its standard error."""

    @property
    def gain(self) -> float:
        """Twice the log-likelihood that the unit gains."""
        return self.bic_fewer - self.bic + self.price

    @property
    def reason(self) -> str:
        """Why the gate is closed; empty where it is open."""
        if not self.gain >= SHARE * self.price:
            return (
                f"one unit fewer does nearly as well: a unit gains {self.gain:.1f} in twice the "
                f"log-likelihood, and BIC charges {self.price:.1f} for it"
            )
        if not self.least_t >= LEAST_T:
            return (
                f"an output weight is only {self.least_t:.1f} standard errors from zero, and "
                f"{LEAST_T:g} are needed"
            )
        return ""


def parsimony(
    problem: Problem, solution: Solution, crew: Workers, phi: float | None, seed: int
) -> Parsimony:
    """Compare a network of one hidden layer with those of one unit fewer.

    Parameters
    ----------
    problem, solution
        The network at its optimum.
    crew
        Who adds.
    phi
        Dispersion inside the objective; None estimates it.
    seed
        Seeds fresh starts.
    """
    fewer = []
    for term in range(len(problem.predictor.networks)):
        smaller = one_unit_fewer(problem, term)
        found, _ = smaller.fit(crew, phi, [solution.theta], seed)
        less = float(problem.free.sum() - smaller.problem.free.sum())
        fewer.append((_bic(smaller.problem, found), less))
    bic, less = min(fewer)
    price = float(np.log(problem.rows.freq.sum())) * less
    return Parsimony(_bic(problem, solution), bic, price, least_t(problem, solution))


def _bic(problem: Problem, solution: Solution) -> float:
    """BIC by the unpenalised log-likelihood at the penalised estimate; all parameters count."""
    k = float(problem.free.sum())
    n = float(problem.rows.freq.sum())
    return -2.0 * log_likelihood(solution) + float(np.log(n)) * k


def least_t(problem: Problem, solution: Solution) -> float:
    """Smallest ratio of an estimated output weight to its standard error."""
    fitted = at_estimate(problem, solution)
    k = problem.predictor.size
    precision = np.concatenate((problem.precision, np.zeros(len(fitted.theta) - k)))
    phi = _dispersion(fitted)
    F = fitted.information(Level.FISHER)
    N = inverse(F + phi * np.diag(precision[fitted.free]))
    return 0.0 if N is None else identification(fitted, F, phi * N).least_t


def _dispersion(fitted: Fitted) -> float:
    if fitted.family.scale is not None:
        return float(fitted.family.scale)
    left = fitted.wnobs - float(fitted.free.sum())
    return criteria.deviance(fitted, fitted.etas, fitted.aux) / max(left, 1.0)


def wald_statistic(theta: Array, V: Array, which: Sequence[int]) -> float:
    """Wald's statistic that some coefficients are zero: ``theta_j' (V_jj)^-1 theta_j``.

    Parameters
    ----------
    theta
        (size,) coefficients.
    V
        (size, size) their covariance.
    which
        Numbers of those that are tested.
    """
    j = list(which)
    d = np.sqrt(np.diag(V)[j])
    z = theta[j] / d
    return float(z @ linalg.solve(V[np.ix_(j, j)] / d / d[:, None], z, assume_a="sym"))

"""What the data say about the single coefficients of a fit: rank, null directions, output weights.

The information is the expected one without the penalty, brought to a unit diagonal: a penalty hides
that the data do not determine a coefficient, and units of measurement have no say in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from deepglm.inference.fitted import Array, Fitted
from deepglm.solvers.certificate import RANK, spectrum

__all__ = ["Identification", "UnitWeights", "identification"]

REGULAR = 1e-4
"""Share of it above which all directions count as determined."""


@dataclass(frozen=True, eq=False)
class UnitWeights:
    """How clearly the weights of the last layer's hidden units differ from zero.

    Parameters
    ----------
    term, unit
        (units,) number of the deep term and of the unit in its last layer.
    t
        (units,) absolute value over standard error of the unit's output weight; the largest one of
        several linear predictors. Of a unit whose weight is pinned (ReLU, powers) that of the size
        of its slopes, which take the place of the weight.
    """

    term: Array
    unit: Array
    t: Array

    @property
    def least(self) -> float:
        """The smallest of them; NaN without hidden units or standard errors."""
        return float(self.t.min()) if len(self.t) else np.nan


@dataclass(frozen=True, eq=False)
class Identification:
    """What the data say about the single coefficients of a fit.

    Parameters
    ----------
    eigenvalues
        (free,) of the expected information without the penalty, scaled to a unit diagonal,
        smallest first.
    rank, size
        Number of eigenvalues above 1e-7 of the largest, and of all.
    null
        (free, size - rank) a basis of the directions that are not determined, each with a
        coefficient of its own, on the scale of the information; the largest entry is 1.
    weakest
        (free,) vector of the smallest eigenvalue, its largest entry positive.
    weights
        The last layer's hidden units.

    References
    ----------
    Catchpole and Morgan (1997), Biometrika 84, 187-196.
    """

    eigenvalues: Array
    rank: int
    size: int
    null: Array
    weakest: Array
    weights: UnitWeights

    @property
    def ratio(self) -> float:
        """Smallest over largest eigenvalue; not below zero."""
        smallest, largest = float(self.eigenvalues[0]), float(self.eigenvalues[-1])
        return max(smallest, 0.0) / largest if largest > 0.0 else np.nan

    @property
    def condition(self) -> float:
        """Largest over smallest eigenvalue; infinite where that is not positive."""
        return 1.0 / self.ratio if self.ratio > 0.0 else np.inf

    @property
    def least_t(self) -> float:
        """Smallest absolute value over standard error of the output weights of hidden units."""
        return self.weights.least

    @property
    def light(self) -> str:
        """The verdict in words, from the eigenvalues alone: necessary, not sufficient."""
        if self.rank < self.size or not np.isfinite(self.ratio):
            return "singular"
        return "numerically regular" if self.ratio > REGULAR else "weakly identified"


def identification(fitted: Fitted, F: Array, cov: Array | None) -> Identification:
    """Judge a fit by its information.

    Parameters
    ----------
    fitted
        A model at its estimate.
    F
        (free, free) expected information without the penalty, at any dispersion.
    cov
        (free, free) covariance of the estimates; None where there is none.

    Examples
    --------
    >>> from deepglm.families import adapt
    >>> from deepglm.data import Rows
    >>> from deepglm.predictor import Predictor
    >>> from statsmodels.api import families
    >>> x, one = np.arange(4.0), np.ones(4)
    >>> rows = Rows(x, (np.stack([one, x, 2 * x]),), 0 * x, one, one)
    >>> free = np.ones(3, dtype=bool)
    >>> fit = Fitted(Predictor(3), adapt(families.Gaussian()), rows, np.ones(3), free)
    >>> found = identification(fit, rows.designs[0] @ rows.designs[0].T, None)
    >>> found.rank, found.light, np.abs(found.null[:, 0]).round(6).tolist()
    (2, 'singular', [0.0, 1.0, 1.0])
    """
    curved = spectrum(F)
    undetermined = curved.values <= RANK * curved.values[-1]
    return Identification(
        curved.values,
        int((~undetermined).sum()),
        len(F),
        _echelon(curved.vectors[:, undetermined]),
        curved.weakest,
        _unit_weights(fitted, cov),
    )


def _echelon(N: Array) -> Array:
    """A basis of the same space in which every vector has a coordinate to itself.

    Eigenvectors of equal eigenvalues are any rotation of each other, and mix what has nothing to
    do with each other.
    """
    k = N.shape[1]
    if k == 0:
        return N
    own = linalg.qr(N.T, mode="r", pivoting=True)[1][:k]
    basis = np.asarray(np.linalg.solve(N[own].T, N.T).T)
    basis[np.abs(basis) < 1e-6] = 0.0
    return np.asarray(basis / np.abs(basis).max(axis=0))


def _unit_weights(fitted: Fitted, cov: Array | None) -> UnitWeights:
    predictor, size = fitted.predictor, len(fitted.theta)
    V = np.full((size, size), np.nan)
    if cov is not None:
        V[np.ix_(fitted.free, fitted.free)] = cov
    numbers = predictor.unpack(np.arange(predictor.size, dtype=float))
    found: list[tuple[int, int, float]] = []
    for term, network in enumerate(predictor.networks):
        link, output = network.links[-1], numbers.outputs[term].astype(int)
        for unit in range(network.units[-1]):
            above = output[:, unit]
            above = above[fitted.free[above]]
            if len(above):
                t = np.abs(fitted.theta[above]) / np.sqrt(np.diag(V)[above])
                found.append((term, unit, float(t.max())))
            elif link.group in ("scale", "linear"):
                slopes = numbers.layers[term][-1][unit].astype(int)
                found.append((term, unit, _size_t(fitted, V, slopes) / abs(link.degree)))
    columns = np.array(found, dtype=float).reshape(-1, 3).T
    return UnitWeights(columns[0].astype(int), columns[1].astype(int), columns[2])


def _size_t(fitted: Fitted, V: Array, where: Array) -> float:
    """Length of a unit's coefficients over its standard error, by the delta method."""
    where = where[fitted.free[where]]
    b = fitted.theta[where]
    return float(b @ b / np.sqrt(b @ V[np.ix_(where, where)] @ b))

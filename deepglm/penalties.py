"""What we prefer among coefficients: quadratic penalties as prior precisions.

A penalty is a vector of precisions on the standardised coefficients, in log-likelihood units at
the scale in force: what is maximised is ``loglike - sum(precision * theta**2) / 2``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from deepglm.errors import SpecificationError, positive_number
from deepglm.predictor import Predictor, pack

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

__all__ = [
    "L2",
    "Evidence",
    "Grouped",
    "Kinds",
    "Penalty",
    "Unpenalised",
    "Validation",
    "Weak",
    "get",
    "precisions",
]


class Kinds(NamedTuple):
    """What kind of coefficient stands where; all that a penalty needs to know."""

    predictor: Predictor
    """Shape of the predictor."""
    intercepts: Mask
    """(size,) intercepts, hidden or final."""
    dummies: Mask
    """(size,) slopes of the first hidden layer on columns of two values."""
    response_scale: float
    """Scale of the response on the link scale."""


def kinds(
    predictor: Predictor, intercepts: Mask, dummies: Sequence[Mask], response_scale: float
) -> Kinds:
    """Describe the coefficients of a predictor.

    Parameters
    ----------
    predictor
        Shape of the predictor.
    intercepts
        (size,) intercepts, hidden or final.
    dummies
        For every deep term (inputs,) which of its columns have two values.
    response_scale
        Scale of the response on the link scale.
    """
    marks = predictor.unpack(np.zeros(predictor.size))
    for layers, columns in zip(marks.layers, dummies, strict=True):
        layers[0][:, 1:] = columns
    return Kinds(predictor, intercepts, pack(marks) > 0, response_scale)


class Penalty(Protocol):
    """Anything that gives every coefficient of a predictor its precision."""

    def precision(self, kinds: Kinds) -> Array:
        """Precision of every coefficient, (size,)."""
        ...


@dataclass(frozen=True)
class Unpenalised:
    """Pure maximum likelihood."""

    def precision(self, kinds: Kinds) -> Array:
        """Zero everywhere."""
        return np.zeros(kinds.predictor.size)

    def __str__(self) -> str:
        return "none"


@dataclass(frozen=True)
class Weak:
    """The default prior: just enough for the estimate to exist.

    On standardised inputs the slopes of hidden units are N(0, 1), their intercepts N(0, 2.5**2)
    and their coefficients in the final layer N(0, 10 s**2), where ``s`` is the scale of the
    response. It does not grow with the number of rows, so the estimate is asymptotically the
    maximum likelihood estimate. The final intercept and the GLM terms are not penalised:
    ``hidden=()`` is exactly the GLM.

    Examples
    --------
    >>> from deepglm.predictor import Network, Predictor
    >>> from deepglm import links
    >>> p = Predictor(1, (Network(1, (1,), (links.get("tanh"),)),))
    >>> Weak().precision(kinds(p, p.hidden_intercepts, [np.array([False])], 1.0)).tolist()
    [0.0, 0.16, 1.0, 0.1]
    """

    def precision(self, kinds: Kinds) -> Array:
        """See the class."""
        predictor = kinds.predictor
        precision = np.where(predictor.final, 0.0, 1.0)
        precision[predictor.hidden_intercepts] = 1.0 / 2.5**2
        precision[predictor.output_weights] = 0.1 / kinds.response_scale**2
        return precision

    def __str__(self) -> str:
        return "weak"


@dataclass(frozen=True)
class L2:
    """Ridge: ``alpha / 2`` times the sum of squares of the coefficients.

    Parameters
    ----------
    alpha
        Precision in log-likelihood units, on the standardised scale. It is not multiplied by the
        number of rows.
    intercepts
        Which intercepts are shrunk too: False for none, "hidden" for those of hidden units, True
        for these and the final one. A penalised final intercept gives up the balance of fitted and
        observed totals. Without "hidden" a unit that the ridge shrinks away altogether leaves an
        intercept that nothing determines, and the fit cannot be certified.

    Notes
    -----
    Every slope is shrunk: those of the GLM terms, of the hidden units and of the final layer. R's
    nnet with decay ``d`` is ``L2(2 * d, intercepts=True)`` with ``activation="logistic"`` and
    ``standardize=False`` (for linear output also ``scale=0.5``).

    Examples
    --------
    >>> L2(30.0)
    L2(alpha=30.0, intercepts=False)
    """

    alpha: float
    intercepts: bool | Literal["hidden"] = False

    def __post_init__(self) -> None:
        if not any(self.intercepts is accepted for accepted in (False, True)) and (
            self.intercepts != "hidden"
        ):
            raise SpecificationError(
                f"L2(intercepts={self.intercepts!r}): accepted are False, 'hidden' and True."
            )
        alpha: Any = self.alpha  # annotated, but the user's
        real = isinstance(alpha, Real) and not isinstance(alpha, bool)
        if not (real and np.isfinite(alpha) and alpha >= 0):
            raise SpecificationError(
                f"L2(alpha={self.alpha!r}): alpha is a precision and must be a finite number, not "
                "negative. Use penalty=None for no penalty."
            )

    def precision(self, kinds: Kinds) -> Array:
        """See the class."""
        precision = np.full(kinds.predictor.size, float(self.alpha))
        if self.intercepts == "hidden":
            precision[kinds.intercepts & ~kinds.predictor.hidden_intercepts] = 0.0
        elif not self.intercepts:
            precision[kinds.intercepts] = 0.0
        return precision

    def __str__(self) -> str:
        return repr(self) if self.intercepts else f"L2({self.alpha:g})"


GROUPS = ("rest", "dummies")
"""Kinds of coefficients that have a precision of their own."""


@dataclass(frozen=True)
class Grouped:
    """One precision per kind of coefficient: slopes of dummies, and all the rest of the network.

    The rest are the hidden slopes on other columns, the hidden intercepts and the coefficients of
    the hidden units in the final layer, these relative to the scale of the response. Splitting by
    kind of column rather than by layer is what works: a precision per layer drifts along the scale
    that two layers share. None is looser than the prior of ``"weak"``. GLM terms and the final
    intercept are not penalised.

    Parameters
    ----------
    rest, dummies
        Precisions in log-likelihood units, on the standardised scale; a column of two values keeps
        its own scale.

    Examples
    --------
    >>> Grouped(rest=1.0, dummies=100.0)
    Grouped(rest=1.0, dummies=100.0)
    """

    rest: float
    dummies: float

    def __post_init__(self) -> None:
        for name in GROUPS:
            positive_number(name, getattr(self, name), " It is a precision.")

    def precision(self, kinds: Kinds) -> Array:
        """See the class."""
        group, unit = groups(kinds)
        values = np.array([self.rest, self.dummies])
        chosen = np.where(group >= 0, values[np.maximum(group, 0)] * unit, 0.0)
        return np.maximum(chosen, Weak().precision(kinds))

    def __str__(self) -> str:
        return f"{self.rest:.3g}, dummies {self.dummies:.3g}"


def groups(kinds: Kinds) -> tuple[npt.NDArray[np.intp], Array]:
    """Position in ``GROUPS`` of every coefficient, -1 for none; and the unit of its precision."""
    predictor = kinds.predictor
    group = np.where(kinds.dummies, 1, 0)
    group[predictor.final & ~predictor.output_weights] = -1
    unit = np.ones(predictor.size)
    unit[predictor.output_weights] = 1.0 / kinds.response_scale**2
    return group, unit


@dataclass(frozen=True)
class Evidence:
    """Precisions chosen by the marginal likelihood, for one hidden layer.

    A fit starts at ``start`` and updates the two precisions of :class:`Grouped` as it goes; those
    with the best marginal likelihood (by Laplace's approximation) are kept. It is for prediction
    and for large networks, not the default for inference.

    Parameters
    ----------
    start
        Both precisions at the start.

    References
    ----------
    MacKay (1992), "A practical Bayesian framework for backpropagation networks".
    """

    start: float = 10.0

    def __post_init__(self) -> None:
        positive_number("start", self.start, " It is a precision.")

    def precision(self, kinds: Kinds) -> Array:
        """Precisions at the start."""
        return Grouped(self.start, self.start).precision(kinds)

    def __str__(self) -> str:
        return "evidence"


@dataclass(frozen=True)
class Validation:
    """A precision chosen on rows that are held out, for any number of hidden layers.

    A grid is walked from weak to strong, each fit starting from the one before, until the
    likelihood of the held-out rows has fallen twice; then all rows are fitted with the best.

    Parameters
    ----------
    grid
        Precisions to try, increasing.
    share
        Share of the rows that is held out. Below 500 such rows every part is held out in turn.
    dummies
        Precision of slopes on columns of two values, relative to the others. On the scale of such
        a column, whose values are one unit apart, .75 is three times the others' at a scale of one
        half.
    """

    grid: tuple[float, ...] = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
    share: float = 0.1
    dummies: float = 0.75

    def __post_init__(self) -> None:
        for value in self.grid:
            positive_number("grid", value, " It holds precisions.")
        if not self.grid or any(a >= b for a, b in zip(self.grid, self.grid[1:], strict=False)):
            raise SpecificationError(
                f"Validation(grid={self.grid!r}): give increasing precisions, at least one."
            )
        if not 0.0 < self.share < 1.0:
            raise SpecificationError(
                f"Validation(share={self.share!r}): the share of rows held out lies between 0 "
                "and 1."
            )
        positive_number("dummies", self.dummies, " It is a ratio of precisions.")

    def at(self, value: float) -> Grouped:
        """The penalty at one value of the grid."""
        return Grouped(value, self.dummies * value)

    def precision(self, kinds: Kinds) -> Array:
        """Precisions at the weak end of the grid."""
        return self.at(self.grid[0]).precision(kinds)

    def __str__(self) -> str:
        return "validation"


_NAMED: dict[str | None, Penalty] = {
    "weak": Weak(),
    "evidence": Evidence(),
    "validation": Validation(),
    None: Unpenalised(),
}


def get(penalty: str | Penalty | None) -> Penalty:
    """Find a penalty by name, or pass one on.

    Examples
    --------
    >>> print(get("weak"), get(None), get(L2(2)))
    weak none L2(2)
    """
    if penalty is None or isinstance(penalty, str):
        if penalty not in _NAMED:
            accepted = ", ".join(repr(name) for name in _NAMED)
            raise SpecificationError(
                f"penalty={penalty!r} is not known; accepted are {accepted} or an object such as "
                "deepglm.penalties.L2(alpha)."
            )
        return _NAMED[penalty]
    if isinstance(penalty, type) or not callable(getattr(penalty, "precision", None)):
        raise SpecificationError(
            f"penalty={penalty!r} has no precision(kinds); use 'weak', None or "
            "deepglm.penalties.L2(alpha)."
        )
    return penalty


def precisions(penalty: Penalty, kinds: Kinds) -> Array:
    """Precision of every coefficient, checked: a penalty may be the user's own.

    Parameters
    ----------
    penalty
        What is preferred.
    kinds
        What kind of coefficient stands where.
    """
    size = kinds.predictor.size
    values = np.asarray(penalty.precision(kinds), dtype=np.float64)
    if values.shape != (size,) or not (np.isfinite(values) & (values >= 0)).all():
        raise SpecificationError(
            f"penalty={penalty!r} gives precisions of shape {values.shape}; {size} finite numbers, "
            "none negative, are needed, one per coefficient."
        )
    return values

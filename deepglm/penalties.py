"""What we prefer among coefficients: quadratic penalties as prior precisions.

A penalty is a vector of precisions on the standardised coefficients, in log-likelihood units at
the scale in force: what is maximised is ``loglike - sum(precision * theta**2) / 2``.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from deepglm.errors import SpecificationError
from deepglm.predictor import Predictor

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

__all__ = ["L2", "Penalty", "Unpenalised", "Weak", "get", "precisions"]


class Penalty(Protocol):
    """Anything that gives every coefficient of a predictor its precision."""

    def precision(self, predictor: Predictor, intercepts: Mask, response_scale: float) -> Array:
        """Precision of every coefficient, (size,).

        Parameters
        ----------
        predictor
            Shape of the predictor.
        intercepts
            (size,) true where a coefficient is an intercept, hidden or final.
        response_scale
            Scale of the response on the link scale.
        """
        ...


@dataclass(frozen=True)
class Unpenalised:
    """Pure maximum likelihood."""

    def precision(self, predictor: Predictor, intercepts: Mask, response_scale: float) -> Array:
        """Zero everywhere."""
        return np.zeros(predictor.size)

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
    >>> Weak().precision(p, p.hidden_intercepts, 1.0).tolist()
    [0.0, 0.16, 1.0, 0.1]
    """

    def precision(self, predictor: Predictor, intercepts: Mask, response_scale: float) -> Array:
        """See the class."""
        precision = np.where(predictor.final, 0.0, 1.0)
        precision[predictor.hidden_intercepts] = 1.0 / 2.5**2
        precision[predictor.output_weights] = 0.1 / response_scale**2
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

    def precision(self, predictor: Predictor, intercepts: Mask, response_scale: float) -> Array:
        """See the class."""
        precision = np.full(predictor.size, float(self.alpha))
        if self.intercepts == "hidden":
            precision[intercepts & ~predictor.hidden_intercepts] = 0.0
        elif not self.intercepts:
            precision[intercepts] = 0.0
        return precision

    def __str__(self) -> str:
        return repr(self) if self.intercepts else f"L2({self.alpha:g})"


_NAMED: dict[str | None, Penalty] = {"weak": Weak(), None: Unpenalised()}


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
            f"penalty={penalty!r} has no precision(predictor, intercepts, response_scale); "
            "use 'weak', None or deepglm.penalties.L2(alpha)."
        )
    return penalty


def precisions(
    penalty: Penalty, predictor: Predictor, intercepts: Mask, response_scale: float
) -> Array:
    """Precision of every coefficient, checked: a penalty may be the user's own.

    Parameters
    ----------
    penalty
        What is preferred.
    predictor, intercepts, response_scale
        As in :meth:`Penalty.precision`.
    """
    values = np.asarray(penalty.precision(predictor, intercepts, response_scale), dtype=np.float64)
    if values.shape != (predictor.size,) or not (np.isfinite(values) & (values >= 0)).all():
        raise SpecificationError(
            f"penalty={penalty!r} gives precisions of shape {values.shape}; {predictor.size} "
            "finite numbers, none negative, are needed, one per coefficient."
        )
    return values

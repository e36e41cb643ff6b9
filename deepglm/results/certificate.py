"""The certificate of a fit with names: units, coefficients and columns as the summary has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepglm.inference.fitted import Array, Mask
from deepglm.results.report_formats import TableReport, facts_report
from deepglm.solvers import Certificate, Status
from deepglm.solvers.certificate import DECREMENT, EIGENVALUE

__all__ = [
    "NamedCertificate",
    "by_size",
    "combination",
    "fit_names",
    "loadings",
    "named_certificate",
    "some",
]

HARDLY = 1e10
"""Condition of the scaled information above which a combination is hardly determined."""


@dataclass(frozen=True, eq=False, repr=False)
class NamedCertificate:
    """What is known about the point that a fit returned.

    A certified fit is a strict local maximum of the (penalised) likelihood: a full Newton step
    would gain less than 1e-6 log-likelihood units, and the smallest eigenvalue of the observed
    information, scaled to a unit diagonal, exceeds 1e-9. A notebook shows it as a table.

    Parameters
    ----------
    status
        The verdict, a named value with its sentence and remedy.
    decrement
        What a full Newton step would still gain, in log-likelihood units.
    smallest_eigenvalue
        Of the penalised observed information on a unit-diagonal scale.
    condition
        Its largest over its smallest eigenvalue; infinite where that is not positive.
    rank, size
        Its rank, to 1e-7 of its largest eigenvalue, and the number of estimated parameters.
    saturated
        Hidden units that are a step function on the rows.
    dead
        Hidden units that do not vary over the rows, or whose effect is nothing.
    duplicate
        Groups of hidden units of a layer whose correlation is 1 or -1, nearly.
    separating
        Coefficients of the combination of columns that separates the responses, by column and in
        the user's units: no row has a response below the upper end of its range where the
        combination is positive, or above the lower end where it is negative. The most important
        slope is 1 or -1 and comes first. Empty where nothing is separated.
    weakest
        The combination of coefficients about which least is known: the vector of the smallest
        eigenvalue, on the scale of the fit. Squares add up to one; the largest comes first.

    Examples
    --------
    >>> import deepglm as dg
    >>> trees = dg.datasets.load("trees")
    >>> fit = dg.DeepGLM("Volume ~ Girth + Height", trees, dg.Gamma(), hidden=()).fit()
    >>> fit.certificate.certified, fit.certificate.rank
    (True, 3)
    >>> fit.certificate.weakest.index[0]
    'Girth'
    """

    status: Status
    decrement: float
    smallest_eigenvalue: float
    condition: float
    rank: int
    size: int
    saturated: tuple[str, ...]
    dead: tuple[str, ...]
    duplicate: tuple[tuple[str, ...], ...]
    separating: pd.Series
    weakest: pd.Series

    @property
    def certified(self) -> bool:
        """Whether standard errors may be given."""
        return self.status is Status.CERTIFIED

    @property
    def hardly_determined(self) -> tuple[str, ...]:
        """The two or three coefficients that load most on a combination with next to no curvature.

        Empty where the condition is below 1e10, and at a saddle, which curves the wrong way.
        """
        if self.condition <= HARDLY or not abs(self.smallest_eigenvalue) <= EIGENVALUE:
            return ()
        return tuple(self.weakest.index[_heavy(self.weakest)][:3])

    def table(self) -> TableReport:
        """The certificate as text, HTML, LaTeX or CSV, as :meth:`DeepGLMResults.summary`."""
        title = f"Certificate: {self.status.name.lower().replace('_', ' ')}"
        note = "" if self.certified else f"{self.status.sentence}; {self.status.remedy}."
        return facts_report(title, self._facts(), note)

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "Decrement", f"{self.decrement:.1e} log-likelihood units (limit {DECREMENT:.0e})"
        yield (
            "Smallest eigenvalue",
            f"{self.smallest_eigenvalue:.1e} of the scaled information (limit {EIGENVALUE:.0e})",
        )
        yield "Condition", f"{self.condition:.1e}"
        yield "Rank", f"{self.rank} of {self.size}"
        if len(self.weakest):
            yield "Least determined", loadings(self.weakest)
        yield "Saturated units", some(self.saturated) or "none"
        yield "Dead units", some(self.dead) or "none"
        yield "Duplicate units", some([" = ".join(same) for same in self.duplicate]) or "none"
        yield "Separating direction", combination(self.separating, 6) or "none"

    def __str__(self) -> str:
        return str(self.table().as_text())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.table().as_html()


def some(names: Sequence[str], most: int = 6) -> str:
    """Names in a row, the first few of them; empty where there are none."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def combination(coefficients: pd.Series, most: int = 3) -> str:
    """A linear combination in words, its first few terms; empty where there are none."""
    text = ""
    for name, value in coefficients.iloc[:most].items():
        sign = ("" if value > 0 else "-") if not text else (" + " if value > 0 else " - ")
        number = "" if abs(value) == 1.0 else f"{abs(value):.4g} "
        text += f"{sign}{number}{name}"
    more = len(coefficients) - most
    return text + (f" ... ({more} more)" if more > 0 else "")


def loadings(weakest: pd.Series) -> str:
    """The two or three coefficients that load most on a direction, with their loadings."""
    terms = weakest[_heavy(weakest)].iloc[:3].items()
    return ", ".join(f"{name} ({value:+.2f})" for name, value in terms)


def _heavy(weakest: pd.Series) -> Mask:
    """Which loadings are worth naming."""
    size = np.abs(weakest.to_numpy())
    return np.asarray(size > 0.2 * size.max(initial=0.0))


def named_certificate(model: Any, certificate: Certificate) -> NamedCertificate:
    """Put names on the numbers of a certificate.

    Parameters
    ----------
    model
        The model that was fitted.
    certificate
        What its fit found, by number.
    """
    names = fit_names(model)
    return NamedCertificate(
        certificate.status,
        certificate.decrement,
        certificate.smallest_eigenvalue,
        certificate.condition,
        certificate.rank,
        certificate.size,
        certificate.units.saturated,
        certificate.units.dead,
        certificate.units.duplicate,
        _separating(model, certificate.separation),
        by_size(certificate.weakest, certificate.weakest, names),
    )


def fit_names(model: Any) -> list[str]:
    """Names of the parameters in the order of a fit."""
    units = model._units
    names = [*model.predictor.names(*units.column_names[:1], units.column_names[1:])]
    return names + list(model._adapted.aux_names)


def _separating(model: Any, direction: Array) -> pd.Series:
    """A separating direction in the user's units, its most important slope first and of size 1."""
    units, k = model._units, model.predictor.size
    if not direction[:k].any():
        return pd.Series(dtype=float)
    order = list(units.order)
    inside = np.zeros(units.size)
    inside[:k] = direction[:k]
    in_user_units = units.along(inside)
    slope = np.ones(units.size, dtype=bool)
    slope[:k] = ~model._problem.intercept
    slopes = np.where(slope, inside, 0.0)[order]
    if model.predictor.k_eta > 1:  # internal linear predictors are mixtures of those reported
        slopes = np.where(slope[order], in_user_units, 0.0)
    largest = int(np.abs(slopes if slopes.any() else inside[order]).argmax())
    return by_size(in_user_units / abs(in_user_units[largest]), slopes, model.exog_names)


def by_size(values: Array, size: Array, names: Sequence[str]) -> pd.Series:
    """Values that are not zero, named, in the order of something's absolute size."""
    order = np.argsort(-np.abs(size), kind="stable")
    order = order[np.abs(values[order]) > 1e-12 * np.abs(values).max(initial=0.0)]
    return pd.Series(values[order], index=[names[j] for j in order])

"""What the data say about the single coefficients of a fit, with names and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from deepglm.inference.identification import REGULAR, Identification
from deepglm.results.certificate import by_size, fit_names, loadings, some
from deepglm.results.estimate import Estimate
from deepglm.results.report_formats import TableReport, facts_report
from deepglm.solvers.certificate import RANK

__all__ = ["NamedIdentification", "identification_line", "named_identification"]

_DIRECTIONS = 4
"""Null directions that are printed; the record has all of them."""

_LIGHTS = {
    "numerically regular": f"the eigenvalue ratio exceeds {REGULAR:.0e}. This is necessary for "
    "errors of single coefficients to mean something, not sufficient",
    "weakly identified": f"the eigenvalue ratio is below {REGULAR:.0e}, so errors of single "
    "coefficients are indicative at most. Effects and predictions may be well determined",
    "singular": f"directions below {RANK:.0e} of the largest eigenvalue are not determined, so "
    "single coefficients have no error. Effects and predictions may be well determined",
}


@dataclass(frozen=True, eq=False, repr=False)
class NamedIdentification:
    """Whether the data determine the single coefficients of a fit.

    Everything is judged by the expected information without the penalty, scaled to a unit diagonal.
    A notebook shows it as a table.

    Parameters
    ----------
    light
        "numerically regular", "weakly identified" or "singular".
    rank, size
        Directions that are determined, to 1e-7 of the largest eigenvalue, and estimated parameters.
    condition
        Largest over smallest eigenvalue.
    null
        Combinations of coefficients that are not determined, each with a coefficient that no other
        one has; on the scale of the information, the largest loading being 1.
    weakest
        The combination about which least is known; squares of its loadings add up to one.
    weights
        By hidden unit of the last layer, absolute value over standard error of its output weight:
        of a unit whose weight is pinned, of the size of its slopes.
    saturated, dead
        Hidden units that are a step function on the rows, or do nothing there.
    duplicate
        Groups of hidden units of a layer whose correlation is 1 or -1, nearly.
    gate
        What fits with a unit fewer say, in words; empty where none were made. :meth:`with_gate`
        puts it there.
    certified
        Whether the fit is; where it is not, this is about the point where the search ended.

    References
    ----------
    Catchpole and Morgan (1997), Biometrika 84, 187-196.

    Examples
    --------
    >>> import deepglm as dg
    >>> trees = dg.datasets.load("trees")
    >>> fit = dg.DeepGLM("Volume ~ Girth + Height", trees, dg.Gamma(), hidden=(1,)).fit(seed=1)
    >>> found = fit.identification
    >>> found.light, found.rank, found.size
    ('weakly identified', 7, 7)
    """

    light: str
    rank: int
    size: int
    condition: float
    null: tuple[pd.Series, ...]
    weakest: pd.Series
    weights: pd.Series
    saturated: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    duplicate: tuple[tuple[str, ...], ...] = ()
    gate: str = ""
    certified: bool = True

    @property
    def ratio(self) -> float:
        """Smallest over largest eigenvalue."""
        return 1.0 / self.condition

    @property
    def least_t(self) -> float:
        """Smallest absolute value over standard error of the output weights; NaN without any."""
        return float(self.weights.min(skipna=False)) if len(self.weights) else np.nan

    @property
    def line(self) -> str:
        """The report in one line."""
        return identification_line(self)

    def with_gate(self, found: pd.Series) -> NamedIdentification:
        """Return the same report with what :meth:`DeepGLMResults.parsimony` found.

        Parameters
        ----------
        found
            What ``results.parsimony()`` returned; it fits the model with one unit fewer.
        """
        words = (
            f"every unit is needed: BIC {found['bic']:.1f}, and {found['bic_one_fewer']:.1f} with "
            "one fewer"
        )
        return replace(self, gate=words if found["passes"] else str(found["reason"]))

    def frame(self) -> pd.DataFrame:
        """Loadings of the null directions and of the weakest one, by coefficient."""
        columns = {f"null{k}": one for k, one in enumerate(self.null, 1)}
        columns["weakest"] = self.weakest
        frame = pd.DataFrame(columns).fillna(0.0)
        order = frame.abs().max(axis=1).sort_values(ascending=False, kind="stable")
        return frame.loc[order.index]

    def table(self) -> TableReport:
        """The report as text, HTML, LaTeX or CSV, as :meth:`DeepGLMResults.summary`."""
        note = _LIGHTS[self.light] if len(self.weights) else ""
        if not self.certified:
            note = f"the fit is not certified: this is where its search ended. {note}"
        return facts_report(f"Identification: {self.light}", self._facts(), note)

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "Rank", f"{self.rank} of {self.size}"
        yield "Condition", f"{self.condition:.1e}, an eigenvalue ratio of {self.ratio:.1e}"
        for k, direction in enumerate(self.null[:_DIRECTIONS]):
            yield "Not determined" if k == 0 else "", loadings(direction)
        if len(self.null) > _DIRECTIONS:
            yield "", f"and {len(self.null) - _DIRECTIONS} more directions (see .null)"
        if not self.null:
            yield "Least determined", loadings(self.weakest)
        if not len(self.weights):
            return
        yield "Output weights", _least(self.weights)
        yield "Saturated units", some(self.saturated) or "none"
        yield "Dead units", some(self.dead) or "none"
        yield "Duplicate units", some([" = ".join(same) for same in self.duplicate]) or "none"
        yield "A unit fewer", self.gate or "not fitted (results.parsimony() does)"

    def __str__(self) -> str:
        return str(self.table().as_text())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.table().as_html()


def _least(weights: pd.Series) -> str:
    """Which unit's output weight is least clear, and how clear."""
    if weights.isna().any():
        return "no standard errors"
    return f"smallest |t| {weights.min():.2f}, of {weights.idxmin()}"


def identification_line(found: NamedIdentification) -> str:
    """Rank, condition, verdict and least clear output weight, for a summary."""
    text = (
        f"identification: {found.light}, rank {found.rank} of {found.size}, "
        f"condition {found.condition:.1e}"
    )
    if len(found.weights) and not found.weights.isna().any():
        text += f", output weights: {_least(found.weights)}"
    return text + (f"; {found.gate}" if found.gate else "")


def named_identification(
    model: Any, estimate: Estimate, found: Identification, gate: str = ""
) -> NamedIdentification:
    """Put names on the numbers of an identification.

    Parameters
    ----------
    model
        The model that was fitted.
    estimate
        Where the fit ended.
    found
        What the data say, by number.
    gate
        What fits with a unit fewer say, in words.
    """
    # a dispersion has a name there, and is not among what is estimated like a coefficient
    names = [name for name, use in zip(fit_names(model), estimate.free, strict=False) if use]
    units = estimate.certificate.units
    return NamedIdentification(
        found.light,
        found.rank,
        found.size,
        found.condition,
        tuple(by_size(direction, direction, names) for direction in found.null.T),
        by_size(found.weakest, found.weakest, names),
        pd.Series(found.weights.t, index=_unit_names(model, found), dtype=float),
        units.saturated,
        units.dead,
        units.duplicate,
        gate,
        estimate.certificate.certified,
    )


def _unit_names(model: Any, found: Identification) -> list[str]:
    networks = model.predictor.networks
    names = []
    for term, unit in zip(found.weights.term, found.weights.unit, strict=True):
        prefix = f"deep{term + 1}." if len(networks) > 1 else ""
        names.append(f"{prefix}layer{len(networks[term].units)}.unit{unit + 1}")
    return names

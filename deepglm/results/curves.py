"""Partial dependence of the response on an input, with bands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special, stats

from deepglm.data import Change, Input, as_floats, row_runs
from deepglm.errors import (
    DataError,
    NotAvailableError,
    SpecificationError,
    probability,
    truth_value,
    whole_number,
)
from deepglm.families import MeanFamily
from deepglm.inference.averages import Averages, Weighting
from deepglm.inference.curves import critical_value, tangent_leverage, weighted_quantiles
from deepglm.inference.fitted import Array, Mask
from deepglm.inference.inputs import Levels
from deepglm.inference.prediction import accepted
from deepglm.results.estimated import SET_ASIDE, measured
from deepglm.results.margins import ESTIMANDS, one_of
from deepglm.results.places import Ground, ground_of, input_named, moves_aliased

__all__ = ["Curve", "accumulated_effects", "partial_dependence"]

PROBED = 256
"""Rows whose leverage is looked at when they are moved."""

Numbers = npt.NDArray[np.intp]

LARGE = 1e100
"""Averages beyond which squares of errors overflow; such points have none."""

HELD = 0.99
"""Quantile of the leverages of the rows, beyond which a moved row is no longer held by data."""


@dataclass(frozen=True)
class Curve:
    """What a curve is to be.

    Parameters
    ----------
    grid
        Number of points, or the points; of pieces, where effects are accumulated.
    which
        The statistic; None is the family's first.
    centred
        Whether the average of the curve over the data is taken off.
    alpha
        One minus the probability of the limits.
    x
        "random" or "fixed".
    """

    grid: Any = 50
    which: str | None = None
    centred: bool = False
    alpha: float = 0.05
    x: str = "random"


def partial_dependence(results: Any, name: str, curve: Curve) -> pd.DataFrame:
    """Average a statistic with an input at each of some values."""
    centred = truth_value("centred", curve.centred)
    asked = _asked(results, name, curve)
    one, ground = asked.input, asked.ground
    points = _points(ground, one, curve.grid)
    changes = [ground.at(one, point) for point in points]
    repeats = ground.place.outcome.size
    with np.errstate(all="ignore"):  # means far away may overflow
        at, known = _finite_points(results, ground, changes)
        C = np.eye(int(known.sum()))
        if centred:
            shares = _shares(ground, one, points)
            C, at = C - shares[:, known], at - shares[:, known] @ at[known]
            if (shares[0, ~known] > 0.0).any():  # the centre is not finite
                C, at = np.full_like(C, np.nan), np.full_like(at, np.nan)
        combined = np.asarray(np.kron(C, np.eye(repeats)), dtype=np.float64)
        levels = Levels(ground.place, [changes[k] for k in np.flatnonzero(known)])
        averages = _linear([levels], ground, combined)
        frame = asked.framed(averages, points, _IDENTITY if centred else asked.scale, (known, at))
        beyond = _beyond(results, ground, changes)
    frame.attrs["centred"] = bool(centred)
    frame["beyond"] = np.tile(beyond, repeats)
    frame["extrapolated"] = np.tile(_outside(ground, one, points) | (beyond > 0.5), repeats)
    return frame


def _finite_points(
    results: Any, ground: Ground, changes: list[tuple[Change, ...]]
) -> tuple[Array, Mask]:
    """(k, S) averages at points, and (k,) which of them are small enough to have errors."""
    S = ground.place.outcome.size
    every = _linear([Levels(ground.place, changes)], ground, np.eye(len(changes) * S))
    at = every.averages(results._numbers.fitted.theta, ground.share).reshape(-1, S)
    return at, np.asarray((np.abs(at) < LARGE).all(axis=1))


def accumulated_effects(results: Any, name: str, curve: Curve) -> pd.DataFrame:
    """Add up average differences between the ends of short pieces of an input's range."""
    asked = _asked(results, name, curve)
    one, ground = asked.input, asked.ground
    if one.is_factor:
        raise NotAvailableError(
            f"accumulated_effects: the levels of {name} have no distances. compare({name!r}) "
            "compares them."
        )
    x, share = ground.values(name), ground.share
    edges = _edges(x, share, whole_number("bins", curve.grid, 1))
    piece = np.clip(np.searchsorted(edges, x, side="left") - 1, 0, len(edges) - 2)
    here = np.array([piece == k for k in range(len(edges) - 1)], dtype=np.float64)
    levels = Levels(ground.place, [ground.at(one, edges[piece + end]) for end in (1, 0)])
    combined = _accumulated(here @ share, ground.place.outcome.size)
    averages = _linear([levels], ground, combined, Weighting(here, here))
    frame = asked.framed(averages, [float(edge) for edge in edges], _IDENTITY)
    frame.attrs["centred"] = True
    return frame.assign(extrapolated=False)


def _edges(x: Array, share: Array, bins: int) -> Array:
    """Ends of pieces with about as many rows in each."""
    edges = np.unique(weighted_quantiles(x, share, np.linspace(0.0, 1.0, bins + 1)))
    if len(edges) < 2:
        raise DataError("accumulated_effects needs an input that varies; this one has one value.")
    return np.asarray(edges)


def _accumulated(share: Array, outcomes: int) -> Array:
    """From averages at the upper and lower ends of pieces to the centred sum of differences."""
    k = len(share)
    total = np.vstack((np.zeros(k), np.tril(np.ones((k, k)))))
    centre = share @ (0.5 * (total[1:] + total[:-1]))
    C = total - centre
    out = np.zeros((k + 1, outcomes, 2, outcomes, k))
    for s in range(outcomes):
        out[:, s, 0, s], out[:, s, 1, s] = C, -C
    return out.reshape((k + 1) * outcomes, -1)


def _linear(
    quantities: list[Levels], ground: Ground, C: Array, weighting: Weighting | None = None
) -> Averages:
    """Linear combinations of averages."""
    return Averages(quantities, ground.share, lambda a: np.asarray(C @ a), lambda _: C, weighting)


# -- what is asked, and the frame of it ---------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Asked:
    """A curve that was asked for, checked."""

    results: Any
    input: Input
    which: str
    ground: Ground
    alpha: float
    population: bool

    @property
    def scale(self) -> _Scale:
        """The scale on which its limits are symmetric."""
        return _scale(self.results._numbers.fitted.given, self.which)

    def framed(
        self,
        averages: Averages,
        points: list[Any],
        scale: _Scale,
        some: tuple[Mask, Array] | None = None,
    ) -> pd.DataFrame:
        """Values at points with their limits, an outcome after the other.

        Parameters
        ----------
        some
            (k,) which points the averages are about, and (k, S) values of all.
        """
        results = self.results
        S = self.ground.place.outcome.size
        uncertainty = results._uncertainty_of_curves
        moves = moves_aliased(results._model._data, self.input)
        known, values = some or (np.ones(len(points), dtype=bool), np.empty((len(points), S)))
        values, unknown, here = values.ravel(), np.zeros(len(points) * S, bool), np.repeat(known, S)
        cov = np.full((len(values),) * 2, np.nan)
        if known.any():
            values[here], cov[np.ix_(here, here)], unknown[here] = measured(
                results,
                uncertainty,
                averages.functional(self.population),
                self.ground.share,
                np.full(int(here.sum()), moves),
            )
        frames = []
        for s in range(S):
            mine = np.arange(s, len(values), S)
            frame = _limits(values[mine], cov[np.ix_(mine, mine)], self.alpha, scale)
            frame.insert(0, "value", points)
            frames.append(frame)
        found = pd.concat(frames, ignore_index=True)
        labels = results._numbers.fitted.given.statistic_labels(self.which)
        if len(labels):
            found.insert(0, "outcome", np.repeat(np.array(labels, dtype=object), len(points)))
        reason = results._why_not if uncertainty is None else uncertainty.name
        found.attrs = {
            "input": self.input.name,
            "which": self.which,
            "response": results.model.endog_names,
            "level": 1.0 - self.alpha,
            "errors": SET_ASIDE if unknown.any() else str(reason),
        }
        return found


def _asked(results: Any, name: str, curve: Curve) -> _Asked:
    alpha, x = probability("alpha", curve.alpha), one_of(curve.x, ESTIMANDS, "x")
    one = input_named(results._model._data, name)
    which = accepted(results._numbers.fitted.given, curve.which)
    return _Asked(results, one, which, ground_of(results, which), alpha, x == "random")


# -- limits -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scale:
    """A scale on which intervals are symmetric: there, its derivative, and back."""

    there: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    back: Callable[[Array], Array]


_IDENTITY = _Scale(lambda a: a, lambda a: np.ones_like(a), lambda a: a)
_LOGIT = _Scale(special.logit, lambda a: 1.0 / (a * (1.0 - a)), special.expit)


def _scale(family: Any, which: str) -> _Scale:
    """That of the link for a mean, the logit for probabilities, else the statistic's own."""
    if isinstance(family, MeanFamily) and which == "mean":
        link = family.link
        return _Scale(link.link, lambda a: 1.0 / link.evaluate(link.link(a), 1)[1], link.inverse)
    return _LOGIT if which in ("prob", "cumprob", "prob_uncensored") else _IDENTITY


def _limits(values: Array, cov: Array, alpha: float, scale: _Scale) -> pd.DataFrame:
    se = np.sqrt(np.maximum(np.diag(cov), 0.0))
    point = float(stats.norm.ppf(1.0 - alpha / 2.0))
    band = critical_value(cov, alpha) if np.isfinite(se).any() else np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        middle, wide = scale.there(values), np.abs(scale.slope(values)) * se
        ends = [scale.back(middle + c * wide) for c in (-point, point, -band, band)]
    lower, upper = np.sort(ends[:2], axis=0)
    low, high = np.sort(ends[2:], axis=0)
    return pd.DataFrame(
        {
            "estimate": values,
            "se": se,
            "lower": lower,
            "upper": upper,
            "band_lower": low,
            "band_upper": high,
        }
    )


# -- points -------------------------------------------------------------------------------------


def _points(ground: Ground, one: Input, grid: Any) -> list[Any]:
    if one.is_factor and (np.ndim(grid) or one.levels):
        return list(grid) if np.ndim(grid) else list(one.levels)
    if one.is_factor:
        raise SpecificationError(f"{one.name} has many values: give some of them as grid=.")
    if np.ndim(grid):
        points = np.unique(as_floats(grid, "grid"))
        if len(points) == 0 or not np.isfinite(points).all():
            raise DataError("grid has no points, or one that is not finite; give numbers.")
        return [float(point) for point in points]
    seen = np.unique(ground.seen(one.name))
    if len(seen) <= whole_number("grid", grid, 2):
        return [float(value) for value in seen]
    return [float(point) for point in np.linspace(seen[0], seen[-1], int(grid))]


def _shares_of_levels(ground: Ground, one: Input, points: list[Any]) -> Array:
    """(k,) shares of the rows at each level."""
    values = np.asarray(ground.maker.seen[one.name])
    return np.array([ground.share[values == point].sum() for point in points])


def _shares(ground: Ground, one: Input, points: list[Any]) -> Array:
    """(1, k) shares of the rows that are nearest to each point."""
    if one.is_factor:
        shares = _shares_of_levels(ground, one, points)
    else:
        at = np.array(points)
        near = np.searchsorted(0.5 * (at[1:] + at[:-1]), ground.values(one.name))
        shares = np.bincount(near, ground.share, len(points)).astype(np.float64)
    return np.asarray(shares / shares.sum())[None]


def _outside(ground: Ground, one: Input, points: list[Any]) -> Mask:
    if one.is_factor:
        return np.asarray(_shares_of_levels(ground, one, points) == 0.0)
    x, at = ground.seen(one.name), np.array(points)
    return np.asarray((at < x.min()) | (at > x.max()))


def _beyond(results: Any, ground: Ground, changes: list[tuple[Change, ...]]) -> Array:
    """(k,) share of moved rows with more leverage than 99 of 100 rows as they are."""
    numbers = results._numbers
    if numbers.withheld or numbers.normalized is None:
        return np.full(len(changes), np.nan)
    fitted = numbers.fitted
    root = np.asarray(np.linalg.cholesky(_symmetric(numbers.normalized)), dtype=np.float64)
    designs = ground.place.designs
    own = np.concatenate(
        [
            tangent_leverage(fitted, root, tuple(X[:, lo:hi] for X in designs))
            for lo, hi in row_runs(ground.place.n, 2048)
        ]
    )
    limit = weighted_quantiles(own, ground.share, np.array([HELD]))[0]
    rows, weight = _probed(numbers.fitted.rows.freq)
    found = []
    for change in changes:
        moved = [X[:, rows].copy() for X in designs]
        for X, one in zip(moved, change, strict=True):
            X[one.numbers] = one.fixed[:, None]
            if len(one.varying):
                X[one.numbers[one.varying]] = one.rows[:, rows]
        held = tangent_leverage(fitted, root, tuple(moved)) <= (1.0 + 1e-9) * limit
        found.append(float(weight @ ~held))
    return np.array(found)


def _probed(freq: Array) -> tuple[Numbers, Array]:
    """Rows that are moved, all or evenly among the copies that frequencies stand for, and shares.

    A row with a frequency of two counts as two rows, and one of zero not at all.
    """
    rows, below = np.flatnonzero(freq > 0.0), np.cumsum(freq)
    if max(len(rows), below[-1]) > PROBED:
        places = (np.arange(PROBED) + 0.5) / PROBED * below[-1]
        some, counts = np.unique(np.searchsorted(below, places, "right"), return_counts=True)
        return some, counts / PROBED
    return rows, freq[rows] / below[-1]


def _symmetric(N: Array) -> Array:
    """A covariance that a Cholesky root exists of."""
    return np.asarray(0.5 * (N + N.T) + 1e-12 * np.diag(np.diag(N)))

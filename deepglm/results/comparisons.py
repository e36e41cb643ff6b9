"""Comparisons of the response at two values of an input, by g-computation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from deepglm.data import Change, Input
from deepglm.errors import DataError, NotAvailableError, SpecificationError
from deepglm.inference.averages import Averages, Weighting
from deepglm.inference.fitted import Array
from deepglm.inference.inputs import Levels
from deepglm.inference.prediction import accepted
from deepglm.results.estimated import Estimated, Labels, errors_note, measured
from deepglm.results.frozen import on_kept_rows
from deepglm.results.margins import ESTIMANDS, chosen_inputs, one_of, zero_one
from deepglm.results.places import Ground, ground_of, moves_aliased, number_of

KINDS = ("difference", "ratio", "odds ratio")

__all__ = ["Asked", "compared"]


@dataclass(frozen=True)
class Asked:
    """What is to be compared, and how.

    Parameters
    ----------
    low, high
        Values of an input; None for what `by` and the reference say.
    by
        How far a number moves: "sd", or a number.
    kind
        "difference", "ratio" or "odds ratio".
    groups
        Groups of rows that are averaged apart.
    per
        "exposure" for rates, else None.
    which
        The statistic; None is the family's first.
    x
        "random" or "fixed".
    """

    low: Any = None
    high: Any = None
    by: Any = "sd"
    kind: str = "difference"
    groups: Any = None
    per: str | None = None
    which: str | None = None
    x: str = "random"


_Values = tuple[str, tuple[Change, ...], tuple[Change, ...]]


@dataclass(frozen=True)
class _Pair:
    """Two values of an input and what their comparison is called."""

    name: str
    high: tuple[Change, ...]
    low: tuple[Change, ...]
    suspect: bool


MANY = 50
"""Groups by a number at most."""


def compared(results: Any, inputs: Any, asked: Asked) -> Estimated:
    """Compare averages of a statistic, everybody at one value against everybody at another."""
    kind, x = one_of(asked.kind, KINDS, "kind"), one_of(asked.x, ESTIMANDS, "x")
    family = results._numbers.fitted.given
    which = accepted(family, asked.which)
    ground = ground_of(results, which)
    if kind == "odds ratio" and family.reading not in _OF_CLASSES:
        raise SpecificationError(
            f"kind='odds ratio' is for probabilities, and the {family.name} family has means; use "
            "kind='ratio' for risk and rate ratios."
        )
    data, pairs, out_of_reach, far = results._model._data, [], [], []
    for one, wanted in _wanted(results, inputs, asked):
        try:
            found_pairs = _pairs(ground, one, wanted)
        except DataError as error:
            if inputs is not None:
                raise
            out_of_reach.append(f"{one.name}: {error}")
            continue
        pairs += [_Pair(*values, moves_aliased(data, one)) for values in found_pairs]
        far += _extrapolated(ground, one, wanted)
    if not pairs:
        raise DataError(" ".join(out_of_reach))
    names, weighting = _weighting(results, asked)
    averages = _averages(ground, pairs, weighting, kind)
    functional = averages.functional(x == "random")
    each = ground.place.outcome.size * (1 if weighting is None else len(weighting.top))
    suspect = np.repeat([pair.suspect for pair in pairs], each)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = measured(results, results._uncertainty, functional, ground.share, suspect)
    if kind != "difference" and np.isnan(found.values[~found.unknown]).any():
        raise SpecificationError(
            f"kind={kind!r} needs averages {'between 0 and 1' if 'odds' in kind else 'above zero'},"
            " and some are not; use kind='difference'."
        )
    index = _index([pair.name for pair in pairs], family.statistic_labels(which), names)
    labels = _labels(results, asked, which, kind, x)
    labels = replace(labels, notes=(*labels.notes, *far, *out_of_reach))
    return Estimated(index, found.values, found.cov, labels.with_unknown(index, found.unknown))


_OF_CLASSES = ("proportion", "classes", "ordered")


def _wanted(results: Any, inputs: Any, asked: Asked) -> list[tuple[Input, Asked]]:
    """Every input that is compared, and at which values."""
    chosen = chosen_inputs(results, list(inputs) if isinstance(inputs, Mapping) else inputs)
    given = asked.low is not None or asked.high is not None
    if isinstance(inputs, Mapping):
        if given:
            raise SpecificationError("low= and high= stand beside a mapping that has the values.")
        return [(one, _between(one, inputs[one.name], asked)) for one in chosen]
    if len(chosen) > 1 and given:
        raise SpecificationError(
            "low= and high= are values of one input. Give one, or by= for several, or a mapping of "
            "names to pairs, as in {'age': (40, 60)}."
        )
    return [(one, asked) for one in chosen]


def _between(one: Input, values: Any, asked: Asked) -> Asked:
    if not isinstance(values, Sequence | np.ndarray | pd.Series) or len(values) != 2:
        raise SpecificationError(
            f"{one.name!r} has {values!r}, and a pair is needed, the low and the high value."
        )
    low, high = values
    if isinstance(values, str):
        raise SpecificationError(
            f"{one.name!r} has {values!r}, and a pair is needed, the low and the high value."
        )
    return replace(asked, low=low, high=high)


def _pairs(ground: Ground, one: Input, asked: Asked) -> list[_Values]:
    """Names of the comparisons of an input, and its columns at the high and at the low value."""
    if one.is_factor:
        if not one.levels and (asked.low is None or asked.high is None):
            raise SpecificationError(f"{one.name} has many values: give low= and high= of it.")
        if np.ndim(asked.low) or np.ndim(asked.high):
            raise SpecificationError(
                f"low= and high= are single levels of {one.name}, not several."
            )
        low = one.reference if asked.low is None else asked.low
        highs = [level for level in one.levels if level != low]
        highs = highs if asked.high is None else [asked.high]
        at_low = ground.at(one, low)
        return [(f"{one.name}[{high} vs {low}]", ground.at(one, high), at_low) for high in highs]
    if (asked.low is None) != (asked.high is None):
        raise SpecificationError(f"give both low= and high= of {one.name}, or by=.")
    if asked.low is not None:
        number_of(one.name, "low", asked.low)
        number_of(one.name, "high", asked.high)
        name = f"{one.name}[{asked.high} vs {asked.low}]"
        return [(name, ground.at(one, asked.high), ground.at(one, asked.low))]
    x, share = ground.values(one.name), ground.share
    by_number = not isinstance(asked.by, str)
    if not by_number and asked.by != "sd" or np.ndim(asked.by) > 0 or asked.by is None:
        raise SpecificationError(f"by={asked.by!r}: accepted are 'sd' and a number.")
    if not by_number and zero_one(ground.seen(one.name)):
        return [(f"{one.name}[1 vs 0]", ground.at(one, 1.0), ground.at(one, 0.0))]
    if not by_number:
        by, name = float(np.sqrt(share @ (x - share @ x) ** 2)), f"{one.name}[+1 sd]"
    else:
        by = number_of(one.name, "by", asked.by)
        name = f"{one.name}[{by:+g}]"
    return [(name, ground.at(one, x + by), ground.at(one, x + 0.0))]


def _extrapolated(ground: Ground, one: Input, asked: Asked) -> list[str]:
    """Sentences on given values that lie outside of the data."""
    if one.is_factor or asked.low is None:
        return []
    x = ground.seen(one.name)
    low, high = float(x.min()), float(x.max())
    return [
        f"Extrapolation: {one.name} = {value} lies outside of the data, {low:.4g} to {high:.4g}."
        for value in (asked.low, asked.high)
        if not low <= float(value) <= high
    ]


# -- averages and functions of them -------------------------------------------------------------


def _averages(
    ground: Ground, pairs: Sequence[_Pair], weighting: Weighting | None, kind: str
) -> Averages:
    distinct: dict[int, tuple[Change, ...]] = {}
    for pair in pairs:
        distinct.setdefault(id(pair.high), pair.high)
        distinct.setdefault(id(pair.low), pair.low)
    place = {key: k for k, key in enumerate(distinct)}
    each = ground.place.outcome.size * (1 if weighting is None else len(weighting.top))
    block = np.arange(each)
    high = np.concatenate([place[id(pair.high)] * each + block for pair in pairs])
    low = np.concatenate([place[id(pair.low)] * each + block for pair in pairs])
    change, slope = _SCALES[kind]
    rows = np.arange(len(high))

    def value(averages: Array) -> Array:
        scaled = change(averages)
        return np.asarray(scaled[high] - scaled[low])

    def slopes(averages: Array) -> Array:
        steep = slope(averages)
        out = np.zeros((len(high), len(averages)))
        out[rows, high] += steep[high]
        out[rows, low] -= steep[low]
        return out

    levels = Levels(ground.place, list(distinct.values()))
    return Averages([levels], ground.share, value, slopes, weighting)


Scale = tuple[Callable[[Array], Array], Callable[[Array], Array]]

_SCALES: dict[str, Scale] = {
    "difference": (lambda a: a, lambda a: np.ones_like(a)),
    "ratio": (lambda a: np.asarray(np.log(a)), lambda a: 1.0 / a),
    "odds ratio": (lambda a: np.asarray(special.logit(a)), lambda a: 1.0 / (a * (1.0 - a))),
}


# -- groups and exposures -----------------------------------------------------------------------


def _weighting(results: Any, asked: Asked) -> tuple[list[Any], Weighting | None]:
    """Names of the groups, and which rows are in them, each with its exposure or counting one."""
    n = results._model._data.rows.n
    bottom = np.ones(n)
    if asked.per is not None:
        bottom = _exposure(results, asked.per)
    if asked.groups is None:
        return [], None if asked.per is None else Weighting(np.ones((1, n)), bottom[None])
    codes, names = pd.factorize(_groups(results, asked.groups), sort=True)
    if len(names) > MANY and np.asarray(names).dtype.kind in "iuf":
        raise SpecificationError(
            f"groups has {len(names)} different numbers, and {MANY} are accepted. Cut them into "
            "bands, as in groups=pd.cut(data['age'], 5), or give labels as texts."
        )
    here = np.array([codes == k for k in range(len(names))], dtype=np.float64)
    counted = here @ results._model._data.rows.freq > 0.0
    here = here[counted]
    return [n for n, c in zip(names, counted, strict=True) if c], Weighting(here, here * bottom)


def _exposure(results: Any, per: str) -> Array:
    given = results._model._data.variables.get("exposure")
    if per != "exposure":
        raise SpecificationError(f"per={per!r} is not known; accepted is 'exposure'.")
    if given is None:
        raise NotAvailableError(
            "per='exposure' divides by the exposure of the rows, and this model has none."
        )
    return np.asarray(given.values, dtype=np.float64)


def _groups(results: Any, groups: Any) -> Any:
    """(n,) labels of the rows kept, from the name of a variable or values of all rows."""
    data = results._model._data
    n, index = data.rows.n, data.index
    if isinstance(groups, str):
        if data.seen is not None and groups in data.inputs:
            return np.asarray(data.seen[groups])
        if groups in data.inputs:
            return data.values_of(groups)
        raise DataError(
            f"groups={groups!r} is not a variable that the model keeps; it keeps "
            f"{', '.join(data.inputs)}. Pass the values, as in groups=data[{groups!r}]."
        )
    if isinstance(groups, pd.Series):
        groups = on_kept_rows({"groups": groups}, index)["groups"]
    values = np.asarray(groups)
    if values.shape != (n,):
        raise DataError(
            f"groups has shape {values.shape} for {n} rows; give one label for every row, or a "
            "Series with the labels of the data."
        )
    if pd.isna(values).any():
        row = index[int(np.argmax(pd.isna(values)))]
        raise DataError(f"groups is missing in row {row!r}; give every row a label.")
    return values


# -- labels -------------------------------------------------------------------------------------


def _index(pairs: list[str], outcomes: Sequence[Any], groups: Sequence[Any]) -> pd.Index:
    parts: dict[str, Sequence[Any]] = {"input": pairs}
    if len(outcomes):
        parts["outcome"] = outcomes
    if len(groups):
        parts["group"] = groups
    if len(parts) == 1:
        return pd.Index(pairs)
    return pd.MultiIndex.from_product(list(parts.values()), names=list(parts))


def _labels(results: Any, asked: Asked, which: str, kind: str, x: str) -> Labels:
    of = f"average {which}" + (" per exposure" if asked.per else "")
    over = "the population that the rows come from" if x == "random" else "these rows, as fixed"
    notes = [
        f"Everybody at the first value against everybody at the second; averages over {over}.",
        errors_note(results._uncertainty, results._why_not),
    ]
    ratio = kind != "difference"
    if ratio:
        notes.append("Intervals of ratios are those of their logarithms, exponentiated.")
    tested = x == "random" or not results._deep
    if not tested:
        notes.append("z and P are shown for x='random' only: hidden layers.")
    return Labels(f"Comparisons: {kind} of the {of}", kind, tuple(notes), ratio, tested)

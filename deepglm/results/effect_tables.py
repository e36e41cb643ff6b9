"""Tables of effects, of the linear part and of terms with a meaning of their own, for summaries."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from deepglm.errors import NotAvailableError

__all__ = ["EffectTable", "effect_tables"]


class EffectTable(NamedTuple):
    """A table of a summary, and what it is about."""

    title: str
    frame: pd.DataFrame


def effect_tables(results: Any, alpha: float) -> list[EffectTable]:
    """Effects first, then the linear part, then terms that do not enter hidden layers.

    Parameters
    ----------
    results
        A fit with hidden layers.
    alpha
        Level of the intervals.
    """
    tables = [_effects(results, alpha)]
    linear = _linear_part(results, alpha)
    if linear is not None:
        tables.append(linear)
    own = _own_terms(results, alpha)
    if own is not None:
        tables.append(own)
    return tables


def _effects(results: Any, alpha: float) -> EffectTable:
    margins = results.get_margeff()
    effects, errors = np.atleast_1d(margins.margeff), np.atleast_1d(margins.margeff_se)
    names, which = list(margins.results.model.exog_names), margins.results._names
    limits = np.asarray(margins.conf_int(alpha))
    effects_of_classes = effects.ndim == 2
    if effects_of_classes:  # a row for every input and class
        names = [f"{name}, {one}" for name in names for one in which]
        effects, errors = effects.ravel(), errors.ravel()
        limits = limits.swapaxes(1, 2).reshape(-1, 2)
    frame = pd.DataFrame(
        {
            "effect": effects,
            "std err": errors,
            f"[{alpha / 2:g}": limits[..., 0].ravel(),
            f"{1 - alpha / 2:g}]": limits[..., 1].ravel(),
        },
        index=names,
    )
    which_of = "the probability of each class" if effects_of_classes else "the mean"
    title = f"Average effects of the inputs on {which_of}, in the population"
    tests = results._beside.inputs
    return EffectTable(title, frame if tests is None else _with_tests(frame, tests))


def _with_tests(frame: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Effects with the p-values of their inputs, on a line of its own where there are several."""
    inputs = [_input_of(name, list(tests.index)) for name in frame.index]
    names: list[str] = []
    values: list[list[float]] = []
    nothing = [np.nan] * frame.shape[1]
    for name, one, row in zip(frame.index, inputs, frame.to_numpy().tolist(), strict=True):
        p = [np.nan] * 2 if one is None else [float(tests[p][one]) for p in _TESTS.values()]
        if inputs.count(one) == 1:
            names.append(name)
            values.append([*row, *p])
            continue
        if str(one) not in names:
            names.append(str(one))
            values.append([*nothing, *p])
        names.append(f"  {name}")
        values.append([*row, np.nan, np.nan])
    return pd.DataFrame(values, index=names, columns=[*frame.columns, *_TESTS])


_TESTS = {"P 1st order": "pvalue", "P any form": "pvalue_any"}


def _input_of(name: str, inputs: list[str]) -> str | None:
    """The input that an effect is one of: the longest name that its own begins with."""
    fits = [one for one in inputs if name == one or name.startswith((f"{one}[", f"{one}, "))]
    return max(fits, key=len) if fits else None


def _linear_part(results: Any, alpha: float) -> EffectTable | None:
    """Of what enters hidden layers; other terms have a table of their own."""
    try:
        frame = results.linear_part().summary_frame(alpha)
    except NotAvailableError:
        return None
    own = results.params.index[results._own]
    return EffectTable(
        "Linear part: projection of the linear predictor", frame[~frame.index.isin(own)]
    )


def _own_terms(results: Any, alpha: float) -> EffectTable | None:
    own = results._own & results._shown
    if not own.any():
        return None
    letter = "t" if results.use_t else "z"
    limits = results.conf_int(alpha)
    frame = pd.DataFrame(
        {
            "coef": results.params,
            "std err": results.bse,
            letter: results.tvalues,
            f"P>|{letter}|": results.pvalues,
            f"[{alpha / 2:g}": limits[0],
            f"{1 - alpha / 2:g}]": limits[1],
        }
    )
    return EffectTable("Terms that do not enter hidden layers", frame[own])

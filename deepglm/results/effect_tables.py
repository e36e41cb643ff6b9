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
    if effects.ndim == 2:  # a row for every input and class
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
    tests = results._beside.inputs
    if tests is not None:
        inputs = [_input_of(name, list(tests.index)) for name in names]
        first = [one not in inputs[:k] for k, one in enumerate(inputs)]
        for label, column in (("P 1st order", "pvalue"), ("P any form", "pvalue_any")):
            frame[label] = [
                float(tests[column][one]) if new and one is not None else np.nan
                for one, new in zip(inputs, first, strict=True)
            ]
    return EffectTable("Average effects of the inputs on the mean, in the population", frame)


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

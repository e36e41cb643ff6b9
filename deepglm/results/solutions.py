"""Other optima that fit nearly as well, and what effects they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from deepglm.errors import NotAvailableError
from deepglm.inference.uncertainty import Functional, Resampled
from deepglm.results.margins import effect_functional

__all__ = ["mode_effects", "several_solutions"]

NEAR = 2.0
"""Log-likelihood units within which optima fit equally well."""

APART = 2.0
"""Standard errors by which effects have to differ for a note, and how much larger than the delta
method's errors those of refits have to be."""


def mode_effects(results: Any) -> pd.DataFrame:
    """Average effects of the inputs at every optimum that was kept (see ``DeepGLMResults``)."""
    names, f = effect_functional(results)
    modes = results._estimate.modes
    share = _share(results)
    values = [f.value(theta, share) for theta in results._mode_thetas]
    facts = {
        "penalized_llf": [results.penalized_llf, *(-mode.value for mode in modes[1:])],
        "hits": [mode.hits for mode in modes] or [1],
    }
    index = pd.RangeIndex(1, len(values) + 1, name="optimum")
    return pd.DataFrame(facts, index=index).join(pd.DataFrame(values, index, names))


def _share(results: Any) -> np.ndarray:
    freq = results._numbers.fitted.rows.freq
    return np.asarray(freq / freq.sum())


def several_solutions(results: Any) -> str:
    """What to say where optima that fit equally well have different effects; empty where not.

    Parameters
    ----------
    results
        A fit with hidden layers.
    """
    method = results._uncertainty
    if method is None:
        return ""
    try:
        names, f = effect_functional(results)
    except NotAvailableError:  # no effect has a number
        return ""
    errors = method.errors(f)
    parts = [_of_modes(results, names, f, errors)]
    if isinstance(method, Resampled) and method.delta is not None:
        found = np.std(method.values(f), axis=0, ddof=1)
        curvature = method.delta.errors(f)
        with np.errstate(divide="ignore", invalid="ignore"):  # an error of rounding is none
            known = np.isfinite(curvature) & (curvature > 1e-10 * found)
            times = np.where(known, found / curvature, np.nan)
        if np.nanmax(times, initial=0.0) > APART:
            k = int(np.nanargmax(times))
            parts.append(
                f"refits vary {times[k]:.1f} times as much in the effect of {names[k]} as the "
                "curvature at this optimum says"
            )
    said = [part for part in parts if part]
    return "several solutions fit equally well: " + "; ".join(said) if said else ""


def _of_modes(results: Any, names: list[str], f: Functional, errors: np.ndarray) -> str:
    modes, share = results._estimate.modes, _share(results)
    near = [k for k, mode in enumerate(modes) if k and mode.value - modes[0].value <= NEAR]
    if not near:
        return ""
    thetas = results._mode_thetas
    here = f.value(thetas[0], share)
    moved = np.array([np.abs(f.value(thetas[k], share) - here) for k in near])
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where(errors > 0, moved / errors, 0.0).max(axis=0)
    if not np.nanmax(apart, initial=0.0) > APART:
        return ""
    k = int(np.nanargmax(apart))
    return (
        f"{len(near)} more optima lie within {NEAR:g} log-likelihood units, and their effects of "
        f"{names[k]} differ from this one's by up to {apart[k]:.1f} standard errors "
        "(results.mode_effects())"
    )

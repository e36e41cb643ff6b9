"""Pictures of curves with bands."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.plots.drawing import _STYLES, _axes, _label, _need, _positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["curve"]

Array = npt.NDArray[np.float64]

_MARKS = 400
"""Marks of a rug at most, at quantiles of the values."""


_FEW = 6
"""Different values at most of an input whose own values are marked on the curve."""


def curve(frame: pd.DataFrame, rug: Array | None = None, ax: Axes | None = None) -> Axes:
    """Draw a partial dependence with its pointwise and its simultaneous limits.

    The inner band holds every single point with the stated probability, the outer one the whole
    curve at once. Where the curve is extrapolated it is dotted, without the bands' fill.

    Parameters
    ----------
    frame
        What ``results.partial_dependence`` returns; of several outcomes each has a line.
    rug
        Values of the input in the data, drawn as marks at the lower edge; few different ones are
        marked on the curve as well.
    ax
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    _need(frame, ("value", "estimate", "lower", "band_lower"), "result.partial_dependence")
    ax = _axes(ax)
    positions, ticks = _positions(frame["value"])
    outcomes = frame["outcome"] if "outcome" in frame else pd.Series("", index=frame.index)
    for name, style in zip(pd.unique(outcomes), cycle(_STYLES), strict=False):
        mine = np.asarray(outcomes == name)
        draw = _line if ticks is None else _points
        draw(ax, positions[mine], frame[mine], style, str(name))
    if rug is not None and len(rug):
        if ticks is None and len(seen := np.unique(rug)) <= _FEW:
            _mark(ax, frame[np.isin(frame["value"], seen)])
        marks = np.quantile(rug, np.linspace(0, 1, _MARKS)) if len(rug) > _MARKS else rug
        ax.plot(
            marks,
            np.zeros(len(marks)),
            "|",
            color="0.35",
            markersize=7,
            markeredgewidth=0.6,
            transform=ax.get_xaxis_transform(),
            clip_on=False,
        )
    if ticks is not None:
        ax.set_xlim(-0.5, len(ticks) - 0.5)
    _label(ax, str(frame.attrs.get("input", "value")), _height(frame), ticks)
    ax.set_title(_caption(frame, ticks is None), fontsize="small", color="0.3", loc="left")
    return ax


def _height(frame: pd.DataFrame) -> str:
    """What the vertical axis is."""
    which = str(frame.attrs.get("which", "estimate"))
    words = {"linear": "linear predictor", "prob": "probability"}.get(which, which)
    response = frame.attrs.get("response")
    text = words + (f" of {response}" if response else "") + ", averaged"
    return f"{text} and centred" if frame.attrs.get("centred") else text


def _line(ax: Axes, x: Array, frame: pd.DataFrame, style: Any, name: str) -> None:
    colour, dash, _ = style
    held = ~frame["extrapolated"].to_numpy(dtype=bool)
    ends = {
        key: frame[key].to_numpy(dtype=float)
        for key in frame
        if str(key).startswith(("lo", "up", "ba"))
    }
    ax.fill_between(
        x, ends["band_lower"], ends["band_upper"], where=held, color=colour, alpha=0.13, lw=0
    )
    ax.fill_between(x, ends["lower"], ends["upper"], where=held, color=colour, alpha=0.25, lw=0)
    for key in ("band_lower", "band_upper"):
        ax.plot(x, ends[key], color=colour, lw=0.6, ls=":")
    y = frame["estimate"].to_numpy(dtype=float)
    ax.plot(
        x,
        np.where(held, y, np.nan),
        color=colour,
        lw=1.8,
        ls=dash if name else "-",
        label=name or None,
    )
    beside = ~held
    beside[1:] |= ~held[:-1]
    beside[:-1] |= ~held[1:]
    ax.plot(x, np.where(beside, y, np.nan), color=colour, lw=0.8)


def _points(ax: Axes, x: Array, frame: pd.DataFrame, style: Any, name: str) -> None:
    colour, _, marker = style
    y = frame["estimate"].to_numpy(dtype=float)
    for low, high, width in (("band_lower", "band_upper", 1.0), ("lower", "upper", 3.0)):
        ax.vlines(x, frame[low], frame[high], color=colour, lw=width, alpha=0.6)
    ax.plot(x, y, ls="none", marker=marker, color=colour, mfc="white", label=name or None)


def _mark(ax: Axes, frame: pd.DataFrame) -> None:
    """Markers on a curve at the only values that the data have."""
    ax.plot(
        frame["value"],
        frame["estimate"],
        ls="none",
        marker="o",
        markersize=5,
        color="0.2",
        mfc="white",
        zorder=3,
    )


def _caption(frame: pd.DataFrame, lines: bool) -> str:
    level = 100.0 * float(frame.attrs.get("level", 0.95))
    if frame["se"].isna().all():
        return "no limits: standard errors are withheld"
    inner, outer = ("dark", "light") if lines else ("thick", "thin")
    text = f"{level:g}% limits: for each point ({inner}), for all at once ({outer})"
    return f"{text}; without fill: extrapolated" if frame["extrapolated"].any() else text

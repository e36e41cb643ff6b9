"""Pictures of tidy frames, one function per picture. Each draws on the Axes it is given.

Lines differ in dash and marker as well as in colour, and the colours (Okabe and Ito's) in
lightness: they can be told apart in grey, and by people who see colours differently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deepglm.errors import MissingColumnError, MissingExtraError, SpecificationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["actual_expected", "effect"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Style = tuple[str, Any, str]

_DATA: Style = ("#000000", "-", "o")
_STYLES: tuple[Style, ...] = (
    ("#d55e00", "--", "s"),
    ("#0072b2", "-.", "^"),
    ("#56b4e9", ":", "D"),
    ("#009e73", (0, (5, 1, 1, 1, 1, 1)), "v"),
    ("#e69f00", (0, (8, 3)), "P"),
)
_BARS: dict[str, Any] = {"color": "0.88", "edgecolor": "0.75", "linewidth": 0.5, "zorder": 0}


def effect(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw means against the values of an input, a line per model.

    Parameters
    ----------
    frame
        What :func:`deepglm.plots.partial_means` returns. With a column ``share``, grey bars show
        where the rows are; drop it to leave them out.
    ax
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    _need(frame, ("model", "input", "value", "mean"), "deepglm.plots.partial_means")
    ax = _axes(ax)
    positions, ticks = _positions(frame["value"])
    if "share" in frame:
        one = _first(frame)
        _bars(ax, positions[one], frame["share"][one], "share of the rows")
    for name, mine, style in _models(frame):
        _line(ax, positions[mine], frame["mean"][mine], name, style, joined=ticks is None)
    _label(ax, str(frame["input"].iloc[0]), "mean", ticks)
    return ax


def actual_expected(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw actual against expected means by band, with bars for the exposure.

    Parameters
    ----------
    frame
        What :func:`deepglm.plots.actual_expected_frame` returns.
    ax
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    wanted = ("model", "by", "band", "exposure", "actual", "expected")
    _need(frame, wanted, "deepglm.plots.actual_expected_frame")
    ax = _axes(ax)
    positions, ticks = _positions(frame["band"].astype(str))
    one = _first(frame)
    _bars(ax, positions[one], frame["exposure"][one], "exposure")
    _line(ax, positions[one], frame["actual"][one], "actual", _DATA)
    ax.lines[-1].set_markerfacecolor(_DATA[0])
    for name, mine, style in _models(frame):
        _line(ax, positions[mine], frame["expected"][mine], f"expected {name}".strip(), style)
    _label(ax, str(frame["by"].iloc[0]), "mean per exposure", ticks)
    return ax


def _axes(ax: Axes | None) -> Axes:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtraError(
            "Drawing needs matplotlib, which is not installed. Install the extra 'plots': "
            "pip install 'deepglm[plots]'. The frames can be made without it."
        ) from error
    if ax is not None and not hasattr(ax, "plot"):
        raise SpecificationError(f"ax={ax!r} is no Axes of matplotlib; None makes a new figure.")
    return pyplot.subplots(layout="constrained")[1] if ax is None else ax


def _need(frame: Any, columns: Sequence[str], maker: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        drawn = "result.plot_effect(name) draws a result." * hasattr(frame, "plot_effect")
        raise SpecificationError(
            f"a {type(frame).__name__} was given, and a data frame is drawn: the one that {maker} "
            f"returns. {drawn}".rstrip()
        )
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        raise MissingColumnError(
            f"the frame has no column {', '.join(map(repr, absent))}; its columns are "
            f"{', '.join(map(str, frame.columns))}. {maker} makes such a frame."
        )


def _first(frame: pd.DataFrame) -> Mask:
    """Rows of the first model; what all models share is drawn once."""
    return np.asarray(frame["model"] == frame["model"].iloc[0])


def _models(frame: pd.DataFrame) -> Iterator[tuple[str, Mask, Style]]:
    """Name, rows and style of every model: the same model looks the same in every picture."""
    for name, style in zip(pd.unique(frame["model"]), cycle(_STYLES), strict=False):
        yield str(name), np.asarray(frame["model"] == name), style


def _positions(values: pd.Series) -> tuple[Array, list[str] | None]:
    """Where values stand on the axis; labels of the ticks if they are not numbers."""
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype=float), None
    codes, labels = pd.factorize(values)
    return codes.astype(float), [str(label) for label in labels]


def _line(ax: Axes, x: Array, y: pd.Series, label: str, style: Style, joined: bool = True) -> None:
    colour, dash, marker = style
    # markers tell lines apart; too many of them hide the line
    every = max(1, len(x) // 12)
    first = len(ax.lines) % every
    ax.plot(
        x,
        y.to_numpy(dtype=float),
        color=colour,
        linestyle=dash if joined else "none",
        marker=marker,
        markevery=(first, every) if joined else 1,
        markersize=5,
        markerfacecolor="white",
        linewidth=1.6,
        label=label,
    )


def _bars(ax: Axes, x: Array, heights: pd.Series, label: str) -> None:
    """Grey bars in the lowest sixth, on an axis of their own behind the lines."""
    below = ax.twinx()
    width = 0.9 * float(np.diff(np.sort(x)).min()) if len(x) > 1 else 0.9
    below.bar(x, heights.to_numpy(dtype=float), width=width, **_BARS)
    below.set_ylim(0.0, 6.0 * float(heights.max()))
    below.set_yticks([])
    below.set_ylabel(f"grey bars: {label}", color="0.45", loc="bottom", fontsize="small")
    for spine in below.spines.values():
        spine.set_visible(False)
    ax.set_zorder(below.get_zorder() + 1)
    ax.patch.set_visible(False)


def _label(ax: Axes, x: str, y: str, ticks: list[str] | None) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if ticks is not None:
        crowded = sum(map(len, ticks)) > 60
        turn: dict[str, Any] = {"rotation": 30, "ha": "right"} if crowded else {}
        ax.set_xticks(range(len(ticks)), ticks, **turn)
    handles, labels = ax.get_legend_handles_labels()
    if any(labels):
        ax.legend(handles, labels, frameon=False)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)

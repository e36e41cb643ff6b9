"""(d) The objective against time, one panel per case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.objective import Array

if TYPE_CHECKING:
    from benchmarks.part_networks import Contest

FILE = Path(__file__).parents[1] / "docs" / "benchmarks.png"
COLOURS = {  # Okabe and Ito: apart for every kind of colour vision
    "DeepGLM, one start": "#000000",
    "scikit-learn lbfgs": "#0072B2",
    "scikit-learn adam": "#56B4E9",
    "PyTorch lbfgs": "#D55E00",
    "PyTorch adam": "#E69F00",
    "R nnet": "#009E73",
}
POINTS = 200
"""Points of a line at most."""


def draw(contests: Sequence[Contest]) -> None:
    """Write the figure for the documentation."""
    from matplotlib.figure import Figure

    columns = 2 if len(contests) > 1 else 1
    rows = -(-len(contests) // columns)
    picture = Figure(figsize=(4.6 * columns, 3.1 * rows + 0.6), layout="constrained")
    panels = picture.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[len(contests) :]:
        panel.remove()
    for panel, contest in zip(panels, contests, strict=False):
        _panel(panel, contest)
    handles, labels = _legend(panels[: len(contests)])
    picture.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    picture.savefig(FILE, dpi=130)


def _panel(panel: Any, contest: Contest) -> None:
    shown = {name: traces for name, traces in contest.traces.items() if name in COLOURS}
    lowest = min(trace.objective for traces in contest.traces.values() for trace in traces)
    floor = max(1e-3, 1e-6 * abs(lowest))
    for name, traces in shown.items():
        for k, trace in enumerate(traces[:5]):
            when, excess = steps(trace.curve, lowest)
            ours = name.startswith("DeepGLM")
            style = {"color": COLOURS[name], "linewidth": 1.6 if ours else 0.9}
            above = np.maximum(excess, floor)
            panel.plot(when, above, label=name if k == 0 else None, zorder=3 - (not ours), **style)
            panel.plot(when[-1], above[-1], "o", markersize=3.5, zorder=4, color=COLOURS[name])
    if contest.target - lowest > floor:
        panel.axhline(contest.target - lowest, color="#777777", linewidth=0.8, linestyle="--")
        panel.annotate(
            "target", (0.01, contest.target - lowest), xycoords=("axes fraction", "data"),
            ha="left", va="bottom", fontsize=8, color="#555555",
        )  # fmt: skip
    panel.set(xscale="log", yscale="log", xlabel="seconds", ylabel="objective above the lowest")
    panel.set_ylim(0.5 * floor, _top(shown, lowest))
    panel.set_title(contest.case.title, fontsize=9)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)


def steps(curve: Sequence[tuple[float, float]], lowest: float) -> tuple[Array, Array]:
    """Times and the lowest objective so far, thinned evenly on the scale of logarithms."""
    when, value = np.array(curve).T
    best = np.minimum.accumulate(np.where(np.isfinite(value), value, np.inf))
    keep = np.unique(np.geomspace(1, len(when), POINTS).astype(int)) - 1
    return when[keep], best[keep] - lowest


def _top(shown: dict[str, Any], lowest: float) -> float:
    """Three times what the others have after a hundredth of their time: the start is of no use."""
    seen = []
    for traces in shown.values():
        for trace in traces:
            _, excess = steps(trace.curve, lowest)
            seen.append(excess[min(len(excess) - 1, len(excess) // 20)])
    return 3.0 * float(np.median(seen))


def _legend(panels: Sequence[Any]) -> tuple[list[Any], list[str]]:
    found: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)

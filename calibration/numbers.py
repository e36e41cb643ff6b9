"""Numbers of a cell from its records.

Coverage is over all samples: an interval that was withheld, or a sample that failed, is a miss.
Every number has its Monte Carlo error; that of an average over inputs or rows comes from the
averages of the samples, which are independent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibration import truth
from calibration.cell import FRESH_ROWS, Cell
from calibration.designs import DESIGNS, T1_SLOPES
from calibration.laws import Array
from calibration.measures import Z95
from calibration.records import Record


@dataclass(frozen=True)
class Line:
    """A number of a cell and its Monte Carlo error."""

    value: float
    error: float = float("nan")

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "none"
        if np.isnan(self.error):
            return f"{self.value:.3f}"
        return f"{self.value:.3f} ({self.error:.3f})"


# -- numbers --------------------------------------------------------------------------------------


def average(values: Sequence[float] | Array) -> Line:
    """Mean of independent numbers."""
    found = np.asarray(values, dtype=float)
    if not len(found):
        return Line(float("nan"))
    error = found.std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else float("nan")
    return Line(float(found.mean()), float(error))


def intervals(records: Sequence[Record], measure: str, name: str, outcomes: int) -> Array:
    """(samples, outcomes, 3) estimate and limits of one quantity; NaN where there are none."""
    found = np.full((len(records), outcomes, 3), np.nan)
    for k, one in enumerate(records):
        values = one.get(measure, {}).get(name)
        if values is not None:
            found[k] = np.asarray(values, dtype=float).reshape(outcomes, 3)
    return found


def covered(found: Array, target: Array) -> Array:
    """(samples, outcomes) whether the interval covers; one that does not exist does not."""
    with np.errstate(invalid="ignore"):
        return (found[..., 1] <= target) & (target <= found[..., 2])


def _effects(records: Sequence[Record], cell: Cell, of: str) -> dict[str, tuple[Array, Array]]:
    """By input and outcome: intervals and truth."""
    targets = truth.of(cell.stream.design)
    found = {}
    for name, target in targets.items():
        values = intervals(records, of, name, len(target))
        for c in range(len(target)):
            label = name if len(target) == 1 else f"{name}, outcome {c}"
            found[label] = (values[:, c], target[c])
    return found


def _coverage(by_name: dict[str, tuple[Array, Any]], label: str) -> dict[str, Line]:
    """Coverage of each, the mean over all of them, and the worst."""
    hits = {name: covered(values, target) for name, (values, target) in by_name.items()}
    each = {f"{label}, {name}": average(hit) for name, hit in hits.items()}
    together = average(np.mean(list(hits.values()), axis=0))
    return {
        f"{label}, mean": together,
        f"{label}, worst input": min(each.values(), key=lambda line: line.value),
        **each,
    }


def effect_lines(records: Sequence[Record], cell: Cell) -> dict[str, Line]:
    """Coverage, bias and widths of the average effects."""
    found = _effects(records, cell, "effects")
    lines = _coverage(found, "AME")
    by_delta = [k for k, one in enumerate(records) if _method(one) == "delta"]
    if by_delta and len(by_delta) < len(records):
        some = {name: (values[by_delta], target) for name, (values, target) in found.items()}
        lines["AME printed by delta"] = _coverage(some, "AME")["AME, mean"]
    elif by_delta:
        lines["AME printed by delta"] = lines["AME, mean"]
    bias, calibrated = [], []
    for values, target in found.values():
        sd = np.nanstd(values[:, 0], ddof=1) if np.isfinite(values[:, 0]).sum() > 1 else np.nan
        bias.append(float(np.nanmean(values[:, 0]) - target) / sd if sd > 0 else np.nan)
        width = np.nanmean(values[:, 2] - values[:, 1]) if np.isfinite(values).any() else np.nan
        calibrated.append(float(width) / (2.0 * Z95 * sd) if sd > 0 else np.nan)
    lines["largest bias, in sd"] = Line(max(bias, key=abs))
    lines["SE over sd, mean"] = Line(float(np.mean(calibrated)))
    beside = [one["oracle"] for one in records if "oracle" in one]
    if len(beside) == len(records):
        oracle = _effects(beside, cell, "effects")
        lines["width"] = _relative_width(found, oracle)
        lines["oracle AME, mean"] = _coverage(oracle, "AME")["AME, mean"]
    return lines


def _relative_width(
    found: dict[str, tuple[Array, Any]], oracle: dict[str, tuple[Array, Any]]
) -> Line:
    """Mean over inputs of the ratio of mean widths, over samples in which both were printed."""
    ratios, errors = [], []
    for name in found:
        ours, theirs = (x[name][0][:, 2] - x[name][0][:, 1] for x in (found, oracle))
        both = np.isfinite(ours) & np.isfinite(theirs)
        if not both.any():
            return Line(float("nan"))
        a, b = ours[both], theirs[both]
        ratio = a.mean() / b.mean()
        ratios.append(ratio)
        errors.append((a - ratio * b) / b.mean())
    same = {len(one) for one in errors}
    error = average(np.mean(errors, axis=0)).error if len(same) == 1 else float("nan")
    return Line(float(np.mean(ratios)), error)


def curve_lines(records: Sequence[Record], cell: Cell) -> dict[str, Line]:
    """Coverage of the linear predictor over the fresh rows."""
    without = ["-" in one.get("curve", {}).get("covered", "-") for one in records]
    lines = {
        "eta": average([_share(one) for one in records]),
        "eta withheld": average(np.array(without, dtype=float)),
    }
    beside = [one["oracle"] for one in records if "curve" in one.get("oracle", {})]
    if beside:
        lines["oracle eta"] = average([_share(one) for one in beside])
    return lines


def _share(record: Record) -> float:
    marks = record.get("curve", {}).get("covered", "-" * FRESH_ROWS)
    return marks.count("1") / len(marks)


def linear_lines(records: Sequence[Record], cell: Cell) -> dict[str, Line]:
    """Coverage of the linear part where the truth is a GLM."""
    scale = 1.3 if "binomial" in cell.stream.design else 1.0
    found = {
        name: (intervals(records, "linear part", name, 1)[:, 0], scale * slope)
        for name, slope in T1_SLOPES.items()
    }
    lines = _coverage(found, "linear part")
    return {"linear part": lines.pop("linear part, mean"), **lines}


def prediction_lines(records: Sequence[Record], cell: Cell) -> dict[str, Line]:
    """Probability of prediction intervals: what they have, and what they say less that."""
    empty = {"actual": 0.0, "stated": 0.95, "withheld": 1.0}
    found = [one.get("predictions", empty) for one in records]
    said = [one["stated"] - one["actual"] for one in found if one["withheld"] == 0.0]
    return {
        "prediction intervals, actual": average([one["actual"] for one in found]),
        "prediction intervals, stated less actual": average(said),
        "prediction intervals, withheld": average([one["withheld"] for one in found]),
    }


def auxiliary_lines(records: Sequence[Record], cell: Cell) -> dict[str, Line]:
    """Coverage of auxiliary parameters; that of differences of cut-points has no gate."""
    law: Any = DESIGNS[cell.stream.design].law
    gaps: dict[str, float] = {}
    if hasattr(law, "cuts"):
        targets = {f"{c}|{c + 1}": cut for c, cut in enumerate(law.cuts)}
        gaps = {f"gap{k + 1}": float(gap) for k, gap in enumerate(np.diff(law.cuts))}
    elif hasattr(law, "sigma"):
        targets = {"log_sigma": float(np.log(law.sigma))}
    else:
        targets = {"alpha": law.alpha}
    lines = {}
    for label, some in (("auxiliary", targets), ("difference", gaps)):
        for name, target in some.items():
            values = intervals(records, "auxiliary", name, 1)
            lines[f"{label}, {name}"] = average(covered(values, np.array(target))[:, 0])
    return lines


def _rejections(records: Sequence[Record], measure: str, key: str) -> tuple[Line, Line]:
    """Share of samples with p < .05, among all; and the share without a p-value."""
    values = [one.get(measure, {}).get(key) for one in records]
    rejected = [value is not None and value < 0.05 for value in values]
    return average(np.array(rejected, float)), average([float(v is None) for v in values])


def input_lines(records: Sequence[Record], cell: Cell) -> dict[str, Line]:
    """Size or power of the score tests of an input."""
    word = "power" if cell.group.startswith("power") else "size"
    lines = {}
    for key, name in (("first", "first-order"), ("any", "any form")):
        lines[f"{word} {name}"], none = _rejections(records, "input tests", key)
        lines[f"{name} withheld"] = none
    return lines


def likelihood_lines(records: Sequence[Record], cell: Cell) -> dict[str, Line]:
    """How often Wald and likelihood ratio tests of an input are shown, and reject then."""
    lines = {}
    for key, name in (("wald", "Wald"), ("lr", "LR")):
        none = _rejections(records, "likelihood tests", key)[1]
        lines[f"{name} withheld"] = none
        lines[f"{name} shown"] = Line(1.0 - none.value, none.error)
        shown = [one for one in records if one.get("likelihood tests", {}).get(key) is not None]
        if shown:
            lines[f"{name} rejects where shown"] = _rejections(shown, "likelihood tests", key)[0]
    return lines


def test_lines(records: Sequence[Record], cell: Cell) -> dict[str, Line]:
    """Size or power of the tests of a GLM, or of one more unit."""
    word = "power" if cell.group.startswith("power") else "size"
    measure = "unit" if "unit" in cell.measures else "nonlinearity"
    names: Counter[str] = Counter()
    for one in records:
        names.update(one.get(measure, {}).keys())
    lines = {}
    for name in names:
        lines[f"{word} {name}"], none = _rejections(records, measure, name)
        lines[f"{name} withheld"] = none
    return lines


def saturation_lines(records: Sequence[Record], cell: Cell) -> dict[str, Line]:
    """Saturated units that were not flagged, and flags of units that are not."""
    found = [one["saturation"] for one in records if "saturation" in one]
    steep = sum(one["steep"] for one in found)
    gentle = sum(one["units"] - one["steep"] for one in found)
    lines = {"saturated units": Line(float(steep))}
    if steep:
        lines["saturated units missed"] = Line(sum(one["missed"] for one in found) / steep)
        printed = [one["errors printed"] for one in found if one["steep"]]
        lines["errors printed beside a saturated unit"] = Line(float(np.mean(printed)))
    if gentle:
        lines["false flags"] = Line(sum(one["false"] for one in found) / gentle)
    return lines


LINES = {
    "effects": effect_lines,
    "curve": curve_lines,
    "linear part": linear_lines,
    "predictions": prediction_lines,
    "auxiliary": auxiliary_lines,
    "input tests": input_lines,
    "likelihood tests": likelihood_lines,
    "nonlinearity": test_lines,
    "unit": test_lines,
    "saturation": saturation_lines,
}


def _method(record: Record) -> str:
    return str(record.get("status", {}).get("method", "withheld"))


def silent(record: Record, cell: Cell) -> bool:
    """Whether an interval of an effect is missing, for whatever reason."""
    if "effects" not in cell.measures:
        return _method(record) == "withheld"
    found = record.get("effects", {})
    names = DESIGNS[cell.stream.design].inputs.names
    numbers = [x for name in names for interval in found.get(name, [[None]]) for x in interval]
    return any(x is None for x in numbers)


def status_lines(records: Sequence[Record], cell: Cell) -> dict[str, Line]:
    """How often each method was used, refits, effective parameters, errors."""
    status = [one.get("status", {}) for one in records]
    lines = {
        f"by {name}": average([float(_method(one) == name) for one in records])
        for name in ("delta", "bootstrap")
    }
    lines["withheld"] = average([float(silent(one, cell)) for one in records])
    refitted = [s["failed"] / s["refits"] for s in status if s.get("refits")]
    if refitted:
        lines["refits not converged"] = average(refitted)
    lines["fits not certified"] = average([float(not s.get("converged", False)) for s in status])
    for key, name in (("edf", "edf"), ("excess", "excess deviance")):
        values = [s[key] for s in status if s.get(key) is not None]
        if values:
            lines[name] = average(values)
    if "excess deviance" in lines:
        ratio = [s["excess"] / s["edf"] for s in status if s.get("excess") is not None]
        lines["excess deviance over edf"] = average(ratio)
    failed = [one for one in records if "errors" in one]
    lines["samples with an error"] = Line(len(failed) / max(len(records), 1))
    return lines


def lines_of(records: Sequence[Record], cell: Cell) -> dict[str, Line]:
    """All numbers of a cell by name."""
    lines = status_lines(records, cell)
    for name in cell.measures:
        lines |= LINES[name](records, cell)
    return lines

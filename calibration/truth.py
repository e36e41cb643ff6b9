"""True average effects over the population of the inputs, from four million rows of one seed.

``python -m calibration.truth`` writes ``truths.json``; the derivatives are exact (complex step),
and the Monte Carlo error of every average is written beside it. The effect of an input of 0 and 1
is the discrete change.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from calibration.designs import DESIGNS, NET_UNIT, Design, _three
from calibration.laws import Array, Generator, Table

STORED = Path(__file__).parent / "truths.json"
SEED = 20_260_101
ROWS, BLOCK = 4_000_000, 100_000
STEP = 1e-30


def effects(design: Design, table: Table, name: str) -> Array:
    """(K, n) effects of an input on the mean, by row."""
    if name in design.inputs.binary:
        n = len(table[name])
        ends = [design.eta({**table, name: np.full(n, value)}) for value in (0.0, 1.0)]
        return design.law.mean(ends[1]) - design.law.mean(ends[0])
    direction = design.eta({**table, name: table[name] + 1j * STEP}).imag / STEP
    return design.law.slope(design.eta(table), direction)


def average_effects(
    design: Design, rng: Generator, rows: int
) -> dict[str, tuple[list[float], list[float]]]:
    """Average effect of every input, and the Monte Carlo error of each average."""
    sums: dict[str, Array] = {}
    for start in range(0, rows, BLOCK):
        table = design.inputs.draw(rng, min(BLOCK, rows - start))
        for name in design.inputs.names:
            m = effects(design, table, name)
            part = np.stack((m.sum(axis=1), (m**2).sum(axis=1)))
            sums[name] = sums.get(name, 0.0) + part
    found = {}
    for name, (first, second) in sums.items():
        mean = first / rows
        spread = np.sqrt(np.maximum(second / rows - mean**2, 0.0) / rows)
        # what rounding leaves of an effect that is the same in every row
        spread[spread < 1e-9 * np.abs(mean)] = 0.0
        found[name] = (mean.tolist(), spread.tolist())
    return found


def stored() -> dict[str, dict[str, tuple[list[float], list[float]]]]:
    """What was written by the last run of this module, by design."""
    found: dict[str, dict[str, tuple[list[float], list[float]]]] = json.loads(STORED.read_text())
    return found


def of(name: str) -> dict[str, Array]:
    """(K,) true average effects by input."""
    return {key: np.array(mean) for key, (mean, _) in stored()[name].items()}


def _bent() -> None:
    """Coefficients of the alternatives to a linear predictor, to be written into `designs`."""
    t = _three(np.random.default_rng(SEED), ROWS)
    X = np.stack((np.ones(ROWS), t["x1"], t["x2"], t["x3"]), axis=1)
    b, w1, w2 = NET_UNIT
    for name, part in (
        ("net", np.tanh(b + w1 * t["x1"] + w2 * t["x2"])),
        ("x1x2", t["x1"] * t["x2"]),
    ):
        line = np.linalg.solve(X.T @ X, X.T @ part)
        print(name, np.round(line, 4), round(float((part - X @ line).std()), 4))


def main(names: list[str]) -> None:
    """Compute the truths of all designs, or print the coefficients of the alternatives."""
    if names == ["bent"]:
        _bent()
        return
    found = {
        name: average_effects(design, np.random.default_rng(SEED), ROWS)
        for name, design in DESIGNS.items()
        if not name.startswith(("D3", "D5"))
    }
    STORED.write_text(json.dumps(found, indent=1) + "\n")
    for name, one in found.items():
        print(name, {key: (np.round(m, 5), np.round(e, 6)) for key, (m, e) in one.items()})


if __name__ == "__main__":
    main(sys.argv[1:])

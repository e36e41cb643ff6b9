"""R's glm and nnet, where there is an Rscript.

nnet knows logistic units only. ``tanh(a)`` is ``2 logistic(2 a) - 1``: the slopes of the logistic
network, below and above, are twice those of the tanh network, and its ridge a quarter.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Trace
from benchmarks.objective import Array, Case, Net, objective

SCRIPT = Path(__file__).with_name("peers.R")


def present() -> bool:
    """Whether R can be run."""
    return shutil.which("Rscript") is not None


def fits(case: Case) -> bool:
    """Whether R's nnet has such a model."""
    return len(case.hidden) == 1 and case.family != "poisson" and case.offset is None


def fit(case: Case, seed: int, steps: int | None = None) -> Trace:
    """Fit a GLM, or a network by nnet; R's own clock, its start not counted."""
    seconds, weights = _run(case, _description(case, seed))
    net = glm_net(weights) if not case.hidden else network_net(case, weights)
    value = objective(case, net)
    return Trace(seconds, net, value, [(seconds, value)])


def _description(case: Case, seed: int) -> dict[str, object]:
    told: dict[str, object] = {"family": case.family, "n": case.n, "p": case.X.shape[1]}
    if not case.hidden:
        return {"kind": "glm"} | told
    return {"kind": "nnet", "size": case.hidden[0], "seed": seed, "decay": decay(case)} | told


def decay(case: Case) -> float:
    """Of nnet, whose penalty ``decay * sum(w**2)`` and whose squared residuals are not halved."""
    halved = case.ridge / (1.0 if case.family == "gaussian" else 2.0)
    return halved / (4.0 if case.activation == "tanh" else 1.0)


def _run(case: Case, description: dict[str, object]) -> tuple[float, Array]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model").write_text("".join(f"{k} {v}\n" for k, v in description.items()))
        (folder / "x").write_bytes(np.asfortranarray(case.X).tobytes(order="F"))
        (folder / "y").write_bytes(case.y.tobytes())
        subprocess.run(["Rscript", str(SCRIPT), name], check=True, capture_output=True)
        seconds = float((folder / "seconds").read_text())
        return seconds, np.loadtxt(folder / "weights")


def glm_net(coefficients: Array) -> Net:
    """An intercept, then slopes."""
    return Net([coefficients[1:, None]], [coefficients[:1]])


def network_net(case: Case, weights: Array) -> Net:
    """From nnet's order: per hidden unit an intercept and its slopes, then the output's."""
    p, q = case.X.shape[1], case.hidden[0]
    below, above = weights[: q * (p + 1)].reshape(q, p + 1), weights[q * (p + 1) :]
    W, b, v, c = below[:, 1:].T, below[:, 0], above[1:, None], above[:1]
    if case.activation == "tanh":
        return Net([W / 2.0, v / 2.0], [b / 2.0, c + v.sum() / 2.0])
    return Net([W, v], [b, c])

"""Networks for the French motor claims, penalties chosen on learning rows, judged out of sample.

    python benchmarks/french_networks.py evidence 1 2 3 4 5
    python benchmarks/french_networks.py validation 1 2 3 4 5

One hidden layer of 20 units with ``penalty="evidence"``, or three of 20, 15 and 10 with
``penalty="validation"``, one fit for every seed and each from one start. The rows held out by the
field's split are touched once, after the fit, for the last column. Prints a table and adds it to
``benchmarks/french_networks.md``.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import deepglm as dg
from deepglm.errors import ConvergenceWarning

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from french_motor import DEEP_FORMULA, area_code, learning_and_test  # noqa: E402, F401

NETWORKS = {"evidence": (20,), "validation": (20, 15, 10)}
HEAD = """
| units | penalty | seed | minutes | precision: rest, dummies | edf | certificate | in | out |
|---|---|---|---|---|---|---|---|---|
"""


def main(penalty: str, seeds: list[int]) -> None:
    """Fit one network for every seed, and average them."""
    units = NETWORKS[penalty]
    learning, test = learning_and_test()
    model = dg.DeepGLM(
        DEEP_FORMULA, learning, dg.Poisson(), exposure="Exposure", hidden=units, skip=False,
        penalty=penalty,
    )  # fmt: skip
    write(HEAD)
    fits = []
    for seed in seeds:
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the certificate is printed
            fit = model.fit(seed=seed, starts=1, progress=tell, inference=None)
        minutes = (time.perf_counter() - began) / 60
        fits.append(fit)
        chosen, certificate = fit.penalty, fit.certificate
        verdict = f"{certificate.status.name.lower()}, decrement {certificate.decrement:.1e}"
        write(
            f"| {units} | {penalty} | {seed} | {minutes:.1f} | {chosen.rest:.3g}, "
            f"{chosen.dummies:.3g} | {fit.edf:.0f} | {verdict} | "
            f"{100 * fit.deviance / fit.nobs:.3f} | {out_of_sample(fit, test):.3f} |\n"
        )
    outs = [out_of_sample(fit, test) for fit in fits]
    spread = f", from {min(outs):.3f} to {max(outs):.3f}" if len(outs) > 1 else ""
    write(f"\nMean over the seeds {np.mean(outs):.3f}{spread}.")
    if len(fits) > 1:
        write(f" Average of the {len(fits)} fits: {out_of_sample(dg.average(fits), test):.3f}.\n")


def out_of_sample(fit: dg.DeepGLMResults | dg.selection.Average, test: pd.DataFrame) -> float:
    """100 times the mean Poisson deviance on the rows held out."""
    y, mu = test["ClaimNb"].to_numpy(float), fit.predict(test).to_numpy()
    return 100.0 * float((dg.Poisson().resid_dev(y, mu) ** 2).mean())


def tell(news: object) -> None:
    """Say on stderr how far a fit is."""
    print(time.strftime("%H:%M:%S"), news, file=sys.stderr, flush=True)


def write(text: str) -> None:
    """Print, and keep."""
    print(text, end="", flush=True)
    with Path(__file__).with_suffix(".md").open("a") as file:
        file.write(text)


if __name__ == "__main__":
    main(sys.argv[1], [int(seed) for seed in sys.argv[2:]] or [1, 2, 3, 4, 5])

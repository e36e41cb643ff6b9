"""Networks fitted by independent software (R 4.2.2), as models of this package.

``nnet.json`` holds R nnet's one-hidden-layer nets, ``own_nets.json`` nets of other responses fitted
in R by analytic-gradient BFGS with a Newton polish. Both penalise all weights, intercepts included,
by ``decay * sum(w**2)``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

import deepglm as dg

HERE = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Case:
    """One stored network and how to say it here."""

    name: str
    stored: dict
    formula: str
    data: str
    family: object
    scale: float | None
    hidden: tuple[int, ...]
    activation: str
    skip: bool
    decay: float

    def model(self) -> dg.DeepGLM:
        return dg.DeepGLM(
            self.formula,
            frame(self.data),
            self.family,
            hidden=self.hidden,
            activation=self.activation,
            skip=self.skip,
            penalty=dg.L2(2 * self.decay, intercepts=True) if self.decay else None,
            standardize=False,
        )

    @property
    def weights(self) -> np.ndarray:
        """Stored weights in this package's order."""
        w = np.asarray(self.stored["weights"], dtype=float)
        return w[self.order]

    @property
    def order(self) -> np.ndarray:
        """Position of this package's parameters among the stored weights."""
        n = int(self.stored["n_weights"])
        last = self.hidden[-1]
        skips = len(frame(self.data).columns) if self.skip else 0
        inputs = len(self.formula.split("~")[1].split("+"))
        skips = inputs if self.skip else 0
        output = n - 1 - last - skips
        return np.r_[
            output,
            np.arange(output + 1 + last, n),
            np.arange(output),
            np.arange(output + 1, output + 1 + last),
        ].astype(int)

    @property
    def interior(self) -> bool:
        """Whether the stored point is a true optimum, not an infimum or unfinished."""
        unfinished = float(self.stored.get("max_grad") or 0.0) > 1e-6
        return not unfinished and (self.decay > 0 or self.name in INTERIOR)


INTERIOR = {
    "rock_h1_decay0_noskip",
    "gamma_quakes_h1_l0",
    "gamma_quakes_h2_l0",
    "poisson_quakes_h1_l0",
    "invgauss_quakes_h1_l0",
    "gaussian_ml_logquakes_h2_l0",
}
"""The unpenalised networks that have an optimum, by the provenance notes."""


@cache
def frame(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / f"{name}.csv")


@cache
def stored(name: str) -> dict:
    return json.loads((HERE / f"{name}.json").read_text())["models"]


def nnet_case(name: str) -> Case:
    one = stored("nnet")[name]
    entropy = one["type"] == "entropy"
    return Case(
        name,
        one,
        one["formula"],
        one["dataset"].split()[0].removeprefix("nnet_inputs/"),
        dg.Binomial() if entropy else dg.Gaussian(),
        None if entropy else 0.5,
        (int(one["size"]),),
        "logistic",
        bool(one["skip"]),
        float(one["decay"]),
    )


QUAKES = "stations ~ lat + long + depth + mag"
ESOPH = "ncases + ncontrols ~ age + alc + tob"
AFFAIRS = "affairs ~ age + yearsmarried + religiousness + occupation + rating"
LOG = dg.families.links.Log()
OWN = {
    "poisson_log": (QUAKES, "quakes_scaled", dg.Poisson(), None),
    "nb_log": (QUAKES, "quakes_scaled", dg.NegativeBinomial(alpha=0.1), None),
    "gamma_log": (QUAKES, "quakes_scaled", dg.Gamma(LOG), 1.0),
    "invgauss_log": (QUAKES, "quakes_scaled", dg.InverseGaussian(LOG), 1.0),
    "gaussian_ml": (
        "np.log(stations) ~ lat + long + depth + mag",
        "quakes_scaled",
        dg.Gaussian(),
        None,
    ),
    "binomial_logit": (ESOPH, "esoph_scaled", dg.Binomial(), None),
    "binomial_probit": (ESOPH, "esoph_scaled", dg.Binomial(dg.families.links.Probit()), None),
    "binomial_cloglog": (ESOPH, "esoph_scaled", dg.Binomial(dg.families.links.CLogLog()), None),
    "gaussian_identity": ("logperm ~ area + peri + shape", "rock_scaled", dg.Gaussian(), 1.0),
    "tobit": (AFFAIRS, "affairs_scaled", dg.Tobit(), None),
}


def own_case(name: str) -> Case:
    one = stored("own_nets")[name]
    formula, data, family, scale = OWN[one["family"]]
    if "synth" in one["dataset"]:
        formula, data = "yc ~ xs + ys", "MASS_synth.tr"
    hidden = one["hidden"] if isinstance(one["hidden"], list) else [one["hidden"]]
    return Case(
        name,
        one,
        formula,
        data,
        family,
        scale,
        tuple(int(q) for q in hidden),
        one["activation"],
        False,
        float(one["lambda"]),
    )


NNET = [nnet_case(name) for name in stored("nnet")]
OTHERS = [own_case(name) for name in stored("own_nets")]
CASES = {case.name: case for case in NNET + OTHERS}


def constant(case: Case) -> float:
    """Our minus log-likelihood minus the stored loss: terms of y alone."""
    model = case.model()
    rows = model._data.rows
    family = case.stored.get("family", "")
    if case.name in {c.name for c in NNET}:
        if case.scale is None:
            return 0.0
        return 0.5 * rows.n * float(np.log(2 * np.pi * 0.5))
    if family in ("gamma_log", "invgauss_log", "gaussian_identity"):
        y = frame(case.data)[case.formula.split("~")[0].strip()]
        link = model.family.link
        saturated = model._adapted.loglike_rows(
            rows.y, np.atleast_2d(link(np.asarray(y, dtype=float))), 1.0, rows.weight
        )
        return -float(saturated.sum())
    return 0.0

"""Inputs and truths. Every coefficient was written down before the first run.

Inputs are skewed and correlated: ``x1 = min(Exp(1), 4) - 1``, ``x2`` uniform with variance one,
``x3 = .6 x1 + .8 N(0, 1)``, and in the design of the default ``x4`` of 0 and 1 with P(1) = .3 and
``x5``, N(0, 1) noise that has correlation .4 with ``x1``. The truths D1 to D7 are in ``x1`` and
``x2``: ``x3`` has no effect unless it is said. A linear predictor is (k_eta, n) and analytic in the
inputs, so that its derivatives come from a complex step (`truth`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from calibration import laws
from calibration.laws import Generator, Law, Table

ROOT3 = float(np.sqrt(3.0))
CLUSTER_ROWS = 10

# Mean and variance of x1 = min(Exp(1), 4) - 1.
X1_MEAN = -float(np.exp(-4.0))
X1_VARIANCE = 1.0 - 8.0 * float(np.exp(-4.0)) - float(np.exp(-8.0))


@dataclass(frozen=True)
class Inputs:
    """Columns of a design, and which of them take the values 0 and 1 only."""

    names: tuple[str, ...]
    draw: Callable[[Generator, int], Table]
    binary: tuple[str, ...] = ()


def _three(rng: Generator, n: int) -> Table:
    x1 = np.minimum(rng.exponential(size=n), 4.0) - 1.0
    x2 = rng.uniform(-ROOT3, ROOT3, size=n)
    return {"x1": x1, "x2": x2, "x3": 0.6 * x1 + 0.8 * rng.normal(size=n)}


def _five(rng: Generator, n: int) -> Table:
    table = _three(rng, n)
    table["x4"] = (rng.uniform(size=n) < 0.3).astype(float)
    z1 = (table["x1"] - X1_MEAN) / np.sqrt(X1_VARIANCE)
    table["x5"] = 0.4 * z1 + np.sqrt(1.0 - 0.4**2) * rng.normal(size=n)
    return table


def _clustered(rng: Generator, n: int) -> Table:
    """Clusters of ten rows; half of the normal score of x2 belongs to the cluster."""
    table = _three(rng, n)
    codes = np.arange(n) // CLUSTER_ROWS
    shared = rng.normal(size=codes[-1] + 1)[codes]
    score = np.sqrt(0.5) * (shared + rng.normal(size=n))
    table["x2"] = ROOT3 * (2.0 * special.ndtr(score) - 1.0)
    table["cluster"] = codes
    return table


THREE = Inputs(("x1", "x2", "x3"), _three)
FIVE = Inputs(("x1", "x2", "x3", "x4", "x5"), _five, ("x4",))
CLUSTERED = Inputs(("x1", "x2", "x3"), _clustered)


@dataclass(frozen=True)
class Design:
    """Inputs, the true linear predictor of a table, and the law of the response."""

    inputs: Inputs
    eta: Callable[[Table], Any]
    law: Law

    def draw(self, rng: Generator, n: int) -> Table:
        """A sample: the columns of the inputs and ``y``."""
        table = self.inputs.draw(rng, n)
        return {"y": self.law.draw(rng, self.eta(table), table), **table}


# -- truths ---------------------------------------------------------------------------------------

SD_X4 = float(np.sqrt(0.3 * 0.7))
T1_INTERCEPT = 0.2
T1_SLOPES = {"x1": 0.5, "x2": -0.4, "x3": 0.0, "x4": 0.3 / SD_X4, "x5": 0.25}
"""The slope of x4 is .3 per standard deviation."""


def linear(scale: float) -> Callable[[Table], Any]:
    """T1: a GLM in five inputs; x4 enters centred at .3."""

    def eta(t: Table) -> Any:
        z = {**t, "x4": t["x4"] - 0.3}
        return scale * (T1_INTERCEPT + sum(b * z[name] for name, b in T1_SLOPES.items()))[None]

    return eta


def linear_and_unit(t: Table) -> Any:
    """T2: T1 and one hidden unit."""
    return linear(1.0)(t) + 1.2 * np.tanh(0.3 + 1.5 * t["x1"] - t["x2"])


D1_UNITS = ((0.3, 1.5, -1.0), (-0.5, 0.5, 1.5))
"""Intercept and coefficients of x1, x2 of the two hidden units of D1."""
D1_OUTPUT = (0.2, 1.2, -1.0)
"""Intercept and coefficients of the units in the final layer of D1."""


def _unit(t: Table, unit: tuple[float, float, float], more: Any = 0.0) -> Any:
    b, w1, w2 = unit
    return np.tanh(b + w1 * t["x1"] + w2 * t["x2"] + more)


def two_units(
    scale: float = 1.0, shift: float = 0.0, slope: float = 0.0, curve: float = 0.0
) -> Callable[[Table], Any]:
    """D1: two tanh units in x1 and x2, times `scale`, plus `shift`.

    `slope` and `curve` are what x3 and the U shape ``(x3^2 - 1) / sqrt(2)`` add inside the first
    unit: the alternatives of the tests of x3.
    """

    def eta(t: Table) -> Any:
        x3 = t["x3"]
        first = _unit(t, D1_UNITS[0], slope * x3 + curve * (x3**2 - 1.0) / np.sqrt(2.0))
        b, v1, v2 = D1_OUTPUT
        return (shift + scale * (b + v1 * first + v2 * _unit(t, D1_UNITS[1])))[None]

    return eta


def waves(t: Table) -> Any:
    """M (D2): no network."""
    x1, x2 = t["x1"], t["x2"]
    return (np.sin(1.5 * x1) + 0.5 * x1 * x2 + 0.3 * x2**2)[None]


D4_UNIT = (0.3, 1.2, -1.0, 0.5)
D4_OUTPUT = (0.2, 1.2)


def one_unit(scale: float) -> Callable[[Table], Any]:
    """D4: one tanh unit in all three inputs."""

    def eta(t: Table) -> Any:
        b, *w = D4_UNIT
        a = b + w[0] * t["x1"] + w[1] * t["x2"] + w[2] * t["x3"]
        return scale * (D4_OUTPUT[0] + D4_OUTPUT[1] * np.tanh(a))[None]

    return eta


D5 = (0.2, 0.5, -0.4, 0.2)


def straight(t: Table) -> Any:
    """D5: a GLM in three inputs."""
    return (D5[0] + D5[1] * t["x1"] + D5[2] * t["x2"] + D5[3] * t["x3"])[None]


NET_UNIT = (0.3, 1.5, -1.0)
"""The unit whose part that is not linear is the alternative "net" of the tests of a GLM."""
# Regression of tanh(.3 + 1.5 x1 - x2) and of x1 x2 on (1, x1, x2, x3) in the population, and the
# standard deviation of what is left: from 4e6 rows, python -m calibration.truth bent
NET_LINE = (0.0579, 0.5299, -0.4829, 0.0)
NET_SD = 0.2966
PRODUCT_LINE = (0.0, 0.0, X1_MEAN, 0.0)
PRODUCT_SD = float(np.sqrt(X1_VARIANCE))


def bent(kind: str, size: float) -> Callable[[Table], Any]:
    """D5 and a part orthogonal to (1, x1, x2, x3) with standard deviation `size`."""

    def eta(t: Table) -> Any:
        if kind == "net":
            part, line, sd = _unit(t, NET_UNIT), NET_LINE, NET_SD
        else:
            part, line, sd = t["x1"] * t["x2"], PRODUCT_LINE, PRODUCT_SD
        fit = line[0] + line[1] * t["x1"] + line[2] * t["x2"] + line[3] * t["x3"]
        return straight(t) + size * ((part - fit) / sd)[None]

    return eta


DEEP_FIRST = ((0.3, 1.5, -1.0), (-0.5, 0.5, 1.5), (0.2, -1.0, 0.8))
DEEP_SECOND = ((0.1, 1.5, -1.2, 0.6), (-0.3, -0.7, 1.0, 1.3))
DEEP_OUTPUT = (0.2, 1.3, -1.1)


def two_layers(scale: float) -> Callable[[Table], Any]:
    """D2L: tanh layers of three and two units in x1 and x2."""

    def eta(t: Table) -> Any:
        z = [_unit(t, unit) for unit in DEEP_FIRST]
        top = [np.tanh(b + w1 * z[0] + w2 * z[1] + w3 * z[2]) for b, w1, w2, w3 in DEEP_SECOND]
        return scale * (DEEP_OUTPUT[0] + DEEP_OUTPUT[1] * top[0] + DEEP_OUTPUT[2] * top[1])[None]

    return eta


def classes(t: Table) -> Any:
    """D1 for three classes: two linear predictors share the two hidden units."""
    z1, z2 = _unit(t, D1_UNITS[0]), _unit(t, D1_UNITS[1])
    return np.stack((1.5 * (0.2 + 1.2 * z1 - z2), 1.5 * (-0.3 - 0.8 * z1 - 1.1 * z2)))


# -- designs --------------------------------------------------------------------------------------

TOBIT_SHIFT = 0.5
"""About three rows in ten of D1 are then censored at zero."""
CUTS = (-1.0, 0.3, 1.7)
ORDINAL_SHIFT = -0.3
"""Takes the intercept of D1 away: an ordinal model has cut-points in its place."""

DESIGNS: dict[str, Design] = {
    # the five-input design of the default
    "T1 Gaussian": Design(FIVE, linear(1.0), laws.Gaussian(0.7)),
    "T1 binomial": Design(FIVE, linear(1.3), laws.Binomial()),
    "T2 Gaussian": Design(FIVE, linear_and_unit, laws.Gaussian(0.7)),
    "D1/5 Gaussian": Design(FIVE, two_units(), laws.Gaussian(0.5)),
    "D1/5 binomial": Design(FIVE, two_units(1.5), laws.Binomial()),
    "M/5 Gaussian": Design(FIVE, waves, laws.Gaussian(0.5)),
    # three inputs
    "D1 Gaussian": Design(THREE, two_units(), laws.Gaussian(0.5)),
    "D1 binomial": Design(THREE, two_units(1.5), laws.Binomial()),
    "D1 Poisson": Design(THREE, two_units(0.7), laws.Poisson()),
    "D1 gamma": Design(THREE, two_units(0.7), laws.Gamma(4.0)),
    "D1 negative binomial": Design(THREE, two_units(0.7), laws.NegativeBinomial(0.5)),
    "D1 Tobit": Design(THREE, two_units(1.0, TOBIT_SHIFT), laws.Tobit(0.7)),
    "D1 ordinal": Design(THREE, two_units(1.5, ORDINAL_SHIFT), laws.Ordinal(CUTS)),
    "D1 multinomial": Design(THREE, classes, laws.Multinomial()),
    "D2 Gaussian": Design(THREE, waves, laws.Gaussian(0.5)),
    "D2 binomial": Design(THREE, waves, laws.Binomial()),
    "D4 Gaussian": Design(THREE, one_unit(1.0), laws.Gaussian(0.5)),
    "D4 binomial": Design(THREE, one_unit(1.5), laws.Binomial()),
    "D5 Gaussian": Design(THREE, straight, laws.Gaussian(0.5)),
    "D5 binomial": Design(THREE, straight, laws.Binomial()),
    "D6 tilted": Design(THREE, two_units(), laws.Gaussian(0.5, tilt=0.5)),
    "D6 clustered": Design(CLUSTERED, two_units(), laws.Gaussian(0.5, icc=0.2)),
    "D7 binomial": Design(THREE, two_units(1.5), laws.Binomial()),
    "D2L Gaussian": Design(THREE, two_layers(1.0), laws.Gaussian(0.5)),
    "D2L binomial": Design(THREE, two_layers(1.5), laws.Binomial()),
}
for _size in (0.1, 0.2, 0.3):
    DESIGNS[f"D3 Gaussian slope {_size}"] = Design(
        THREE, two_units(slope=_size), laws.Gaussian(0.5)
    )
    DESIGNS[f"D3 Gaussian U {_size}"] = Design(THREE, two_units(curve=_size), laws.Gaussian(0.5))
for _size in (0.2, 0.3, 0.5):
    DESIGNS[f"D3 binomial slope {_size}"] = Design(
        THREE, two_units(1.5, slope=_size), laws.Binomial()
    )
    DESIGNS[f"D3 binomial U {_size}"] = Design(THREE, two_units(1.5, curve=_size), laws.Binomial())
for _kind in ("net", "product"):
    for _size in (0.06, 0.1, 0.15):
        DESIGNS[f"D5 Gaussian {_kind} {_size}"] = Design(
            THREE, bent(_kind, _size), laws.Gaussian(0.5)
        )
    for _size in (0.2, 0.35, 0.5):
        DESIGNS[f"D5 binomial {_kind} {_size}"] = Design(THREE, bent(_kind, _size), laws.Binomial())

"""The French motor claims: rows, two models, and the choice of a ridge on learning rows.

What the demo, the benchmarks and the tests share. The preprocessing and the GLM are those of the
published comparisons (Noll, Salzmann and Wuthrich, SSRN 3164764; Schelldorfer and Wuthrich, SSRN
3320525), written into the formulas, so that a fitted model can be asked about any policy.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

import deepglm as dg
from deepglm.errors import ConvergenceWarning

Report = Callable[[str], None]

UNITS = 20
RIDGES = (10.0, 30.0, 100.0)

# -- rating factors, in the words of the formulas ---------------------------------------------


def area_code(area: pd.Series) -> np.ndarray:
    """Area from A (rural) to F (urban centre) as 1 to 6."""
    return np.asarray(area.astype(str).map({letter: k for k, letter in enumerate("ABCDEF", 1)}))


def age_band(age: pd.Series) -> pd.Categorical:
    """Age of the car: 1 to 10 years (the reference level), new, older."""
    bands = pd.cut(age, [-1, 0, 10, np.inf], labels=["0", "1-10", "11+"])
    return pd.Categorical(bands, categories=["1-10", "0", "11+"])


GLM_FORMULA = (
    "ClaimNb ~ area_code(Area) + C(np.minimum(VehPower, 9)) + age_band(VehAge)"
    " + DrivAge + np.log(DrivAge)"
    " + I(((DrivAge-45)/10)**2) + I(((DrivAge-45)/10)**3) + I(((DrivAge-45)/10)**4)"
    " + np.minimum(BonusMalus, 150) + np.log(Density) + VehBrand + VehGas + Region"
)
# The network finds bends and interactions by itself; the logarithms make steep beginnings easy.
DEEP_FORMULA = (
    "ClaimNb ~ area_code(Area) + np.minimum(VehPower, 9) + np.minimum(VehAge, 20)"
    " + np.minimum(DrivAge, 90) + np.log(np.minimum(DrivAge, 90))"
    " + np.minimum(BonusMalus, 150) + np.log(np.minimum(BonusMalus, 150)) + np.log(Density)"
    " + VehBrand + VehGas + Region"
)


# -- rows -----------------------------------------------------------------------------------------


def learning_and_test() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Policies of the field's split: claims cut at 4, exposures at one year, R24 as reference."""
    policies = dg.datasets.load("french_motor")
    held_out = dg.datasets.load("french_motor_split")["is_test_seed100"].to_numpy()
    policies["ClaimNb"] = policies["ClaimNb"].clip(upper=4)
    policies["Exposure"] = policies["Exposure"].clip(upper=1.0)
    others = [region for region in policies["Region"].cat.categories if region != "R24"]
    policies["Region"] = policies["Region"].cat.reorder_categories(["R24", *others])
    return policies[~held_out], policies[held_out]


def a_tenth(rows: pd.DataFrame, seed: int) -> np.ndarray:
    """Mark a random tenth of the rows."""
    marks = np.zeros(len(rows), dtype=bool)
    rng = np.random.default_rng(seed)
    marks[rng.choice(len(rows), size=len(rows) // 10, replace=False)] = True
    return marks


# -- models -------------------------------------------------------------------------------------


def glm(rows: pd.DataFrame) -> dg.DeepGLM:
    """The GLM of the published comparison (its GLM2): 48 coefficients."""
    return dg.DeepGLM(GLM_FORMULA, rows, family=dg.Poisson(), exposure="Exposure", hidden=())


def network(rows: pd.DataFrame, ridge: float, units: int = UNITS) -> dg.DeepGLM:
    """One hidden layer, no GLM terms beside it, a ridge on all slopes."""
    return dg.DeepGLM(
        DEEP_FORMULA,
        rows,
        family=dg.Poisson(),
        exposure="Exposure",
        hidden=(units,),
        skip=False,
        penalty=dg.L2(ridge, "hidden"),
    )


def deviances(result: Any, rows: pd.DataFrame) -> np.ndarray:
    """Unit Poisson deviance of every policy, times 100 as in the published tables."""
    y, mu = rows["ClaimNb"].to_numpy(float), result.predict(rows).to_numpy()
    return 100.0 * np.asarray(result.family.resid_dev(y, mu) ** 2)


def mean_deviance(result: Any, rows: pd.DataFrame) -> float:
    """Mean over the policies."""
    return float(deviances(result, rows).mean())


# -- the ridge ----------------------------------------------------------------------------------


@contextmanager
def approximately() -> Iterator[None]:
    """Fits inside are stopped early on purpose, so that they are not certified is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def choose_ridge(
    learning: pd.DataFrame,
    ridges: Sequence[float] = RIDGES,
    *,
    seed: int = 1,
    units: int = UNITS,
    report: Report = print,
) -> float:
    """Choose the ridge by the deviance of a held-out tenth of the learning rows.

    The one-standard-error rule: the stiffest ridge wins whose held-out deviance is within one
    standard error (of the paired difference) of the best. Policies share their rating factors with
    others here, in the held-out tenth as in the published test rows, and that flatters loose fits.

    The fits stop when about one log-likelihood unit is left to gain, far less than what the ridges
    differ by. The test rows have no part in this.
    """
    held_out = a_tenth(learning, seed)
    fitted_to, judged_on = learning[~held_out], learning[held_out]
    found: dict[float, np.ndarray] = {}
    for ridge in sorted(ridges, reverse=True):
        began = time.perf_counter()
        with approximately():
            fit = network(fitted_to, ridge, units).fit(seed=seed, starts=1, tol=1.0, inference=None)
        found[ridge] = deviances(fit, judged_on)
        seconds = time.perf_counter() - began
        report(f"ridge {ridge:3g}: held-out deviance {found[ridge].mean():.3f} ({seconds:.0f} s)")
    return stiffest(found)


def stiffest(found: Mapping[float, np.ndarray], errors: float = 1.0) -> float:
    """Stiffest ridge whose mean is within some standard errors of the least mean.

    Parameters
    ----------
    found
        Deviances of the same rows for every ridge.
    errors
        How many standard errors of the mean difference are no difference.
    """
    best = min(found.values(), key=np.mean)
    near = [
        ridge
        for ridge, values in found.items()
        if (values - best).mean() <= errors * (values - best).std() / np.sqrt(len(best))
    ]
    return max(near)

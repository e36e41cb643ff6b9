"""What is read from a fit, in plain numbers: the only module that knows the names of the package.

Every measure is a function of a `Sample` and gives what JSON can hold; a number that the package
withholds is None.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

import deepglm as dg
from calibration.designs import Design
from calibration.laws import Array, Table

DIGITS = 6
Z95 = 1.959963984540054


@dataclass
class Sample:
    """A sample with its fit.

    Parameters
    ----------
    design
        Where it comes from.
    table
        The sample.
    fresh
        New rows, the same for all samples of a cell.
    model, options
        Keywords of ``DeepGLM`` and of ``fit``.
    """

    design: Design
    table: Table
    fresh: Table
    model: dict[str, Any]
    options: dict[str, Any]

    @cached_property
    def results(self) -> Any:
        """The fit."""
        names = self.design.inputs.names
        formula = "y ~ " + " + ".join(names)
        made = dg.DeepGLM(formula, frame(self.table), self.design.law.family(), **self.model)
        options = dict(self.options)
        if options.get("cov_type") == "cluster":
            options["cov_kwds"] = {"groups": self.table["cluster"]}
        return made.fit(n_jobs=1, **options)

    @property
    def columns(self) -> pd.DataFrame:
        """The fresh rows as a table of inputs."""
        return frame({name: self.fresh[name] for name in self.design.inputs.names})


def frame(table: Table) -> pd.DataFrame:
    """A sample as a user would have it."""
    return pd.DataFrame(table)


def rounded(values: Any) -> Any:
    """Nested lists of numbers with few digits, None for what is no number."""
    if isinstance(values, Iterable) and not isinstance(values, str):
        return [rounded(one) for one in values]
    number = float(values)
    return float(f"{number:.{DIGITS}g}") if np.isfinite(number) else None


# -- how the fit is described ---------------------------------------------------------------------


def status(sample: Sample) -> dict[str, Any]:
    """Method of inference and its reason, refits, effective parameters, excess deviance."""
    results = sample.results
    found = getattr(results, "inference", None)
    deviance = _excess_deviance(sample)
    return {
        "converged": bool(results.converged),
        "method": getattr(found, "method", "delta"),
        "curves": getattr(found, "curves", "delta"),
        "reason": getattr(found, "reason", ""),
        "refits": getattr(found, "refits", 0),
        "failed": getattr(found, "failed", 0),
        "edf": rounded(getattr(results, "edf", np.nan)),
        "excess": rounded(deviance),
    }


def _excess_deviance(sample: Sample) -> float:
    """Expected squared error of eta at the fresh rows, for a Gaussian response only: n / variance.

    It is the expected deviance of as many new rows as the sample has, less that of the truth.
    """
    law = sample.design.law
    sd = getattr(law, "sd", None)
    if sd is None or getattr(law, "tilt", 0.0):
        return np.nan
    eta = np.asarray(sample.results.predict(sample.columns))
    error = float(np.mean((eta - sample.design.eta(sample.fresh)[0]) ** 2))
    return len(sample.table["y"]) * error / sd**2


# -- intervals ------------------------------------------------------------------------------------


def effects(sample: Sample) -> dict[str, Any]:
    """Population AME of every input: [estimate, low, high] for every outcome."""
    names = sample.design.inputs.names
    margins = sample.results.get_margeff(dummy=True)
    found = margins.summary_frame()
    columns = _interval_columns(found)
    of_input = [label[-1] if isinstance(label, tuple) else label for label in found.index]
    rows: dict[str, Any] = {name: [] for name in names}
    for label, values in zip(of_input, found[columns].to_numpy(dtype=float), strict=True):
        name = next((one for one in names if one == label), None)
        name = name or next(one for one in label if one in names)
        rows[name].append(rounded(values))
    return rows


def _interval_columns(found: pd.DataFrame) -> list[str]:
    """Estimate and limits, statsmodels' spelling of the last heading included."""
    low = next(c for c in found.columns if "Low" in str(c))
    high = next(c for c in found.columns if "Hi" in str(c))
    return [found.columns[0], low, high]


def curve(sample: Sample) -> dict[str, Any]:
    """Linear predictor at the fresh rows: marks of the intervals (see `marked`), mean width."""
    found = sample.results.get_prediction(sample.columns, which="linear").summary_frame()
    value, low, high = found.iloc[:, 0], found.iloc[:, -2], found.iloc[:, -1]
    truth = np.asarray(sample.design.eta(sample.fresh))
    eta = truth[0] if len(truth) == 1 else truth.T.reshape(-1)
    marks = marked(low.to_numpy(float), high.to_numpy(float), eta)
    return {
        "covered": marks,
        "width": rounded(np.nanmean(high - low) if high.notna().any() else np.nan),
        "error": rounded(np.nanmean(value - eta)),
    }


def marked(low: Array, high: Array, truth: Array) -> str:
    """A mark for every interval: "1" covers, "0" does not, "-" there is none."""
    none = ~(np.isfinite(low) & np.isfinite(high))
    inside = (low <= truth) & (truth <= high)
    return "".join("-" if no else "01"[bool(yes)] for no, yes in zip(none, inside, strict=True))


def linear_part(sample: Sample) -> dict[str, Any]:
    """Projection of eta on the GLM terms: [estimate, low, high] by term, the intercept left out."""
    found = sample.results.linear_part()
    found = found.summary_frame() if hasattr(found, "summary_frame") else found
    columns = [found.columns[0], found.columns[-2], found.columns[-1]]
    return {
        name: rounded(found.loc[name, columns].to_numpy(float))
        for name in sample.design.inputs.names
    }


def predictions(sample: Sample) -> dict[str, Any]:
    """95% prediction intervals: stated probability and the actual one, mean over the fresh rows.

    The actual probability is that of the true law between the limits, so that no fresh response
    needs to be drawn.
    """
    found = sample.results.get_prediction(sample.columns).summary_frame(alpha=0.05)
    low, high = (found[f"obs_ci_{end}"].to_numpy(float) for end in ("lower", "upper"))
    law, eta = sample.design.law, sample.design.eta(sample.fresh)
    actual = law.below(high, eta, sample.fresh) - law.before(low, eta, sample.fresh)
    stated = found["obs_ci_prob"].to_numpy(float) if "obs_ci_prob" in found else 0.95 + 0.0 * low
    none = ~(np.isfinite(low) & np.isfinite(high))
    return {
        "actual": rounded(np.where(none, 0.0, actual).mean()),
        "stated": rounded(np.where(none, 0.95, stated).mean()),
        "withheld": rounded(none.mean()),
    }


def auxiliary(sample: Sample) -> dict[str, Any]:
    """Auxiliary parameters: [estimate, low, high]; for cut-points their differences as well."""
    results, law = sample.results, sample.design.law
    limits = results.conf_int()
    names = [name for name in limits.index if name in ("alpha", "log_sigma") or "|" in name]
    found = {
        name: rounded([results.params[name], *limits.loc[name].to_numpy(float)]) for name in names
    }
    if hasattr(law, "cuts"):
        found |= _gaps(results, names)
    return found


def _gaps(results: Any, names: list[str]) -> dict[str, Any]:
    """Differences of neighbouring cut-points, by the delta method of the joint covariance."""
    V = results.cov_params().loc[names, names].to_numpy(float)
    found = {}
    for k in range(len(names) - 1):
        gap = float(results.params[names[k + 1]] - results.params[names[k]])
        error = np.sqrt(V[k, k] + V[k + 1, k + 1] - 2.0 * V[k, k + 1])
        found[f"gap{k + 1}"] = rounded([gap, gap - Z95 * error, gap + Z95 * error])
    return found


# -- tests ----------------------------------------------------------------------------------------


def input_tests(sample: Sample) -> dict[str, Any]:
    """P-values of the score tests of x3: first-order and any form."""
    line = sample.results.input_tests("x3").loc["x3"]
    return {"first": rounded(line["pvalue"]), "any": rounded(line["pvalue_any"])}


def likelihood_tests(sample: Sample) -> dict[str, Any]:
    """P-values of x3 by Wald and likelihood ratio, None where they are withheld."""
    results = sample.results
    return {name: rounded(results.test_input("x3", name)["pvalue"]) for name in ("wald", "lr")}


def nonlinearity(sample: Sample) -> dict[str, Any]:
    """P-values of the tests whether a GLM is enough."""
    return _tests(sample.results.nonlinearity_test())


def unit(sample: Sample) -> dict[str, Any]:
    """P-values of the tests for one more hidden unit."""
    return _tests(sample.results.unit_test())


def _tests(found: pd.DataFrame) -> dict[str, Any]:
    """Each test by itself, and the smaller of both adjusted for their number."""
    values = {str(name): rounded(p) for name, p in found["pvalue"].items()}
    return {**values, "either, adjusted": rounded(found["pvalue_adjusted"].min())}


# -- saturation -----------------------------------------------------------------------------------

STEEP = 15.0
"""Norm of standardised hidden slopes above which a unit is a step."""


def saturation(sample: Sample) -> dict[str, Any]:
    """Units that are steps by their slopes, and units that the package names.

    A unit that adds nothing to the linear predictor is named dead, and nothing else.
    """
    results = sample.results
    predictor = results.model.predictor
    layer = predictor.unpack(results._estimate.theta[: predictor.size]).layers[0][0]
    steep = np.linalg.norm(np.asarray(layer)[:, 1:], axis=1) > STEEP
    names = [f"layer1.unit{k + 1}" for k in range(len(steep))]
    units = results._estimate.certificate.units
    saturated = np.array([name in units.saturated for name in names])
    named = saturated | np.array([name in units.dead for name in names])
    printed = np.isfinite(results.bse.to_numpy(float)).any() if steep.any() else False
    return {
        "steep": int(steep.sum()),
        "missed": int((steep & ~named).sum()),
        "false": int((saturated & ~steep).sum()),
        "units": len(steep),
        "errors printed": bool(printed),
    }


MEASURES: dict[str, Callable[[Sample], Any]] = {
    "status": status,
    "effects": effects,
    "curve": curve,
    "linear part": linear_part,
    "predictions": predictions,
    "auxiliary": auxiliary,
    "input tests": input_tests,
    "likelihood tests": likelihood_tests,
    "nonlinearity": nonlinearity,
    "unit": unit,
    "saturation": saturation,
}


def measured(sample: Sample, names: Iterable[str]) -> dict[str, Any]:
    """All measures of these names; an error of the package becomes a line of the record."""
    found: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for name in ("status", *names):
            try:
                found[name] = MEASURES[name](sample)
            except Exception as error:  # a sample that fails is a miss, not the end of the run
                found.setdefault("errors", {})[name] = f"{type(error).__name__}: {error}"[:300]
                if name == "status":
                    break
    counts = Counter(type(one.message).__name__ for one in told)
    if counts:
        found["warnings"] = dict(sorted(counts.items()))
    return found

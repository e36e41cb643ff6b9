"""``python -m calibration.real_data``: what the untouched default prints on ten real data sets.

The sets and formulas were named before the first fit. Silence is safe and useless: the table says
by which method effects and curves got their errors, and what share of them was withheld.
"""

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy

import sys  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

import deepglm as dg  # noqa: E402
from benchmarks import responses  # noqa: E402
from calibration.tables import PAGES, table  # noqa: E402

ADULT = Path(__file__).parents[1] / "data" / "adult.parquet"
MOTOR_ROWS = 100_000
CURVE_ROWS = 200


@dataclass(frozen=True)
class RealData:
    """A data set with the one formula that it is fitted with."""

    name: str
    formula: str
    family: Callable[[], Any]
    read: Callable[[], pd.DataFrame]
    options: dict[str, str] = field(default_factory=dict)


def _drawn(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    chosen = np.random.default_rng(0).choice(len(frame), rows, replace=False)
    return frame.iloc[np.sort(chosen)].reset_index(drop=True)


def _ordered(frame: pd.DataFrame, name: str, levels: tuple[str, ...]) -> pd.DataFrame:
    return frame.assign(**{name: pd.Categorical(frame[name], levels, ordered=True)})


def _benchmark(name: str) -> RealData:
    data = next(one for one in responses.DATA if one.name == name)
    options = {"var_weights": data.var_weights} if data.var_weights else {}
    return RealData(name, data.formula, data.family, lambda: responses.read(data), options)


TEN: tuple[RealData, ...] = (
    RealData("trees", "Volume ~ Girth + Height", dg.Gaussian, lambda: dg.datasets.load("trees")),
    RealData(
        "ships",
        "incidents ~ C(type) + C(year) + C(period)",
        dg.Poisson,
        lambda: dg.datasets.load("ships").query("service > 0"),
        {"exposure": "service"},
    ),
    RealData(
        "housing",
        "Sat ~ Infl + Type + Cont",
        dg.Ordinal,
        lambda: _ordered(dg.datasets.load("housing"), "Sat", ("Low", "Medium", "High")),
        {"freq_weights": "Freq"},
    ),
    _benchmark("concrete"),
    _benchmark("houses"),
    _benchmark("mortgages"),
    _benchmark("solder"),
    _benchmark("motor cells"),
    RealData(
        "adult",
        "income ~ age + C(workclass) + education_num + C(marital_status) + C(occupation) + C(sex)"
        " + np.log1p(capital_gain) + hours_per_week",
        dg.Binomial,
        lambda: pd.read_parquet(ADULT),
    ),
    RealData(
        "french motor",
        "ClaimNb ~ DrivAge + VehAge + VehPower + BonusMalus + np.log(Density) + C(VehBrand)"
        " + C(VehGas) + C(Region)",
        dg.Poisson,
        lambda: _drawn(dg.datasets.load("french_motor"), MOTOR_ROWS),
        {"exposure": "Exposure"},
    ),
)
"""Factors, weights, exposure, 31 to 100,000 rows, six families."""


def missing(values: Any) -> float:
    """Share that is not finite."""
    found = np.asarray(values, dtype=float)
    return float(np.mean(~np.isfinite(found)))


def printed(data: RealData) -> dict[str, str]:
    """Fit the default; say what was printed, by which method."""
    frame = data.read()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = dg.DeepGLM(data.formula, frame, data.family(), **data.options).fit()
    found = results.inference
    line = {
        "rows": f"{int(results.nobs):,}",
        "family": type(data.family()).__name__,
        "parameters": str(len(results.params)),
        "edf": f"{results.edf:.0f}",
        "certified": "yes" if results.converged else "no",
        "effects by": found.method,
        "curves by": found.curves,
        "refits (failed)": f"{found.refits} ({found.failed})" if found.refits else "",
    }
    shares: dict[str, Callable[[], Any]] = {
        "effects": lambda: results.get_margeff(dummy=True).margeff_se,
        "linear part": lambda: results.linear_part().se,
        "curves": lambda: results.get_prediction(
            frame.iloc[:CURVE_ROWS], which="linear", **_beside(data, frame)
        ).summary_frame()["se"],
        "tests of inputs": lambda: results.input_tests()["pvalue"],
    }
    for name, measure in shares.items():
        try:
            line[f"{name} withheld"] = f"{missing(measure()):.2f}"
        except (dg.errors.NotAvailableError, KeyError) as error:
            line[f"{name} withheld"] = f"1.00 ({type(error).__name__})"
    line["reason"] = found.reason
    return line


def _beside(data: RealData, frame: pd.DataFrame) -> dict[str, Any]:
    exposure = data.options.get("exposure")
    return {"exposure": frame[exposure].iloc[:CURVE_ROWS].to_numpy()} if exposure else {}


def main(names: list[str]) -> None:
    """Fit them all, or those that are named; only a run of all writes the page."""
    rows = []
    for data in TEN:
        if names and data.name not in names:
            continue
        line = printed(data)
        rows.append((data.name, *line.values()))
        heads = ("data", *line)
        print(data.name, line, flush=True)
    if not names:
        PAGES.mkdir(parents=True, exist_ok=True)
        title = "What the default prints on real data"
        text = (
            f"{title}\n{'=' * len(title)}\n\n"
            "Ten data sets and their formulas, named before the first fit, and the untouched "
            "default:\nby which method it printed, and what share it withheld.\n\n"
        )
        (PAGES / "real_data.rst").write_text(text + table("Real data", heads, rows))


if __name__ == "__main__":
    main(sys.argv[1:])

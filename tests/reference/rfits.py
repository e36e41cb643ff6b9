"""Fits of R's ``glm()`` as calls of this package.

Each record of the stored files names its data set, its formula in R's language, family, link, prior
weights and offset. This module reads them literally: what it cannot read is an error, not a guess.
Where R leaves a convention to the analyst, it is written down in the tables at the top.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.tools.sm_exceptions import DomainWarning

import deepglm as dg
from deepglm.errors import CollinearityWarning

DATA = Path(__file__).parent / "data"

Record = dict[str, Any]

# Factors whose levels are not in factor_levels.json: numbers that R was told to take as factors,
# and tables that came without R's type. The first level is the base.
FACTORS: dict[str, dict[str, list[Any]]] = {
    "datasets_mtcars": {"cyl": [4, 6, 8]},
    "MASS_birthwt": {"race": ["white", "black", "other"]},
    "MASSbook_bwt": {"race": ["white", "black", "other"], "ftv3": ["0", "1", "2+"]},
    "MASSbook_budworm": {"sex": ["F", "M"]},
    "MASS_ships": {"year": [60, 65, 70, 75], "period": [60, 75]},
    "gnm_barley": {"site": list("ABCDEFGHI"), "variety": [*"123456789", "X"]},
    "cas_swautoins": {
        "Kilometres": [1, 2, 3, 4, 5],
        "Zone": [1, 2, 3, 4, 5, 6, 7],
        "Bonus": [1, 2, 3, 4, 5, 6, 7],
        "Make": [1, 2, 3, 4, 5, 6, 7, 8, 9],
    },
    # the package sets the base to "average"
    "AER_NMES1988": {"health": ["average", "poor", "excellent"]},
}

# Codes that R's scripts turned into words first.
CODES = {"MASS_birthwt": {"race": {1: "white", 2: "black", 3: "other"}}}

links = dg.families.links

LINKS: dict[str, Callable[[], Any]] = {
    "identity": links.Identity,
    "log": links.Log,
    "inverse": links.InversePower,
    "sqrt": links.Sqrt,
    "logit": links.Logit,
    "probit": links.Probit,
    "cauchit": links.Cauchy,
    "cloglog": links.CLogLog,
    "1/mu^2": links.InverseSquared,
    "mu^0.333": lambda: links.Power(power=1.0 / 3.0),
    "mu^0.5": links.Sqrt,
}

FAMILIES: dict[str, Any] = {
    "gaussian": dg.Gaussian,
    "binomial": dg.Binomial,
    "quasibinomial": dg.Binomial,
    "poisson": dg.Poisson,
    "quasipoisson": dg.Poisson,
    "Gamma": dg.Gamma,
    "inverse.gaussian": dg.InverseGaussian,
}

# `quasi` and `wedderburn`: the record's name holds the variance function.
QUASI_VARIANCE = {
    "quasi_log_mu2_trees": "mu^2",
    "quasi_inverse_mu3_trees": "mu^3",
    "quasi_logit_mu1mu_esoph": "mu(1-mu)",
    "quasi_sqrt_mu_warpbreaks": "mu",
    "wedderburn_logit_barley": "mu^2(1-mu)^2",
}


@dataclass(frozen=True)
class Call:
    """How a record is said here."""

    formula: str
    data: pd.DataFrame
    family: Any
    options: dict[str, Any] = field(default_factory=dict)
    scale: str | float | None = None

    def model(self) -> dg.DeepGLM:
        return dg.DeepGLM(self.formula, self.data, self.family, hidden=(), **self.options)

    def fit(self, **kwargs: Any) -> dg.DeepGLMResults:
        return self.model().fit(scale=self.scale, **kwargs)


@cache
def records(file: str) -> dict[str, Record]:
    """The models of a file, by name."""
    models: dict[str, Record] = json.loads((DATA / f"{file}.json").read_text())["models"]
    return models


@cache
def levels() -> dict[str, dict[str, list[str]]]:
    """R's order of levels."""
    stored: dict[str, dict[str, list[str]]] = json.loads((DATA / "factor_levels.json").read_text())
    return stored


@cache
def table(key: str) -> pd.DataFrame:
    """A data set with R's factors; the caller must not change it."""
    file = DATA / f"{key}.parquet"
    data = pd.read_parquet(file) if file.exists() else pd.read_csv(DATA / f"{key}.csv")
    for column, words in CODES.get(key, {}).items():
        data[column] = data[column].map(words)
    for column, order in {**levels().get(key, {}), **FACTORS.get(key, {})}.items():
        values = data[column]
        kind = values.cat.categories.dtype if hasattr(values, "cat") else values.dtype
        wanted = pd.Index(order).astype(kind)
        seen = set(values.dropna())
        assert seen == set(wanted), (key, column, seen, order)
        data[column] = pd.Categorical(values, categories=wanted)
    return data


def key_of(record: Record) -> str:
    """Name of the data file: the first word of the record's ``dataset``."""
    return re.split(r"[ ,]", record["dataset"])[0].replace("/", "_")


def rows(record: Record) -> pd.DataFrame:
    """The rows that R used: ``x>0`` in the description of the data selects."""
    data = table(key_of(record))
    if "complete cases" in record["dataset"]:
        data = data.dropna()
    for column in re.findall(r"(\w+)>0", record["dataset"]):
        data = data[data[column] > 0]
    if "y=1 if class is its larger value" in record["dataset"]:
        data = data.assign(bad=(data["class"] == data["class"].max()).astype(int))
    n = record.get("n", len(data))
    assert len(data) == n, (record["dataset"], len(data), n)
    return data


def numbers(text: str, data: pd.DataFrame) -> np.ndarray:
    """An R expression in the columns of the data: weights or an offset."""
    value = data.eval(text, engine="python")
    return np.broadcast_to(np.asarray(value, dtype=float), len(data)).copy()


# -- formulas and names -------------------------------------------------------------------------


def split_offset(formula: str) -> tuple[str, str | None]:
    """R's formula without its ``offset()`` term, and what is inside."""
    found = re.search(r"\s*\+\s*offset\((.*)\)\s*$", formula)
    if found is None:
        return formula, None
    return formula[: found.start()], found.group(1)


def patsy_formula(formula: str, poly: tuple[str, ...] = ()) -> str:
    """An R formula in patsy's language.

    Parameters
    ----------
    formula
        R's, without ``offset()``.
    poly
        Factors with polynomial contrasts.
    """
    left, right = (side.strip() for side in formula.split("~"))
    counts = re.fullmatch(r"cbind\((.*),(.*)\)", left)
    if counts:
        left = " + ".join(_protected(part.strip()) for part in counts.groups())
    else:
        left = _protected(left)
    right = re.sub(r"\blog\(", "np.log(", right).replace("^", "**")
    right = re.sub(r"(?<!\()\b([A-Za-z]\w*\.(?!log\()\w+)\b", r'Q("\1")', right)
    for factor in poly:
        right = re.sub(rf"\b{factor}\b", f"C({factor}, Poly)", right)
    return f"{left} ~ {right}"


def _protected(term: str) -> str:
    """Arithmetic on the left is arithmetic in R; in patsy it needs I()."""
    return term if re.fullmatch(r"[\w.]+|I\(.*\)", term) else f"I({term})"


def r_name(name: str) -> str:
    """patsy's name of a column in R's spelling, with the parts of an interaction sorted."""
    return ":".join(sorted(_r_part(part) for part in name.split(":")))


def _r_part(part: str) -> str:
    if part == "Intercept":
        return "(Intercept)"
    poly = re.fullmatch(r"C\((\w+), Poly\)\.(Linear|Quadratic|Cubic)", part)
    if poly:
        return f"{poly.group(1)}.{poly.group(2)[0]}"
    level = re.fullmatch(r"(\w+)\[(?:T\.)?(.*)\]", part)
    if level:
        return level.group(1) + level.group(2)
    part = re.sub(r'Q\("(.*)"\)', r"\1", part)
    return re.sub(r" ?\*\* ?", "^", part.replace("np.log(", "log("))


def labelled(values: dict[str, float]) -> pd.Series:
    """R's named numbers, the parts of interactions sorted as in :func:`r_name`."""
    return pd.Series({":".join(sorted(name.split(":"))): v for name, v in values.items()})


# -- calls --------------------------------------------------------------------------------------


def family_of(name: str, record: Record) -> tuple[Any, str | float | None]:
    """Family with its link, and the ``scale`` of the fit."""
    kind = record["family"]
    link = LINKS[record["link"]]()
    if kind in ("quasi", "wedderburn"):
        return dg.Quasi(link, QUASI_VARIANCE[name]), None
    if kind == "tweedie":
        return dg.Tweedie(link, var_power=record["var_power"]), None
    if kind == "negative_binomial":
        # glm.nb's standard errors are those of a known theta
        return dg.NegativeBinomial(link, alpha=1.0 / record["theta"]), None
    if kind.startswith("Negative Binomial("):
        # summary.glm divides by Pearson's estimate here
        return dg.NegativeBinomial(link, alpha=1.0 / record["theta"]), "X2"
    with warnings.catch_warnings():
        # statsmodels warns of links that are not on its list for the family, and here is one such
        warnings.simplefilter("ignore", DomainWarning)
        family = FAMILIES[kind](link, check_link=False)
    return family, "X2" if kind.startswith("quasi") else None


def call(name: str, record: Record) -> Call:
    """A record as a call of DeepGLM."""
    data = rows(record)
    bare, inside = split_offset(record["formula"])
    ordered = "contr.poly" in record["dataset"]
    formula = patsy_formula(bare, ("Group", "Age") if ordered else ())
    options: dict[str, Any] = {}
    offset = inside or record["offset"]
    if offset != "none":
        options["offset"] = numbers(offset, data)
    if record["prior_weights"] != "none":
        # for a binomial proportion these are the trials, which divide the dispersion too
        options["var_weights"] = numbers(record["prior_weights"], data)
    family, scale = family_of(name, record)
    return Call(formula, data, family, options, scale)


# R drops a column that others determine; here its coefficient is NaN, and a warning names it.
ALIASED = {"poisson_log_quine": "Age[T.F3]:Lrn[T.SL]", "quasipoisson_quine": "Age[T.F3]:Lrn[T.SL]"}


@cache
def fitted(file: str, name: str) -> dg.DeepGLMResults:
    """The record's model, fitted once."""
    with warnings.catch_warnings():
        if name in ALIASED:
            warnings.simplefilter("ignore", CollinearityWarning)
        return call(name, records(file)[name]).fit()

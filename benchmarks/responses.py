"""Every response on real data: the ordinary model against the default deep fit, out of sample.

    python -m benchmarks.responses                   all, written to responses.md
    python -m benchmarks.responses concrete wine     some, printed only

Twenty data sets, two for each response, were chosen for the field they are from and because the
response suits them, before any of them was fitted, and none was exchanged afterwards. Formulas are
main effects as their textbooks have them, with logs of prices, incomes and sizes where those take
them, no squares and no interactions. Each is split ten times into two thirds for learning and one
third held out. Both models have their defaults, and nothing was tuned.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special
from statsmodels.genmod import families as sm

import deepglm as dg
from benchmarks.report import Table, machine
from deepglm.families import Level, adapt
from deepglm.families.compound_poisson import CompoundPoisson

Array = npt.NDArray[np.float64]

HERE = Path(__file__).parent
FOLDERS = (HERE / "data", HERE.parent / "tests" / "reference" / "data")
PAGE = Path(__file__).with_suffix(".md")
MOST_ROWS = 5_000
SEEDS = range(10)
LOG = sm.links.Log
# Learning sets of the splits share rows. With a third held out, this factor instead of the root of
# 1 / 10 allows for that (Nadeau and Bengio 2003, Inference for the generalization error).
ALLOWED = float(np.sqrt(1.0 / len(SEEDS) + 0.5))


@dataclass(frozen=True)
class Data:
    """A data set with its model."""

    name: str
    response: str
    file: str
    what: str
    formula: str
    family: Callable[[], Any]
    measure: str
    """The second measure: a key of ``MEASURES``."""
    outcome: str
    """The column that is predicted."""
    factors: tuple[str, ...] = ()
    """Columns of numbers that stand for levels."""
    made: tuple[str, ...] = ()
    """Columns computed from others."""
    rows: str = ""
    """Which rows are taken."""
    order: tuple[str, ...] = ()
    """Levels of an ordered response."""
    var_weights: str | None = None


def _gamma() -> Any:
    return dg.Gamma(LOG())


def _inverse_gaussian() -> Any:
    return dg.InverseGaussian(LOG())


def _tobit() -> Any:
    return dg.Tobit(lower=0)


# fmt: off
DATA: tuple[Data, ...] = (
    Data(
        "concrete", "Gaussian", "modeldata_concrete.csv", "strength of concrete",
        "compressive_strength ~ cement + blast_furnace_slag + fly_ash + water + superplasticizer"
        " + coarse_aggregate + fine_aggregate + age",
        dg.Gaussian, "RMSE", "compressive_strength",
    ),
    Data(
        "schools", "Gaussian", "AER_CASchools.csv", "test scores of districts",
        "score ~ I(students / teachers) + english + lunch + calworks + np.log(income)"
        " + expenditure",
        dg.Gaussian, "RMSE", "score", made=("score = (read + math) / 2",),
    ),
    Data(
        "pima", "Binomial", "mlbench_PimaIndiansDiabetes2.csv", "diabetes of women",
        "diabetes ~ pregnant + glucose + pressure + mass + pedigree + age",
        dg.Binomial, "error rate", "diabetes",
    ),
    Data(
        "mortgages", "Binomial", "AER_HMDA.csv", "mortgages denied",
        "deny ~ pirat + hirat + lvrat + chist + mhist + phist + unemp + selfemp + insurance"
        " + condomin + afam + single + hschool",
        dg.Binomial, "error rate", "deny", factors=("chist", "mhist"),
    ),
    Data(
        "solder", "Poisson", "survival_solder.csv", "skips on circuit boards",
        "skips ~ Opening + Solder + Mask + PadType + Panel",
        dg.Poisson, "deviance", "skips", factors=("Panel",),
    ),
    Data(
        "doctor", "Poisson", "AER_DoctorVisits.parquet", "visits to a doctor",
        "visits ~ gender + age + income + illness + reduced + health + private + freepoor"
        " + freerepat + nchronic + lchronic",
        dg.Poisson, "deviance", "visits",
    ),
    Data(
        "light chains", "Gamma", "survival_flchain.parquet", "kappa light chains in blood",
        "kappa ~ age + sex + creatinine + sample_yr",
        _gamma, "deviance", "kappa",
    ),
    Data(
        "houses", "Gamma", "AER_HousePrices.csv", "prices of houses",
        "price ~ np.log(lotsize) + bedrooms + bathrooms + stories + driveway + recreation"
        " + fullbase + gasheat + aircon + garage + prefer",
        _gamma, "deviance", "price",
    ),
    Data(
        "motor claims", "InverseGaussian", "cas_ausprivauto0405.parquet", "amounts of motor claims",
        "ClaimAmount ~ VehValue + VehAge + VehBody + Gender + DrivAge",
        _inverse_gaussian, "deviance", "ClaimAmount", rows="ClaimAmount > 0",
    ),
    Data(
        "processors", "InverseGaussian", "MASS_cpus.csv", "performance of computers",
        "perf ~ np.log(syct) + np.log(mmin) + np.log(mmax) + np.log1p(cach) + np.log1p(chmin)"
        " + np.log1p(chmax)",
        _inverse_gaussian, "deviance", "perf",
    ),
    Data(
        "chemists", "NegativeBinomial", "pscl_bioChemists.csv", "articles of doctoral students",
        "art ~ fem + mar + kid5 + phd + ment",
        dg.NegativeBinomial, "RMSE", "art",
    ),
    Data(
        "lake trips", "NegativeBinomial", "AER_RecreationDemand.csv", "boating trips to a lake",
        "trips ~ quality + ski + income + userfee + costC + costS + costH",
        dg.NegativeBinomial, "RMSE", "trips",
    ),
    Data(
        "motor cells", "Tweedie", "cas_swautoins.parquet", "payments per insured year",
        "premium ~ Kilometres + Zone + Bonus + Make",
        dg.Tweedie, "deviance", "premium", factors=("Zone", "Make"),
        made=("premium = Payment / Insured",), var_weights="Insured",
    ),
    Data(
        "credit cards", "Tweedie", "AER_CreditCard.csv", "spending by credit card",
        "expenditure ~ reports + age + np.log(income) + owner + selfemp + dependents + months"
        " + majorcards + active",
        dg.Tweedie, "deviance", "expenditure",
    ),
    Data(
        "votes", "Multinomial", "carData_BEPS.csv", "votes for three parties",
        "vote ~ age + economic_cond_national + economic_cond_household + Blair + Hague + Kennedy"
        " + Europe + political_knowledge + gender",
        dg.Multinomial, "error rate", "vote",
    ),
    Data(
        "occupations", "Multinomial", "AER_CPS1985.csv", "six occupations",
        "occupation ~ education + experience + ethnicity + region + gender + married",
        dg.Multinomial, "error rate", "occupation",
    ),
    Data(
        "poverty", "Ordinal", "carData_WVS.csv", "opinions on help for the poor",
        "poverty ~ religion + degree + country + age + gender",
        dg.Ordinal, "error rate", "poverty", order=("Too Little", "About Right", "Too Much"),
    ),
    Data(
        "wine", "Ordinal", "wine_red.csv", "grades of red wine",
        "quality ~ fixed_acidity + volatile_acidity + citric_acid + residual_sugar + chlorides"
        " + free_sulphur_dioxide + total_sulphur_dioxide + density + pH + sulphates + alcohol",
        dg.Ordinal, "error rate", "quality",
    ),
    Data(
        "affairs", "Tobit", "AER_Affairs.csv", "affairs in a year, none for most",
        "affairs ~ gender + age + yearsmarried + children + religiousness + education"
        " + occupation + rating",
        _tobit, "RMSE", "affairs",
    ),
    Data(
        "hours", "Tobit", "AER_PSID1976.csv", "hours of work of wives, none for many",
        "hours ~ age + education + experience + youngkids + oldkids + hwage + city",
        _tobit, "RMSE", "hours",
    ),
)
# fmt: on


# -- rows -----------------------------------------------------------------------------------------


def read(data: Data) -> pd.DataFrame:
    """The rows of a data set: complete, and at most ``MOST_ROWS``, drawn with the seed 0."""
    path = next(folder / data.file for folder in FOLDERS if (folder / data.file).exists())
    rows = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    rows = rows.rename(columns=lambda name: str(name).replace(".", "_"))
    if data.rows:
        rows = rows.query(data.rows)
    for column in data.made:
        rows = rows.eval(column)
    for name in data.factors:
        rows[name] = rows[name].astype(str)
    rows = rows[used(data, list(rows.columns))].dropna().reset_index(drop=True)
    for name in factors(rows):
        rows[name] = rows[name].astype(str)
    if data.order:
        rows[data.outcome] = pd.Categorical(rows[data.outcome], data.order, ordered=True)
    if len(rows) > MOST_ROWS:
        drawn = np.random.default_rng(0).choice(len(rows), MOST_ROWS, replace=False)
        rows = rows.iloc[np.sort(drawn)].reset_index(drop=True)
    return rows


def used(data: Data, columns: Sequence[str]) -> list[str]:
    """Those columns that the model mentions."""
    words = set("".join(c if c.isalnum() or c == "_" else " " for c in data.formula).split())
    return [name for name in columns if name in words or name == data.var_weights]


def factors(rows: pd.DataFrame) -> list[str]:
    """Columns of words."""
    return [name for name in rows if not pd.api.types.is_numeric_dtype(rows[name])]


def labels(data: Data, rows: pd.DataFrame) -> list[str]:
    """Columns of labels; a grade is a label though it is a number, and a count is not."""
    graded = data.response == "Ordinal" and data.outcome not in factors(rows)
    return factors(rows) + [data.outcome] * graded


def split(n: int, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Numbers of the rows of a split: two thirds to learn from, one third held out."""
    order = np.random.default_rng(seed).permutation(n)
    size = round(2 * n / 3)
    return np.sort(order[:size]), np.sort(order[size:])


def seen(
    learning: pd.DataFrame, test: pd.DataFrame, labels: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Which test rows have, in these columns of labels, only levels that the learning rows have."""
    known = [test[name].isin(learning[name].unique()) for name in labels]
    return np.asarray(np.all(known, axis=0)) if known else np.ones(len(test), dtype=bool)


# -- scores ---------------------------------------------------------------------------------------


def log_scores(law: Any, y: Any) -> Array:
    """Log of the probability or density that a law gives to each response.

    A censored response has the probability of its limit where it is there, and its density
    elsewhere. Nothing is cut off: a response that was called impossible scores minus infinity.
    """
    with np.errstate(divide="ignore"):
        if isinstance(law, CompoundPoisson):
            return _tweedie_scores(law, y)
        if hasattr(law, "probabilities"):
            return np.asarray(np.log(law.pmf(y)))
        if hasattr(law, "latent"):
            low, high = law.latent.logcdf(law.lower), law.latent.logsf(law.upper)
            inside = law.latent.logpdf(y)
            return np.where(y <= law.lower, low, np.where(y >= law.upper, high, inside))
        return np.asarray(law.logpmf(y) if hasattr(law, "logpmf") else law.logpdf(y))


def _tweedie_scores(law: CompoundPoisson, y: Array) -> Array:
    """The family's exact log-likelihood of rows, at the law's mean, dispersion and power."""
    family = adapt(dg.Tweedie())
    mu, phi = np.broadcast_arrays(law.mu, law.phi)
    aux = np.array([0.0, special.logit(law.power - 1.0)])
    return np.asarray(family.rows(y, np.log(mu)[None], aux, 1.0 / phi, Level.VALUE).value)


def rmse(data: Data, law: Any, y: Any, weights: Array) -> float:
    """Root of the mean squared difference from the mean."""
    return float(np.sqrt(np.average((y - law.mean()) ** 2, weights=weights)))


def deviance(data: Data, law: Any, y: Any, weights: Array) -> float:
    """Mean deviance of the means; of Tweedie responses at the power 1.5, for both models."""
    family = sm.Tweedie(var_power=1.5) if data.response == "Tweedie" else data.family()
    return float(np.average(family.resid_dev(y, law.mean()) ** 2, weights=weights))


def error_rate(data: Data, law: Any, y: Any, weights: Array) -> float:
    """Share of the rows whose likeliest label was another."""
    if hasattr(law, "probabilities"):
        likeliest = np.asarray(law.levels, dtype=object)[law.probabilities.argmax(axis=0)]
        return float((likeliest != np.asarray(y, dtype=object)).mean())
    return float(((law.mean() > 0.5) != (y == 1)).mean())


MEASURES: dict[str, Callable[[Data, Any, Any, Array], float]] = {
    "RMSE": rmse,
    "deviance": deviance,
    "error rate": error_rate,
}


# -- fits -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """What one fit did on the rows that were held out."""

    mean: float = np.nan
    """Mean log score."""
    second: float = np.nan
    certified: bool = False
    status: str = ""
    seconds: float = np.nan
    failure: str = ""


@dataclass(frozen=True)
class Pair:
    """Both fits of a split."""

    plain: Score
    deep: Score
    unseen: int = 0
    """Rows held out that have a level which the learning rows lack."""


def pair(data: Data, rows: pd.DataFrame, seed: int) -> Pair:
    """Fit a split with both models, and score them."""
    inside, outside = split(len(rows), seed)
    learning, test = rows.iloc[inside], rows.iloc[outside]
    known = seen(learning, test, labels(data, rows))
    scores = [score(data, learning, test[known], options) for options in ({"hidden": ()}, {})]
    return Pair(*scores, unseen=int((~known).sum()))


def score(data: Data, learning: pd.DataFrame, test: pd.DataFrame, options: dict[str, Any]) -> Score:
    """Fit, and score; an error is a failure, and is kept."""
    began = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # certificates are counted in the table
            model = dg.DeepGLM(
                data.formula, learning, data.family(), var_weights=data.var_weights, **options
            )
            fit = model.fit(seed=0, n_jobs=1, inference=None)
            seconds = time.perf_counter() - began
            weights = np.ones(len(test))
            if data.var_weights:
                weights = test[data.var_weights].to_numpy(dtype=float)
                law = fit.get_distribution(test, var_weights=weights)
            else:
                law = fit.get_distribution(test)
            y = responses(data, test, learning)
            return Score(
                float(log_scores(law, y).mean()),
                MEASURES[data.measure](data, law, y, weights),
                bool(fit.certificate.certified),
                fit.certificate.status.name.lower(),
                seconds,
            )
    except Exception as error:  # whatever it is, it is shown
        failure = f"{type(error).__name__}: {error}"
        return Score(seconds=time.perf_counter() - began, failure=failure)


def responses(data: Data, test: pd.DataFrame, learning: pd.DataFrame) -> Any:
    """Responses as laws take them: labels, or numbers; the second of two labels counts 1."""
    y = test[data.outcome]
    if data.response == "Binomial":
        return (y == sorted(learning[data.outcome].unique())[1]).to_numpy(dtype=float)
    if data.response in ("Multinomial", "Ordinal"):
        return y.to_numpy(dtype=object)
    return y.to_numpy(dtype=float)


# -- tables ---------------------------------------------------------------------------------------


@dataclass
class Found:
    """The splits of one data set."""

    data: Data
    rows: int
    pairs: list[Pair] = field(default_factory=list)

    @property
    def both(self) -> list[Pair]:
        """Splits in which neither fit failed."""
        return [p for p in self.pairs if not (p.plain.failure or p.deep.failure)]

    @property
    def differences(self) -> Array:
        """Log score of the deep fit less that of the ordinary one."""
        with np.errstate(invalid="ignore"):
            return np.array([p.deep.mean - p.plain.mean for p in self.both])

    def verdict(self, factor: float) -> str:
        """Whether the difference is more than two standard errors, each `factor` times the SD."""
        d = self.differences
        if len(d) < 2 or np.isnan(d).any() or {-np.inf, np.inf} <= set(d):
            return "not comparable"
        if np.isfinite(d).all() and abs(d.mean()) <= 2.0 * factor * d.std(ddof=1):
            return "within two standard errors"
        return "better" if d.mean() > 0 else "worse"

    def first(self) -> list[str]:
        """The line of the table of log scores."""
        d, both = self.differences, self.both
        deep = [p.deep for p in self.pairs]
        spread = d.std(ddof=1) if len(d) > 1 and np.isfinite(d).all() else np.nan
        return [
            self.data.name,
            self.data.response,
            str(self.rows),
            _mean([p.plain.mean for p in both], ".4f"),
            _mean([p.deep.mean for p in both], ".4f"),
            f"{_mean(d, '+.4f')} ({spread / np.sqrt(len(d) or 1):.4f})",
            f"{int((d > 0).sum())} of {len(self.pairs)}",
            f"{sum(s.certified for s in deep)} of {len(deep)}",
            _mean([s.seconds for s in deep], ".1f"),
        ]

    def second(self) -> list[str]:
        """The line of the table of second measures."""
        both = self.both
        wins = sum(p.deep.second < p.plain.second for p in both)
        plain = [p.plain for p in self.pairs]
        return [
            self.data.name,
            self.data.what,
            self.data.measure,
            _mean([p.plain.second for p in both], ".4g"),
            _mean([p.deep.second for p in both], ".4g"),
            f"{wins} of {len(self.pairs)}",
            f"{sum(s.certified for s in plain)} of {len(plain)}",
            str(sum(p.unseen for p in self.pairs)),
            _failures(self.pairs),
        ]


def _mean(values: Sequence[float] | Array, how: str) -> str:
    return format(float(np.mean(values)), how) if len(values) else "-"


def _failures(pairs: Sequence[Pair]) -> str:
    plain, deep = (sum(bool(getattr(p, m).failure) for p in pairs) for m in ("plain", "deep"))
    return f"{plain}, {deep}"


def page(found: Sequence[Found]) -> str:
    """The results as text."""
    log_scores = Table(
        ["data", "response", "rows", "ordinary", "deep", "difference (SE)", "deep won",
         "deep certified", "seconds per deep fit"],
        [one.first() for one in found],
    )  # fmt: skip
    seconds = Table(
        ["data", "response is", "measure", "ordinary", "deep", "deep won",
         "ordinary certified", "unseen", "failed: ordinary, deep"],
        [one.second() for one in found],
    )  # fmt: skip
    return "\n\n".join(
        [
            "# Every response, out of sample",
            "Written by `python -m benchmarks.responses`. The ordinary model (`hidden=()`) and the "
            "default deep fit (four hidden units, `penalty=\"weak\"`, seed 0) on two data sets for "
            "each response, ten splits each: two thirds of the rows to learn from, one third held "
            "out. Data sets and formulas were fixed before any fit, and nothing was tuned "
            "or exchanged afterwards. Mean log score of the rows held out, more is better; all "
            "responses have a probability or a density, the Tweedie law by its exact series. "
            "Standard errors are over the splits.",
            f"Machine: {machine()} One thread; others worked on the machine.",
            str(log_scores),
            "A second measure, less is better: of the means, or of the likeliest labels. The "
            "column \"unseen\" counts rows held out, over the ten splits, that were left out since "
            "the learning rows lack one of their levels. Means are over splits in which neither "
            "fit failed.",
            str(seconds),
            *[f"Not certified: {text}." for text in [uncertified(found)] if text],
            *failures(found),
            summary(found),
        ]
    )  # fmt: skip


def uncertified(found: Sequence[Found]) -> str:
    """Which certificates the fits have that are not certified."""
    counts: dict[str, int] = {}
    for one in found:
        for p in one.pairs:
            for model, fit in (("ordinary", p.plain), ("deep", p.deep)):
                if not (fit.certified or fit.failure):
                    key = f"{one.data.name}, {model}, {fit.status.replace('_', ' ')}"
                    counts[key] = counts.get(key, 0) + 1
    return "; ".join(f"{key}: {count}" for key, count in counts.items())


def failures(found: Sequence[Found]) -> Iterator[str]:
    """A line for every kind of failure of every data set."""
    for one in found:
        for model in ("plain", "deep"):
            texts = {getattr(p, model).failure for p in one.pairs} - {""}
            for text in sorted(texts):
                called = "ordinary" if model == "plain" else model
                yield f"Failed: {one.data.name}, {called}: {text}"


def summary(found: Sequence[Found]) -> str:
    """In how many data sets the deep fit is better."""
    plain, allowed = (_count(found, f) for f in (1.0 / np.sqrt(len(SEEDS)), ALLOWED))
    return (
        f"Of {len(found)} data sets the deep fit is {plain}. The splits share their rows; with "
        f"standard errors that allow for that ({ALLOWED * np.sqrt(len(SEEDS)):.2f} times as large) "
        f"it is {allowed}."
    )


def _count(found: Sequence[Found], factor: float) -> str:
    verdicts = [one.verdict(factor) for one in found]
    words = ("better", "worse", "within two standard errors", "not comparable")
    parts = [f"{word} in {verdicts.count(word)}" for word in words[:3]]
    if "not comparable" in verdicts:
        parts.append(f"{words[3]} in {verdicts.count(words[3])}")
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def main(names: Sequence[str]) -> None:
    """Run the data sets of these names, or all of them and write the page."""
    known = [data.name for data in DATA]
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"'{unknown[0]}' is no data set. They are {', '.join(map(repr, known))}.")
    found: list[Found] = []
    for data in DATA:
        if names and data.name not in names:
            continue
        rows = read(data)
        found.append(Found(data, len(rows)))
        for seed in SEEDS:
            one = pair(data, rows, seed)
            found[-1].pairs.append(one)
            print(json.dumps({"data": data.name, "seed": seed, **asdict(one)}), flush=True)
        if not names:
            PAGE.write_text(page(found) + "\n", encoding="utf-8")
    print(f"\n{page(found)}")


if __name__ == "__main__":
    main(sys.argv[1:])

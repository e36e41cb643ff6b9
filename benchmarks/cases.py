"""The problems: fixed data, or synthetic data of a fixed seed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.objective import Array, Case, Family
from examples import french_motor as motor

ROOT = Path(__file__).parents[1]
SMALL = ROOT / "tests" / "reference" / "data"


def data_folder() -> Path:
    """Where the larger data lie, as for ``deepglm.datasets.load``."""
    return Path(os.environ.get("DEEPGLM_DATA", ROOT / "data"))


def standardised(X: Array) -> Array:
    """Columns of mean 0 and standard deviation 1, rows contiguous."""
    return np.ascontiguousarray((X - X.mean(axis=0)) / X.std(axis=0))


# -- generalised linear models --------------------------------------------------------------------


def glm(family: Family, n: int = 500_000, p: int = 30) -> Case:
    """A GLM with an intercept and ``p`` normal columns."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, p))
    eta = -1.0 + X @ (0.2 * rng.normal(size=p))
    if family == "binomial":
        y = (rng.uniform(size=n) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    else:
        y = rng.poisson(np.exp(eta)).astype(float)
    return Case(f"glm_{family}", f"{family} GLM, {n:,} rows, {p} columns", X, y, family)


# -- networks -------------------------------------------------------------------------------------


def smooth(n: int = 45_000) -> Case:
    """Nine inputs, a surface with bends and interactions, normal errors."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 9))
    surface = (
        np.sin(2.0 * X[:, 0])
        + X[:, 1] * X[:, 2]
        + np.exp(-((X[:, 3] - X[:, 4]) ** 2))
        + 0.5 * np.abs(X[:, 5])
        + 0.5 * X[:, 6] * (X[:, 7] > 0)
        + 0.3 * X[:, 8]
    )
    y = standardised((surface + 0.5 * rng.normal(size=n))[:, None])[:, 0]
    title = f"Gaussian 9-16-1, {n:,} rows, synthetic"
    return Case("gaussian", title, X, y, "gaussian", (16,), ridge=1.0)


def deep(n: int = 20_000) -> Case:
    """Two hidden layers, fitted to a network of the same shape and normal errors."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(n, 10))
    z = X
    for q in (16, 8):
        W = 1.5 * rng.normal(size=(z.shape[1], q)) / np.sqrt(z.shape[1])
        z = np.tanh(z @ W + 0.5 * rng.normal(size=q))
    y = standardised((z @ rng.normal(size=8) + 0.3 * rng.normal(size=n))[:, None])[:, 0]
    title = f"Gaussian 10-16-8-1, {n:,} rows, synthetic"
    return Case("deep", title, X, y, "gaussian", (16, 8), ridge=1.0)


def adult() -> Case:
    """Census income: six numbers, six factors and one country as dummies, the rows for training.

    An occupation is unknown where there is no employer, which would make one dummy redundant:
    clerks share the reference level of the unknown occupations.
    """
    rows = pd.read_parquet(data_folder() / "adult.parquet").query("split == 'train'")
    rows["occupation"] = rows["occupation"].astype(str).replace("Adm-clerical", "?")
    numbers = [
        "age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week"
    ]  # fmt: skip
    factors = ["workclass", "marital_status", "occupation", "relationship", "race", "sex"]
    columns = [rows[numbers].to_numpy(dtype=float)]
    for name in factors:
        columns.append(pd.get_dummies(rows[name], drop_first=True).to_numpy(dtype=float))
    columns.append(np.array(rows["native_country"] == "United-States", dtype=float)[:, None])
    y = np.array(rows["income"] == ">50K", dtype=float)
    X = standardised(np.column_stack(columns))
    title = f"adult: binomial {X.shape[1]}-8-1, {len(y):,} rows"
    return Case("adult", title, X, y, "binomial", (8,), ridge=1.0)


def french() -> Case:
    """French motor claims, the published learning rows: eight numbers and 32 dummies."""
    rows, _ = motor.learning_and_test()
    problem = motor.network(rows, 30.0, 1)._problem
    X = np.ascontiguousarray(problem.rows.designs[1].T)
    X[:, np.ptp(X, axis=0) < 1.5] *= 2.0  # dummies, centred already: divided by a half
    title = f"French motor: Poisson {X.shape[1]}-20-1, {len(X):,} rows"
    return Case(
        "french", title, X, problem.rows.y.copy(), "poisson", (20,), ridge=30.0,
        offset=np.log(rows["Exposure"].to_numpy(dtype=float)), seeds=2, seconds=75.0,
    )  # fmt: skip


def pima() -> Case:
    """Diabetes of Pima women, as R's nnet is shown on it, intercepts unpenalised."""
    rows = pd.read_csv(SMALL / "pima_tr_scaled.csv")
    y = np.array(rows.pop("type") == "Yes", dtype=float)
    X = np.ascontiguousarray(rows.to_numpy(dtype=float))
    title = f"Pima: binomial {X.shape[1]}-2-1, {len(y)} rows"
    return Case("pima", title, X, y, "binomial", (2,), "logistic", ridge=0.2, seeds=20)


def rock() -> Case:
    """Permeability of rock, as R's nnet is shown on it, intercepts unpenalised."""
    rows = pd.read_csv(SMALL / "rock_scaled.csv")
    y = np.array(rows.pop("logperm"), dtype=float)
    X = np.ascontiguousarray(rows.to_numpy(dtype=float))
    title = f"rock: Gaussian {X.shape[1]}-3-1, {len(y)} rows"
    return Case("rock", title, X, y, "gaussian", (3,), "logistic", ridge=1e-3, seeds=20)


NETWORKS: dict[str, Callable[[], Case]] = {
    "gaussian": smooth,
    "deep": deep,
    "adult": adult,
    "french": french,
    "pima": pima,
    "rock": rock,
}

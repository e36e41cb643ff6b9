"""One data frame with a response of every kind, for tests of models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import deepglm as dg
from deepglm.links import Tanh

LEVELS = ("none", "some", "more", "most")
KINDS = ("ash", "elm", "oak")
LOWER, UPPER = 0.0, 1.6


class Response(NamedTuple):
    """How a response is written, and what kind of it."""

    left: str
    family: Callable[[], Any]
    # names of what is reported beside coefficients
    others: tuple[str, ...] = ()


RESPONSES = {
    "multinomial": Response("kind", dg.Multinomial),
    "counts of classes": Response("ash + elm + oak", lambda: dg.Multinomial(reference="elm")),
    "ordinal logit": Response("level", dg.Ordinal, ("none|some", "some|more", "more|most")),
    "ordinal cloglog": Response(
        "level", lambda: dg.Ordinal("cloglog"), ("none|some", "some|more", "more|most")
    ),
    "tobit": Response("recorded", lambda: dg.Tobit(LOWER, UPPER), ("log_sigma",)),
    "tobit by row": Response(
        "capped", lambda: dg.Tobit(None, "cap", distribution="logistic"), ("log_sigma",)
    ),
    "interval": Response("lo + hi", dg.Tobit, ("log_sigma",)),
    "negative binomial": Response("count", dg.NegativeBinomial, ("alpha",)),
    "tweedie": Response("amount", dg.Tweedie),
    "binary tanh": Response("event", lambda: dg.Binomial(Tanh())),
}

SHAPES: dict[str, dict[str, Any]] = {
    "no layer": {"hidden": ()},
    "one layer": {"hidden": (2,)},
    "one layer alone": {"hidden": (2,), "skip": False},
    "two layers": {"hidden": (2, 2)},
    "two layers alone": {"hidden": (2, 2), "skip": False},
}


def rows(seed: int = 0, n: int = 150) -> pd.DataFrame:
    """Inputs x, z, g; every response of ``RESPONSES``; a weight w and an offset o."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"x": rng.normal(size=n), "z": rng.uniform(-1.0, 1.0, n)})
    data["g"] = rng.choice(["a", "b", "c"], n)
    data["w"], data["o"] = rng.integers(1, 4, n), 0.3 * rng.normal(size=n)
    eta = (np.tanh(2.0 * data.x) + 0.5 * data.z + 0.4 * (data.g == "b")).to_numpy()
    latent = eta + 0.6 * rng.logistic(size=n)
    cuts = [-np.inf, -0.6, 0.3, 1.2, np.inf]
    data["level"] = pd.cut(latent, cuts, labels=list(LEVELS))
    data["event"] = (latent > 0.0) * 1
    scores = np.stack([0.0 * eta, eta, 0.5 - eta])
    data["kind"] = np.array(KINDS)[np.argmax(scores + rng.gumbel(size=scores.shape), axis=0)]
    shares = np.exp(scores) / np.exp(scores).sum(axis=0)
    data[list(KINDS)] = [rng.multinomial(k, p) for k, p in zip(data.w + 1, shares.T, strict=True)]
    outcome = eta + 0.8 * rng.normal(size=n)
    data["recorded"] = np.clip(outcome, LOWER, UPPER)
    data["cap"] = rng.uniform(0.5, 2.0, n)
    data["capped"] = np.minimum(outcome, data.cap)
    ends = np.array([-np.inf, 0.0, 0.5, 1.0, 1.6, np.inf])
    cell = np.searchsorted(ends, outcome) - 1
    exact = data.z > 0.6
    data["lo"] = np.where(exact, outcome, ends[cell])
    data["hi"] = np.where(exact, outcome, ends[cell + 1])
    mu = np.exp(0.6 + 0.6 * eta)
    data["count"] = rng.poisson(mu * rng.gamma(2.0, 0.5, n)).astype(float)
    data["amount"] = [rng.gamma(2.0, 0.5, k).sum() for k in rng.poisson(mu)]
    return data


def model(name: str, data: pd.DataFrame, terms: str = "x + z", **options: Any) -> dg.DeepGLM:
    """The model of a response."""
    response = RESPONSES[name]
    return dg.DeepGLM(f"{response.left} ~ {terms}", data, family=response.family(), **options)

"""The likelihood ratio of one more hidden unit, against its distribution in simulated responses.

Under the null hypothesis the coefficients of the unit are not identified, so that the ratio is not
chi-square. Its distribution is found by drawing responses from the smaller model and fitting both
models to them, by the same protocol as to the data (McLachlan 1987).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from deepglm.data.kinds import two_valued
from deepglm.execution import Workers, workers
from deepglm.inference import criteria
from deepglm.inference.fitted import Array
from deepglm.inference.restricted import at_estimate, log_likelihood
from deepglm.links import Link
from deepglm.penalties import Unpenalised, Weak, kinds
from deepglm.predictor import Network, Predictor, pack
from deepglm.solvers import Options, Problem, Solution, fit_glm, fit_network

__all__ = ["OneMore", "RatioTest", "bootstrap_ratio", "first_unit", "one_unit_more"]

EMBEDDED = 3
"""Starts of the larger model from the optimum of the smaller one and a random unit."""

FRESH = 2
"""Random starts of every network."""

SLOPE = 1.5
"""Length of the slopes of a unit that is added, on standardised inputs."""


class RatioTest(NamedTuple):
    """A likelihood ratio and where it stands among simulated ones."""

    statistic: float
    pvalue: float
    simulated: Array
    """(B,) ratios under the null hypothesis, those that were found."""
    failed: int
    """Fits to simulated responses that came to no end."""


@dataclass(frozen=True, eq=False)
class OneMore:
    """A model and the one with one more hidden unit.

    Parameters
    ----------
    small, large
        Their problems, under the precisions in force.
    widened
        From coefficients of the small one and those of a unit, intercept first, to coefficients
        of the large one in which the unit has no effect.
    inputs
        Columns that enter the unit.
    """

    small: Problem
    large: Problem
    widened: Callable[[Array, Array], Array]
    inputs: int

    def ratio(
        self, crew: Workers, phi: float | None, modes: list[Array], y: Array, seed: int
    ) -> float:
        """Twice the gain in log-likelihood of the unit, for responses.

        With an estimated dispersion it is ``n log(D0 / D1)`` of the deviances.
        """
        seeds = np.random.SeedSequence(seed).spawn(EMBEDDED)
        small, large = (replace(p, rows=replace(p.rows, y=y)) for p in (self.small, self.large))
        first = _best(small, crew, phi, modes, seed)
        units = [_unit(np.random.default_rng(one), self.inputs) for one in seeds]
        second = _best(large, crew, phi, [self.widened(first.theta, u) for u in units], seed)
        if phi is None and small.family.scale is None:
            fits = at_estimate(small, first), at_estimate(large, second)
            D0, D1 = (criteria.deviance(fit, fit.etas, fit.aux) for fit in fits)
            return float(fits[0].wnobs * np.log(D0 / D1))
        return 2.0 * (log_likelihood(second) - log_likelihood(first))


def _unit(rng: np.random.Generator, inputs: int) -> Array:
    slopes = rng.standard_normal(inputs)
    slopes *= SLOPE / np.linalg.norm(slopes)
    return np.concatenate(([rng.uniform(-1.0, 1.0)], slopes))


def _best(
    problem: Problem, crew: Workers, phi: float | None, starts: list[Array], seed: int
) -> Solution:
    if not problem.predictor.networks:
        return fit_glm(problem, crew, phi, starts[0], Options())
    found = [
        fit_network(problem, crew, phi, start, Options(starts=0 if k else FRESH, seed=seed))
        for k, start in enumerate(starts)
    ]
    return max(found, key=lambda solution: solution.value)


def bootstrap_ratio(
    models: OneMore,
    phi: float | None,
    modes: list[Array],
    responses: Callable[[np.random.Generator], Array],
    size: int,
    seed: int,
) -> RatioTest:
    """Compare the likelihood ratio of one more unit with ratios under the smaller model.

    Parameters
    ----------
    models
        The two models.
    phi
        Dispersion; None estimates it in every fit.
    modes
        Optima of the smaller model, best first, from which its fits start.
    responses
        Draws the responses of all rows from the smaller model at its estimate.
    size
        Number of simulations.
    seed
        Seeds responses and starts; the k-th does not depend on how many there are.

    Returns
    -------
    RatioTest
        ``(1 + number of simulated ratios as large) / (1 + number of them)`` is the p-value.
    """
    found: list[float] = []
    with (
        workers(1, models.small.rows.n) as crew,
        np.errstate(over="ignore", invalid="ignore", divide="ignore"),
    ):
        statistic = models.ratio(crew, phi, modes, models.small.rows.y, seed)
        for k in range(size):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(k,)))
            try:
                found.append(models.ratio(crew, phi, modes, responses(rng), seed))
            except ValueError:  # responses to which no such model can be fitted
                found.append(np.nan)
    ratios = np.array(found)
    ratios = ratios[np.isfinite(ratios)]
    p = (1.0 + float((ratios >= statistic).sum())) / (1.0 + len(ratios))
    return RatioTest(statistic, p, ratios, size - len(ratios))


def first_unit(problem: Problem, columns: list[int], link: Link) -> OneMore:
    """A GLM, and the same with one hidden unit of some of its columns under the weak prior."""
    old = problem.predictor
    X = np.ascontiguousarray(problem.rows.designs[0][columns])
    predictor = Predictor(old.k_glm, (Network(len(X), (1,), (link,)),), old.k_eta)
    size, k = predictor.size, old.size
    intercepts = predictor.hidden_intercepts.copy()
    intercepts[:k] = problem.intercept
    described = kinds(predictor, intercepts, [two_valued(X)], problem.response_scale)
    precision = Weak().precision(described)
    precision[:k] = problem.precision
    large = replace(
        problem,
        predictor=predictor,
        rows=replace(problem.rows, designs=(*problem.rows.designs, X)),
        penalty=Unpenalised(),
        kinds=described,
        precision=precision,
        free=_padded(problem.free, size, True),
        aliased=_padded(problem.aliased, size, False),
        held=_padded(problem.held, size, False),
        intercept=_padded(problem.intercept, size, False),
    )

    def widened(theta: Array, unit: Array) -> Array:
        return np.concatenate((theta, unit, np.zeros(old.k_eta)))

    return OneMore(replace(problem, penalty=Unpenalised()), large, widened, len(X))


def _padded(mask: np.ndarray, size: int, value: bool) -> np.ndarray:
    return np.concatenate((mask, np.full(size - len(mask), value)))


def one_unit_more(problem: Problem, term: int) -> OneMore:
    """A network, and the same with one more unit in a deep term of one hidden layer.

    The precisions of the unit are those of the last one.
    """
    old = problem.predictor
    network = old.networks[term]
    assert len(network.units) == 1, "one hidden layer"
    networks = list(old.networks)
    networks[term] = replace(network, units=(network.units[0] + 1,))
    predictor = Predictor(old.k_glm, tuple(networks), old.k_eta)

    def added(theta: Array, unit: Array | None, above: Array | None) -> Array:
        c = old.unpack(theta.astype(float))
        B, v = c.layers[term][0], c.outputs[term]
        unit = B[-1] if unit is None else unit
        above = v[:, -1] if above is None else above
        layers, outputs = list(c.layers), list(c.outputs)
        layers[term] = (np.vstack((B, unit)),)
        outputs[term] = np.column_stack((v, above))
        return pack(c._replace(layers=tuple(layers), outputs=tuple(outputs)))

    def copied(values: np.ndarray) -> np.ndarray:
        return added(values, None, None).astype(values.dtype)

    names = ("precision", "free", "aliased", "held", "intercept")
    parts: dict[str, Any] = {name: copied(getattr(problem, name)) for name in names}
    large = replace(
        problem,
        predictor=predictor,
        penalty=Unpenalised(),
        kinds=problem.kinds._replace(
            predictor=predictor,
            intercepts=copied(problem.kinds.intercepts),
            dummies=copied(problem.kinds.dummies),
        ),
        **parts,
    )

    def widened(theta: Array, unit: Array) -> Array:
        return added(theta, unit, np.zeros(old.k_eta))

    return OneMore(replace(problem, penalty=Unpenalised()), large, widened, network.n_inputs)

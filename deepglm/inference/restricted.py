"""The same model with less in it: without an input, or with a unit fewer; and its fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from deepglm.data import aliased_columns
from deepglm.execution import Workers
from deepglm.inference.fitted import Array, Codes, Fitted, Mask
from deepglm.penalties import Unpenalised
from deepglm.predictor import Network, Predictor, pack
from deepglm.solvers import Options, Problem, Solution, fit_glm, fit_network, operations

__all__ = ["Smaller", "at_estimate", "cost", "log_likelihood", "one_unit_fewer", "without_input"]

FRESH = 4
"""Fresh random starts of a smaller model, beside the optima of the larger one."""

MODES = 4
"""Optima of the larger model that a smaller one is started from, the best ones."""

ROUNDS = 10.0
"""Passes over the rows with an information that a start takes, roughly; for counting."""


def _itself(theta: Array) -> Iterable[Array]:
    return (theta,)


@dataclass(frozen=True, eq=False)
class Smaller:
    """A model that is another one with some coefficients held at zero, or left out.

    Parameters
    ----------
    problem
        What is fitted, under the precisions of the larger model.
    places
        (size,) where each of its coefficients stands in the larger model's vector.
    tested
        (size,) coefficients that the larger model estimates and this one holds at zero.
    forms
        From (larger size,) coefficients to equivalent ones, each of which gives a start.
    """

    problem: Problem
    places: Codes
    tested: Mask
    forms: Callable[[Array], Iterable[Array]] = _itself

    def fit(
        self, crew: Workers, phi: float | None, modes: Sequence[Array], seed: int
    ) -> tuple[Solution, Fitted]:
        """Fit it from the larger model's optima and from fresh starts, and keep the best.

        Parameters
        ----------
        crew
            Who adds.
        phi
            Dispersion inside the objective; None estimates it.
        modes
            (larger size,) optima of the larger model, best first. Those with a unit more give one
            start for every unit that may go.
        seed
            Seeds the fresh starts.
        """
        fit = fit_network if self.problem.predictor.networks else fit_glm
        starts = [form[self.places] for mode in modes[:MODES] for form in self.forms(mode)]
        found = []
        for k, start in enumerate(starts):
            count = FRESH if k == 0 else 0
            options = Options(starts=count, seed=seed)
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                found.append(fit(self.problem, crew, phi, start, options))
            if not self.problem.predictor.networks:
                break  # there is one optimum
        best = max(found, key=lambda solution: solution.value)
        return best, self.fitted(best)

    def fitted(self, solution: Solution) -> Fitted:
        """The smaller model at an estimate."""
        return at_estimate(self.problem, solution)


def at_estimate(problem: Problem, solution: Solution) -> Fitted:
    """A model at the end of a fit."""
    family, theta, free = problem.family, solution.theta, problem.free
    if family.scale is None:  # what is estimated beside a dispersion is taken as known
        family = family.given(solution.aux)
    else:
        theta = np.concatenate((theta, solution.aux))
        free = np.concatenate((free, np.ones(len(solution.aux), dtype=bool)))
    return Fitted(problem.predictor, family, problem.rows, theta, free)


def _last_made_of_each(larger: Predictor, term: int, theta: Array) -> Iterator[Array]:
    """Coefficients with every unit of a deep term in the place of the last one, in turn."""
    for k in range(larger.networks[term].units[0]):
        c = larger.unpack(theta[: larger.size].copy())
        B, v = c.layers[term][0], c.outputs[term]
        B[[k, -1]] = B[[-1, k]]
        v[:, [k, -1]] = v[:, [-1, k]]
        yield pack(c)


def log_likelihood(solution: Solution) -> float:
    """Log-likelihood without the penalty, at the dispersion in force."""
    return solution.value + 0.5 * float(solution.precision @ solution.theta**2)


def cost(problem: Problem, modes: int) -> float:
    """Counted floating-point operations of the fit of a smaller model."""
    n, p = problem.rows.n * problem.predictor.k_eta, int(problem.free.sum())
    one = min(operations(n, p, problem.family.effort).values())
    return one * (min(modes, MODES) + FRESH) * ROUNDS / 40.0


def without_input(problem: Problem, columns: Sequence[Sequence[int]]) -> Smaller:
    """The model in which a variable does not occur.

    Parameters
    ----------
    problem
        The model; precisions are those in force.
    columns
        Numbers of the columns that are made from the variable, of the final layer and then of
        every deep term; those of interactions with other variables among them.

    Notes
    -----
    Their coefficients in the final layer and in every first hidden layer are held at zero. A deep
    term of which nothing is left goes. Columns that were set aside because those of the variable
    determine them are taken up again.
    """
    designs = problem.rows.designs
    empty = [
        t
        for t, X in enumerate(designs[1:])
        if set(range(len(X))) <= {*columns[t + 1], *_aliased(problem, t + 1)}
    ]
    made = _coefficients(problem.predictor, columns)
    aliased = problem.aliased & ~made
    if aliased.any():
        again = [_aliased_without(problem, t, columns[t]) for t in range(len(designs))]
        aliased = _coefficients(problem.predictor, again)
    back = problem.aliased & ~aliased & ~made
    held = (problem.held & ~back) | made
    free = (problem.free | back) & ~made
    rest = replace(
        problem, penalty=Unpenalised(), free=free, held=held, aliased=problem.aliased & ~back
    )
    return _without_terms(rest, empty, problem.free & made)


def _coefficients(predictor: Predictor, columns: Sequence[Sequence[int]]) -> Mask:
    """(size,) coefficients of columns in the final layer and in every first hidden layer."""
    marks = predictor.unpack(np.zeros(predictor.size))
    marks.beta[:, list(columns[0])] = 1.0
    for layers, some in zip(marks.layers, columns[1:], strict=True):
        layers[0][:, [1 + j for j in some]] = 1.0
    return pack(marks) > 0


def _aliased(problem: Problem, source: int) -> list[int]:
    """Columns of a design that are set aside."""
    c = problem.predictor.unpack(problem.aliased.astype(float))
    marks = c.beta if source == 0 else c.layers[source - 1][0][:, 1:]
    return np.flatnonzero(marks.any(axis=0)).tolist()


def _aliased_without(problem: Problem, source: int, gone: Sequence[int]) -> list[int]:
    """Columns of a design that earlier ones determine once some have gone."""
    X, predictor = problem.rows.designs[source], problem.predictor
    if not _aliased(problem, source):
        return []
    intercepts = predictor.unpack(problem.intercept.astype(float)).beta[0]
    first = [-1] if source else np.flatnonzero(intercepts).tolist()
    order = [*first, *(j for j in range(len(X)) if j not in gone and j not in first)]
    root = np.sqrt(problem.rows.weight * problem.rows.freq)
    return aliased_columns(X, root, order)


def _without_terms(problem: Problem, terms: Sequence[int], tested: Mask) -> Smaller:
    """The model without some of its deep terms."""
    old = problem.predictor
    networks = [net for t, net in enumerate(old.networks) if t not in terms]
    kept, at = np.zeros(old.size, dtype=bool), 1
    kept[old.slices[0]] = True
    for t, net in enumerate(old.networks):
        for where in old.slices[at : at + len(net.units) + 1]:
            kept[where] = t not in terms
        at += len(net.units) + 1
    designs = problem.rows.designs
    rows = replace(
        problem.rows,
        designs=(designs[0], *(X for t, X in enumerate(designs[1:]) if t not in terms)),
    )
    return _narrowed(replace(problem, rows=rows), networks, kept, tested)


def _narrowed(problem: Problem, networks: Sequence[Network], kept: Mask, tested: Mask) -> Smaller:
    """The model with other deep terms, of whose coefficients some are kept."""
    old, places = problem.predictor, np.flatnonzero(kept)
    predictor = Predictor(old.k_glm, tuple(networks), old.k_eta)
    assert predictor.size == len(places)
    kinds = problem.kinds._replace(
        predictor=predictor,
        intercepts=problem.kinds.intercepts[places],
        dummies=problem.kinds.dummies[places],
    )
    names = ("precision", "free", "aliased", "held", "intercept")
    parts = {name: getattr(problem, name)[places] for name in names}
    new = replace(problem, predictor=predictor, kinds=kinds, penalty=Unpenalised(), **parts)
    return Smaller(new, places, tested[places])


def one_unit_fewer(problem: Problem, term: int) -> Smaller:
    """The model with one unit fewer in a deep term of one hidden layer.

    Parameters
    ----------
    problem
        The model; precisions are those in force.
    term
        Number of the deep term. Its last unit makes it go.
    """
    old = problem.predictor
    network, none = old.networks[term], np.zeros(old.size, dtype=bool)
    q = network.units[0]
    assert len(network.units) == 1, "one hidden layer"
    if q == 1:
        return _without_terms(problem, [term], none)
    networks = list(old.networks)
    networks[term] = replace(network, units=(q - 1,))
    marks = old.unpack(np.ones(old.size))
    marks.layers[term][0][-1] = 0.0
    marks.outputs[term][:, -1] = 0.0
    small = _narrowed(problem, networks, pack(marks) > 0, none)
    return replace(small, forms=partial(_last_made_of_each, old, term))

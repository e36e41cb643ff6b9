"""What the tables do not say in numbers: penalty, certificate, what is withheld and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deepglm.penalties import L2, Weak
from deepglm.results.certificate import combination, some
from deepglm.results.estimate import Estimate
from deepglm.results.layers import large_layers
from deepglm.results.solutions import several_solutions
from deepglm.solvers import PenaltyChoice

__all__ = ["notes", "short_certificate"]

_NOTHING_MORE = 0.01
"""Effective degrees of freedom of hidden layers below which they say nothing."""


def short_certificate(results: Any) -> str:
    """The verdict in a word or two, for the header."""
    return "certified" if results.converged else "NOT CERTIFIED"


def notes(results: Any) -> list[str]:
    """Sentences below the tables, numbered."""
    found = [sentence for make in _NOTES for sentence in make(results)]
    return [f"[{k}] {_sentence(text)}" for k, text in enumerate(found, 1)]


def _sentence(text: str) -> str:
    text = text[0].upper() + text[1:]
    return text if text.endswith(".") else text + "."


def _verdict(results: Any) -> Iterator[str]:
    estimate, certificate = results._estimate, results._estimate.certificate
    if not results.converged:
        yield f"not certified: {certificate}"
    if not results._deep:
        return
    if results.converged:
        yield (
            f"certified maximum: a full Newton step would gain {certificate.decrement:.1e} "
            "log-likelihood units, and the smallest eigenvalue of the scaled information is "
            f"{certificate.smallest_eigenvalue:.1e}"
        )
    if len(estimate.starts) > 1:
        yield _search(estimate)


def _search(estimate: Estimate) -> str:
    """The table of starts in one line."""
    times = "once" if estimate.hits == 1 else f"{estimate.hits} times"
    distinct = max(start.optimum for start in estimate.starts)
    text = f"{len(estimate.starts)} starts, {_number(distinct, 'distinct optimum', 'optima')}"
    text += f"; the best was reached {times}"
    near = len(estimate.modes) - 1
    if near:
        text += f", and {near} more lie{'s' if near == 1 else ''} within 4 log-likelihood units"
    if estimate.stopped is not None:
        text += f"; {estimate.stopped.cause} ended the search before the other starts were made"
    return text + " (results.starts)"


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one}" if count == 1 else f"{count} distinct {many}"


def _directions(results: Any) -> Iterator[str]:
    certificate = results.certificate
    if len(certificate.separating):
        yield f"separating combination of columns: {combination(certificate.separating, 6)}"
    names = certificate.hardly_determined
    if names:
        yield (
            f"hardly determined: {some(names)}; the information about a combination of these is "
            f"next to nothing (condition {certificate.condition:.1e})"
        )


def _units(results: Any) -> Iterator[str]:
    if not results._deep:
        return
    certificate = results.certificate
    if certificate.saturated:
        yield f"saturated units, a step function on these data: {some(certificate.saturated)}"
    if results.edf - _glm_terms(results) < _NOTHING_MORE:
        yield (
            "the penalty has shrunk the hidden layers to nothing: this fit is that of the GLM "
            "terms alone"
        )
    elif certificate.dead:
        yield f"dead units, which do nothing on these data: {some(certificate.dead)}"
    if certificate.duplicate:
        groups = [" = ".join(same) for same in certificate.duplicate]
        yield f"duplicate units, with a correlation of 1 or -1, nearly: {some(groups, 3)}"


def _glm_terms(results: Any) -> int:
    """Estimated coefficients of the final layer's own columns."""
    return int(results._estimate.free[: results._model.predictor.k_glm].sum())


def _penalty(results: Any) -> Iterator[str]:
    if not results._estimate.precision.any():
        return
    penalty = results._model.penalty
    words = f"penalised maximum likelihood, penalty {penalty}"
    choice = results._estimate.choice
    if choice is not None:
        yield f"{words}{_chosen(choice)}"
        return
    if isinstance(penalty, Weak):
        words += (
            ": on standardised inputs N(0, 1) on hidden slopes, N(0, 2.5^2) on hidden intercepts, "
            "and N(0, 10 s^2), s the scale of the response, on their coefficients in the final "
            "layer; GLM terms are not penalised"
        )
    elif isinstance(penalty, L2):
        words += (
            f": {penalty.alpha:g} / 2 times the sum of squares of {_SHRUNK[penalty.intercepts]}, "
            "on the standardised scale"
        )
    yield words


def _chosen(choice: PenaltyChoice) -> str:
    """What the data chose, in words."""
    parts = [
        f"{group.precision:.3g} on {group.size} coefficients of kind {group.name!r} "
        f"({max(group.edf, 0.0):.1f} effective)"
        for group in choice.groups
    ]
    text = ": precisions " + " and ".join(parts)
    if choice.tried:
        text += f", the best of {len(choice.tried)} on rows held out"
        if not choice.settled:
            text += "; it is the end of the grid: try a longer one with Validation(grid=...)"
    else:
        text += f"; log marginal likelihood {choice.evidence:.2f}"
        if np.isfinite(choice.glm_evidence):
            text += f", that of the plain GLM {choice.glm_evidence:.2f} (never used to choose)"
        if not choice.settled:
            text += "; the precisions were still moving when it rose no more"
    return text


_SHRUNK: dict[bool | str, str] = {
    False: "all slopes",
    "hidden": "all slopes and hidden intercepts",
    True: "all slopes and intercepts",
}


def _inference(results: Any) -> Iterator[str]:
    """Where errors come from, what p-values mean, and what the network costs."""
    if not results._deep:
        return
    found = results.inference
    if found.method == "bootstrap":
        text = f"standard errors: {found.refits} refits to resampled rows"
        if results._draws.plan.kind == "cluster":
            text += ", clusters drawn whole"
        text += (
            ", each from the best optima and from fresh starts; intervals are 1.96 of them, and "
            "the sampling of the rows is counted"
        )
        if found.failed:
            text += f"; {found.failed} refits did not converge and are left out"
        yield text
    elif found.method == "delta":
        yield (
            "standard errors of effects: delta method, for this fit is regular enough; the "
            "sampling of the rows is counted"
        )
    several = several_solutions(results)
    if several:
        yield several
    if found.method != "withheld" and found.curves == "withheld":
        yield "no intervals of predictions and curves: .bootstrap() gives them"
    beside = results._beside
    if beside.inputs is not None:
        yield (
            "P: score tests from the fit without the input, of first order (blind to U shapes) and "
            "of any form (powers and products added). They ask for any effect, the interval is of "
            "the average one. A large P says that these data show no effect, not that there is none"
        )
    elif beside.dropped:
        yield "P: not made under this covariance; input_tests() makes them"
    yield from _cost(results)


def _cost(results: Any) -> Iterator[str]:
    """The nested GLM, what it missed, and what the network costs where it missed nothing."""
    beside = results._beside
    if not np.isfinite(beside.glm_deviance):
        return
    text = f"the GLM of the final layer's terms has a deviance of {beside.glm_deviance:.5g} with "
    text += f"{beside.glm_edf:.4g} coefficients"
    known = {} if beside.linearity is None else beside.linearity["pvalue"].dropna().to_dict()
    if known:
        tests = ", ".join(f"{name} {p:.3f}" for name, p in known.items())
        text += f"; tests that it misses nothing: P {tests}"
    yield (
        f"{text}. Where it is true, this model pays for {results.edf:.4g} effective coefficients "
        "with wider intervals and noisier predictions"
    )


def _withheld(results: Any) -> Iterator[str]:
    if not results.converged:
        yield "no standard errors, intervals or tests, because the fit is not certified"
    elif results.withheld:
        yield results.withheld
    if results._request.name != "nonrobust" and not results._numbers.withheld:
        yield results._request.description
    if results._deep:
        yield (
            "coefficients are in the units of the data, in canonical order and sign; a GLM term "
            "that also enters hidden layers is not its whole effect"
        )
    if results.fixed.any():
        yield "fixed: held at this value, because the layer has a symmetry and no data decide on it"


def _not_printed(results: Any) -> Iterator[str]:
    large = large_layers(results)
    if large:
        yield f"not printed, because of their size: {', '.join(large)}; results.params holds them"


def _columns(results: Any) -> Iterator[str]:
    aliased = results.aliased
    if aliased.any():
        names = ", ".join(repr(name) for name in aliased.index[aliased.to_numpy()])
        yield f"set aside because earlier columns determine them: {names}"
    dropped = results._model._data.dropped
    if dropped:
        rows = "row has" if dropped == 1 else "rows have"
        yield f"{dropped} {rows} a missing value and {'was' if dropped == 1 else 'were'} left out"


def _no_test_of_zero(results: Any) -> Iterator[str]:
    if results._deep or results._numbers.withheld:
        return
    if not results._numbers.fitted.family.aux_may_be_zero:
        names = ", ".join(results.auxiliary.index)
        yield f"no z or p for {names}: zero is the end of its range, where z is not normal"


_NOTES = (
    _verdict,
    _directions,
    _units,
    _penalty,
    _inference,
    _withheld,
    _not_printed,
    _columns,
    _no_test_of_zero,
)

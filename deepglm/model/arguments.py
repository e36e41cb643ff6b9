"""What may be said to a model, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np

from deepglm import families, links
from deepglm.data import ModelData
from deepglm.errors import (
    DataError,
    FormulaError,
    SpecificationError,
    check_dense,
    positive_number,
    whole_number,
)
from deepglm.predictor import Predictor
from deepglm.results import Estimate


def hidden_units(hidden: Any) -> tuple[int, ...]:
    """Units of every hidden layer."""
    values = tuple(hidden) if isinstance(hidden, Sequence | np.ndarray) else (hidden,)
    for q in values:
        if isinstance(q, bool) or not isinstance(q, int | np.integer) or q < 1:
            raise SpecificationError(
                f"hidden={hidden!r}: give the units of every hidden layer as positive whole "
                "numbers, for example hidden=(4,), or hidden=() for the ordinary GLM."
            )
    return tuple(int(q) for q in values)


def check_activation(activation: Any) -> None:
    """Raise for an unknown name, also where there is no hidden layer to use it."""
    for one in activation if isinstance(activation, tuple | list) else (activation,):
        links.get(one)


def layer_links(activation: Any, depth: int) -> tuple[links.Link, ...]:
    """Inverse link of every hidden layer."""
    if isinstance(activation, tuple | list):
        if len(activation) != depth:
            raise SpecificationError(
                f"activation={activation!r} names {len(activation)} layers and there are {depth}; "
                "give one name for all, or one per layer."
            )
        return tuple(links.get(one) for one in activation)
    return (links.get(activation),) * depth


def check_family(family: families.Family, data: ModelData) -> None:
    """Raise for a user's own family whose derivatives are not those of its log-likelihood."""
    if families.is_own(family):
        counted = np.flatnonzero(data.rows.freq > 0)
        y, weight = data.rows.y[counted], data.rows.weight[counted]
        families.check_own_family(family, y, weight, data.index[counted])


def check_predictors(family: families.Family, intercept: int | None, data: ModelData) -> None:
    """Raise where the columns or an offset make no sense for the linear predictors of a family."""
    if family.cut_labels and intercept is None:
        raise SpecificationError(
            "the cut-points of an ordinal response are its intercepts, so that the formula needs "
            "one. Leave '- 1' and '0 +' out."
        )
    given = [role for role in ("offset", "exposure") if role in data.variables]
    if family.k_eta > 1 and given:
        raise SpecificationError(
            f"{given[0]}= adds to one linear predictor, and the {family.name} family has "
            f"{family.k_eta}. Leave it out; for counts of classes the total is the number of "
            "trials."
        )


def check_parameters(predictor: Predictor) -> None:
    """Raise where the information of all parameters would be too large a matrix."""
    sizes = [f"{p:,} x {q:,}" for net in predictor.networks for q, p in net.widths]
    check_dense(
        predictor.size,
        f"the parameters of this model (inputs x units of its layers: {', '.join(sizes)})",
        " Use fewer units, merge rare levels, or leave factors of many levels outside of hidden "
        "layers, as in 'y ~ C(g) + deep(a + b)'.",
    )


@contextmanager
def naming_rows(data: ModelData) -> Iterator[None]:
    """Complete an error of a user's family with what the user calls the row."""
    try:
        yield
    except families.NotANumberError as error:
        raise error.named(data.rows.y, data.rows.weight, data.index) from None


def check_formula(formula: Any) -> None:
    """Raise for what is no text."""
    if not isinstance(formula, str):
        raise FormulaError(
            f"The formula is of type {type(formula).__name__}; give a text such as 'y ~ a + b', or "
            "use DeepGLM.from_arrays(endog, exog)."
        )


def both_deep_and_hidden(source: str, hidden: Any) -> FormulaError:
    """The error for ``hidden=`` beside ``deep()``."""
    units = tuple(hidden) if isinstance(hidden, Sequence) else hidden
    instead = (
        f"Write units= inside deep(), as in '{source[:-1]}, units={units!r})', and leave hidden= "
        "out."
        if units
        else "Leave hidden= out, or write the formula without deep()."
    )
    return FormulaError(
        f"hidden={hidden!r} stands beside deep() in the formula, so it is not clear which terms go "
        f"through hidden layers. {instead}"
    )


def impossible_start(family: families.Family, values: np.ndarray) -> DataError:
    """The error for starting values that a family cannot have; its parameters are the last."""
    names = family.cut_labels or family.aux_labels
    given = ", ".join(
        f"{value:g} for {name!r}"
        for name, value in zip(names, values[len(values) - len(names) :], strict=True)
    )
    if family.cut_labels:
        return DataError(f"start_params has {given}; cut-points must increase. Put them in order.")
    return DataError(f"start_params has {given}, and a number above zero is needed. Give one.")


def check_limits(maxiter: Any, tol: Any, max_seconds: Any) -> None:
    """Raise for limits that are no limits."""
    if maxiter is not None:
        whole_number("maxiter", maxiter, 1, " model.loglike(params) evaluates without a step.")
    if tol is not None:
        positive_number("tol", tol, " It is half a Newton decrement, in log-likelihood units.")
    if max_seconds is not None:
        positive_number("max_seconds", max_seconds, " None does not stop.")


INFERENCE = ("auto", "delta", "bootstrap", None)


def check_inference(inference: Any) -> None:
    """Raise for a way to standard errors that is not known."""
    if inference not in INFERENCE:
        raise SpecificationError(
            f"inference={inference!r} is not known; accepted are 'auto', 'delta', 'bootstrap' and "
            "None."
        )


def ended_early(estimate: Estimate) -> str:
    """What a warning says of a certified fit that Ctrl-C or the clock ended."""
    cause = "" if estimate.stopped is None else estimate.stopped.cause
    if len(estimate.starts) == 1:
        return f"{cause} came when the fit had reached a certified maximum already."
    return (
        f"{cause} ended the search after {len(estimate.starts)} starts. The best of them is a "
        "certified maximum; starts that were not made may find a better one."
    )


def scale_request(family: families.Family, scale: Any) -> tuple[float | None, str]:
    """(scale inside the objective or None for free, how the reported scale comes about)."""
    free = None if family.scale is None else 1.0
    if scale is None:
        return free, "X2" if free is None else "fixed"
    estimated = family.statsmodels is not None and not isinstance(family, families.MeanFamily)
    if estimated and scale != free:
        keyword = "var_power" if free is None else "alpha"
        raise SpecificationError(
            f"scale={scale!r}: {family.name}() estimates its {keyword}, and beside that its scale "
            f"cannot be held or replaced. Leave scale out, or give {keyword}= to the family."
        )
    if not isinstance(family, families.MeanFamily) and scale != 1:
        raise SpecificationError(
            f"scale={scale!r}: the {family.name} family has no dispersion. Leave scale out; robust "
            "standard errors are cov_type='HC0' and others."
        )
    if isinstance(scale, Real):
        return positive_number("scale", scale, " A number holds the dispersion fixed."), "fixed"
    kind = {"x2": "X2", "dev": "dev"}.get(str(scale).lower())
    if kind is None:
        raise SpecificationError(
            f"scale={scale!r} is not known; accepted are None, 'X2', 'dev' or a number."
        )
    return free, kind

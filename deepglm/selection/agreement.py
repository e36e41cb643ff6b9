"""What fits must have in common before they are averaged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from deepglm.data import ModelData, RowVariable, row_label
from deepglm.errors import SpecificationError
from deepglm.results import DeepGLMResults

__all__ = ["check_agreement", "check_same_response"]

Difference = tuple[str, Any, Any]

_NEEDED = (
    "An average needs fits of one response with the same family, link, rows, weights, offset and "
    "exposure; terms, hidden layers, penalty and seed may differ"
)


def check_agreement(members: Mapping[Any, DeepGLMResults]) -> None:
    """Raise for results that are not of one response, family, link and set of rows.

    Parameters
    ----------
    members
        Results by name.
    """
    (first, reference), *others = members.items()
    for name, result in others:
        for what, here, there in _differences(reference._model, result._model):
            raise SpecificationError(
                f"the {what} is {here} in {first!r} and {there} in {name!r}. {_NEEDED}."
            )


def check_same_response(members: Mapping[Any, DeepGLMResults]) -> None:
    """Raise for results whose log-likelihoods or deviances cannot be compared.

    The rows themselves are compared, not their number: labels, responses, trials, weights and
    offsets.

    Parameters
    ----------
    members
        Results by name.
    """
    (first, reference), *others = members.items()
    for name, result in others:
        a, b = reference._model, result._model
        for what, here, there in (*_families(a._adapted, b._adapted), *_rows(a._data, b._data)):
            raise SpecificationError(
                f"the {what} is {here} in {first!r} and {there} in {name!r}: these fits cannot be "
                "compared. Fit both to one response, family, link and set of rows, as with "
                "subset= or data.dropna()."
            )


def _differences(a: Any, b: Any) -> Iterator[Difference]:
    """What two models differ in: what it is, and what either has there."""
    yield from _families(a._adapted, b._adapted)
    yield from _rows(a._data, b._data)
    yield from _offset_names(a._data.variables, b._data.variables)


def _families(a: Any, b: Any) -> Iterator[Difference]:
    pairs: list[Difference] = [
        ("family", a.name, b.name),
        ("inverse link", a.link, b.link),
        # a family of the user's own need not have the next two
        (
            "variance function",
            getattr(a, "variance_function", 0),
            getattr(b, "variance_function", 0),
        ),
        ("likelihood", type(getattr(a, "law", a)).__name__, type(getattr(b, "law", b)).__name__),
    ]
    for what, x, y in pairs:
        if x != y:
            here, there = getattr(x, "name", x), getattr(y, "name", y)
            yield (what, here, there) if here != there else (what, x, y)


def _rows(a: ModelData, b: ModelData) -> Iterator[Difference]:
    if a.rows.n != b.rows.n:
        yield "number of rows", _counted(a), _counted(b)
        return
    if not a.index.equals(b.index):
        at = int(np.argmax(np.asarray(a.index != b.index)))
        here, there = row_label(a.index, at), row_label(b.index, at)
        yield f"label of row number {at}", repr(here), repr(there)
    for what, x, y in (
        ("response", a.rows.y, b.rows.y),
        ("number of trials", a.trials, b.trials),
        ("variance weight", a.rows.weight, b.rows.weight),
        ("frequency weight", a.rows.freq, b.rows.freq),
        ("offset (log exposure included)", a.rows.offset, b.rows.offset),
    ):
        if x.shape != y.shape:
            yield f"form of the {what}", str(x.shape), str(y.shape)
            continue
        differ = np.flatnonzero(np.atleast_2d(x != y).any(axis=0))
        if differ.size:
            at = int(differ[0])
            yield (
                f"{what} of row {row_label(a.index, at)!r}",
                _shown(x[..., at]),
                _shown(y[..., at]),
            )


def _shown(value: Any) -> str:
    return f"{value:.6g}" if np.ndim(value) == 0 else str(value.tolist())


def _counted(data: ModelData) -> str:
    return f"{data.rows.n} ({data.dropped} left out because something is missing)"


def _offset_names(
    a: Mapping[str, RowVariable], b: Mapping[str, RowVariable]
) -> Iterator[Difference]:
    """Equal offsets from other columns would be looked up in different places of new rows."""
    for role in ("offset", "exposure"):
        here, there = (_called(variables.get(role)) for variables in (a, b))
        if here != there:
            yield role, here, there


def _called(variable: RowVariable | None) -> str:
    if variable is None:
        return "not given"
    return "an array" if variable.name is None else f"the column {variable.name!r}"

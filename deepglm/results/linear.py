"""The linear part of a fit, with the names and in the units of an ordinary GLM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from deepglm.data import aliased_columns, intercept_column
from deepglm.errors import NotAvailableError
from deepglm.inference.fitted import Array
from deepglm.inference.inputs import place_of
from deepglm.inference.projection import Projection
from deepglm.results.estimated import Estimated, Labels, errors_note, measured
from deepglm.results.margins import ESTIMANDS, one_of

__all__ = ["linear_part"]


def linear_part(results: Any, x: str = "random") -> Estimated:
    """Project the linear predictor on the columns of the GLM with the same terms."""
    population = one_of(x, ESTIMANDS, "x") == "random"
    data, fitted = results._model._data, results._numbers.fitted
    names, X, T, intercept = _columns(data)
    share = data.rows.freq / data.rows.freq.sum()
    order = (
        [intercept, *(j for j in range(len(X)) if j != intercept)]
        if intercept is not None
        else None
    )
    aliased = aliased_columns(X, np.sqrt(share), order)
    used = np.array([j for j in range(len(X)) if j not in aliased])
    if len(used) == 0:
        raise NotAvailableError("linear_part: the model has no columns to project on.")
    family = fitted.given
    hidden = intercept is not None and bool(family.cut_labels)
    shown = [j for j in used if not (hidden and j == intercept)]
    mixed = np.eye(family.k_eta) if family.to_reported is None else family.to_reported
    projection = Projection(
        place_of(fitted, "linear"), X[used], share, T[np.ix_(shown, used)], mixed
    )
    functional = projection.functional(population)
    values, cov, _ = measured(results, results._uncertainty, functional, share)
    labels = [names[j] for j in shown]
    if family.k_eta > 1:
        labels = [f"{eta}:{name}" for eta in family.eta_names for name in labels]
    over = "the population that the rows come from" if population else "these rows, as fixed"
    notes = [
        f"Least squares of the fitted linear predictor on these columns, over {over}.",
        errors_note(results._uncertainty, results._why_not),
    ]
    notes += [f"Set aside, determined by the others: {names[j]}." for j in aliased]
    tested = population or not results._deep
    title = "Linear part of the linear predictor"
    return Estimated(
        pd.Index(labels), values, cov, Labels(title, "coef", tuple(notes), False, tested)
    )


def _columns(data: Any) -> tuple[list[str], Array, Array, int | None]:
    """Names and standardised columns of all designs, each once, and the map to the user's units."""
    names: list[str] = []
    rows, centres, scales = [], [], []
    intercept = intercept_column(data.sources[0])
    for source, standard, X in zip(data.sources, data.standards, data.rows.designs, strict=True):
        for j, name in enumerate(source.names):
            if name not in names:
                centre, scale = float(standard.centre[j]), float(standard.scale[j])
                moved = intercept is None  # nothing takes up a centre
                names.append(name)
                rows.append(X[j] + centre / scale if moved else X[j])
                centres.append(0.0 if moved else centre)
                scales.append(scale)
    T = np.diag(1.0 / np.array(scales))
    if intercept is not None:
        others = np.arange(len(names)) != intercept
        T[intercept, others] = (
            -(np.array(centres) / np.array(scales))[others] * T[intercept, intercept]
        )
    return names, np.array(rows), T, intercept

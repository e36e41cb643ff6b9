"""Hidden layers as tables: a column per unit, a row per input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepglm.inference.fitted import Array

__all__ = ["LARGE", "LayerTable", "large_layers", "layer_tables"]

UNITS_ACROSS = 5
"""Units of a layer that stand side by side."""

LARGE = 200
"""Coefficients of a layer above which nobody reads its table: it is named, not printed."""


@dataclass(frozen=True)
class LayerTable:
    """A layer, or some of its units.

    Parameters
    ----------
    title
        Which layer, and its inverse link.
    rows
        Names of what enters the units, then of the final layer's coefficients.
    columns
        Names of the units.
    cells
        Coefficients in the user's units; text where one is fixed or set aside.
    """

    title: str
    rows: list[str]
    columns: list[str]
    cells: list[list[float | str]]


def large_layers(results: Any) -> list[str]:
    """Layers that are too large to print, each with its number of coefficients."""
    networks = results._model.predictor.networks
    return [
        f"{_title(t, level, networks)} ({units * (1 + inputs)} coefficients)"
        for t, network in enumerate(networks)
        for level, (units, inputs) in enumerate(network.widths)
        if units * (1 + inputs) > LARGE
    ]


def layer_tables(results: Any) -> list[LayerTable]:
    """One table per hidden layer, wide ones in pieces and large ones left out."""
    model, predictor = results._model, results._model.predictor
    k, placed = predictor.size, model._units.placed
    shown = (results._estimate.params, results.fixed.to_numpy(), results.aliased.to_numpy())
    values, fixed, aliased = (predictor.unpack(placed(x.astype(float))[:k]) for x in shown)
    tables = []
    for t, network in enumerate(predictor.networks):
        below = ["Intercept", *model._data.sources[t + 1].names]
        for level in range(len(network.links)):
            columns = [
                [*part[t][level].T] for part in (values.layers, fixed.layers, aliased.layers)
            ]
            rows = list(below)
            if level == len(network.links) - 1:
                for part, cells in zip((values, fixed, aliased), columns, strict=True):
                    cells.extend(part.outputs[t])
                rows += _final_rows(len(values.outputs[t]), model._adapted.eta_names)
            title = _title(t, level, predictor.networks)
            if values.layers[t][level].size <= LARGE:
                cells = _cells(*(np.array(part) for part in columns))
                tables += _pieces(title, rows, cells)
            below = ["Intercept", *(f"unit{k + 1}" for k in range(network.units[level]))]
    return tables


def _title(t: int, level: int, networks: Sequence[Any]) -> str:
    prefix = f"Deep term {t + 1}, " if len(networks) > 1 else ""
    network = networks[t]
    return f"{prefix}Hidden layer {level + 1}: {network.units[level]} {network.links[level].name}"


def _final_rows(k_eta: int, eta_names: Sequence[str]) -> list[str]:
    if k_eta == 1:
        return ["coef in final layer"]
    return [f"coef in final layer, {name}" for name in eta_names]


def _cells(values: Array, fixed: Array, aliased: Array) -> list[list[float | str]]:
    return [
        [_cell(v, bool(f), bool(a)) for v, f, a in zip(row, pinned, gone, strict=True)]
        for row, pinned, gone in zip(values, fixed, aliased, strict=True)
    ]


def _cell(value: float, fixed: bool, aliased: bool) -> float | str:
    if aliased:
        return "aliased"
    return f"{value:.3g} fixed" if fixed else float(value)


def _pieces(title: str, rows: list[str], cells: Sequence[list[float | str]]) -> list[LayerTable]:
    q = len(cells[0])
    pieces = []
    for lo in range(0, q, UNITS_ACROSS):
        hi = min(lo + UNITS_ACROSS, q)
        part = f", units {lo + 1} to {hi}" if q > UNITS_ACROSS else ""
        columns = [f"unit{k + 1}" for k in range(lo, hi)]
        pieces.append(LayerTable(title + part, rows, columns, [row[lo:hi] for row in cells]))
    return pieces

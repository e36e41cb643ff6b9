"""What a cell is: a design, a number of rows, the models fitted to it, what is measured, the gates.

Cells of the same `Stream` see the same samples: sample k comes from
``SeedSequence((number of the stream, k))``, its fresh rows from ``(number, 0, 60)``, and every fit
has the package's own default seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FRESH_ROWS = 60
DEFAULT_RUNS, DELTA_RUNS, REFIT_RUNS = 400, 1000, 300


@dataclass(frozen=True)
class Stream:
    """A design and a number of rows; its number seeds the samples."""

    number: int
    design: str
    rows: int


@dataclass(frozen=True)
class Gate:
    """What a number has to satisfy.

    Parameters
    ----------
    quantity
        A line of the table of the cell: see `tables`.
    low, high
        Limits; None is open.
    if_any
        Whether there may be nothing to judge.
    """

    quantity: str
    low: float | None = None
    high: float | None = None
    if_any: bool = False


@dataclass(frozen=True)
class Cell:
    """One experiment.

    Parameters
    ----------
    name
        Also the name of the file of its records.
    group
        The table it belongs to.
    stream
        Its samples.
    model, options
        Keywords of ``DeepGLM`` and of ``fit``.
    measures
        Names in `measures.MEASURES`.
    gates
        What has to hold.
    runs
        Samples of the full run.
    oracle
        Keywords of the model that knows the truth's form, fitted to the same samples; None without.
    oracle_options
        Keywords of its fit.
    oracle_measures
        What is measured of it.
    """

    name: str
    group: str
    stream: Stream
    model: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    measures: tuple[str, ...] = ("effects", "curve")
    gates: tuple[Gate, ...] = ()
    runs: int = DELTA_RUNS
    oracle: Mapping[str, Any] | None = None
    oracle_options: Mapping[str, Any] = field(default_factory=dict)
    oracle_measures: tuple[str, ...] = ("effects", "curve")

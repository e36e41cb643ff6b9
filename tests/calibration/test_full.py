"""The gates of the full run, on its records: what `make calibration` ends with."""

from __future__ import annotations

import pytest

from calibration.cells import CELLS
from calibration.numbers import lines_of
from calibration.records import RECORDS, path_of, read
from calibration.tables import verdict


@pytest.mark.calibration
@pytest.mark.parametrize("name", [name for name, cell in CELLS.items() if cell.gates])
def test_gates(name):
    cell = CELLS[name]
    records = read(path_of(name, RECORDS))[1]
    if len(records) < cell.runs:
        pytest.skip(f"{len(records)} of {cell.runs} samples: python -m calibration.run {name}")
    assert verdict(cell, lines_of(records, cell)) == "pass"

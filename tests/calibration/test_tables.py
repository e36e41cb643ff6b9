"""What was withheld is a miss, gates are read strictly, errors are those of Monte Carlo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration import numbers, tables, truth
from calibration.cell import Gate
from calibration.cells import CELLS
from calibration.numbers import Line
from calibration.records import path_of, read

CELL = CELLS["default-T1-gaussian-300"]
TRUE = {name: value.item() for name, value in truth.of("T1 Gaussian").items()}


def made(k, gap=0.0, half=0.1, method="bootstrap"):
    """A record whose intervals are off by so much."""
    effects = {name: [[x + gap, x + gap - half, x + gap + half]] for name, x in TRUE.items()}
    return {
        "sample": k,
        "status": {"converged": True, "method": method, "curves": method, "refits": 100,
                   "failed": k % 2, "edf": 20.0, "excess": 40.0},
        "effects": effects,
        "curve": {"covered": "1" * 57 + "000", "width": 1.0, "error": 0.0},
        "linear part": {name: one[0] for name, one in effects.items()},
        "oracle": {"effects": {n: [[x, x - 0.05, x + 0.05]] for n, x in TRUE.items()},
                   "curve": {"covered": "1" * 60}},
    }  # fmt: skip


def withheld(k):
    one = made(k, method="withheld")
    none = [None, None, None]
    return one | {
        "effects": {name: [none] for name in TRUE},
        "curve": {"covered": "-" * 60, "width": None, "error": None},
        "linear part": dict.fromkeys(TRUE, none),
    }


def failed(k):
    return {"sample": k, "errors": {"status": "LinAlgError: no"}}


def test_good_intervals_cover():
    lines = numbers.lines_of([made(k, 0.01 * (-1) ** k) for k in range(40)], CELL)
    assert lines["AME, mean"].value == lines["linear part"].value == 1.0
    assert lines["eta"].value == pytest.approx(0.95)
    assert lines["width"].value == pytest.approx(2.0)
    assert lines["refits not converged"].value == pytest.approx(0.005)
    assert lines["excess deviance over edf"].value == pytest.approx(2.0)


@pytest.mark.parametrize("silence", [withheld, failed])
def test_what_was_not_printed_is_a_miss(silence):
    records = [made(k) for k in range(30)] + [silence(k) for k in range(30, 40)]
    lines = numbers.lines_of(records, CELL)
    assert lines["AME, mean"].value == lines["AME, x3"].value == pytest.approx(0.75)
    assert lines["eta"].value == pytest.approx(0.75 * 0.95)
    assert lines["linear part"].value == pytest.approx(0.75)
    assert lines["withheld"].value == lines["eta withheld"].value == pytest.approx(0.25)
    assert "withheld 0.250 > 0.05" in tables.verdict(CELL, lines)


def test_one_missing_input_is_silence_too():
    records = [made(k) for k in range(20)]
    records[3]["effects"]["x5"] = [[0.2, None, None]]
    lines = numbers.lines_of(records, CELL)
    assert lines["withheld"].value == pytest.approx(0.05)
    assert lines["AME, x5"].value == lines["AME, worst input"].value == pytest.approx(0.95)


def test_errors_are_those_of_independent_samples():
    # whole samples hit or miss: the error of the mean over inputs is that of one input
    records = [made(k, 0.0 if k % 4 else 1.0) for k in range(100)]
    lines = numbers.lines_of(records, CELL)
    single = np.sqrt(0.75 * 0.25 / 99)
    assert lines["AME, mean"].value == 0.75
    assert lines["AME, mean"].error == pytest.approx(single)
    assert lines["AME, x1"].error == pytest.approx(single)


def test_what_delta_printed_is_judged_by_itself():
    records = [made(k, method="delta") for k in range(20)]
    records += [made(k, 1.0) for k in range(20, 30)]
    lines = numbers.lines_of(records, CELL)
    assert lines["AME printed by delta"].value == 1.0
    assert lines["by delta"].value == pytest.approx(2 / 3)


def test_gates():
    lines = {"AME, x1": Line(0.936, 0.007), "AME, x2": Line(0.930, 0.007), "AME, mean": Line(0.1)}
    each = Gate("AME, each", 0.935, 0.965)
    assert tables.judged(each, lines) == ["AME, x2 0.930 < 0.935 (within two errors)"]
    assert tables.judged(Gate("AME, mean", 0.93), lines) == ["AME, mean 0.100 < 0.93"]
    assert tables.judged(Gate("eta", 0.93), lines) == ["eta: not measured"]
    assert tables.judged(Gate("size of each", 0.03, 0.08), lines) == ["size of each: not measured"]
    assert tables.judged(Gate("AME, x1", 0.9, 0.936), lines) == []
    assert tables.judged(Gate("AME printed by delta", 0.94, if_any=True), lines) == []


def test_sizes_count_p_values_among_all_samples():
    cell = CELLS["input-plain-2-D1-gaussian-500"]
    p = [0.01, 0.049, 0.051, None]
    records = [
        {"sample": k, "status": {"converged": True, "method": "delta"},
         "input tests": {"first": x, "any": 0.5},
         "likelihood tests": {"wald": None if k else 0.01, "lr": None}}
        for k, x in enumerate(p)
    ]  # fmt: skip
    lines = numbers.lines_of(records, cell)
    assert lines["size first-order"].value == 0.5
    assert lines["first-order withheld"].value == 0.25
    assert lines["Wald shown"].value == 0.25 and lines["Wald rejects where shown"].value == 1.0
    assert lines["LR withheld"].value == 1.0


def test_saturation_counts_units():
    cell = CELLS["saturation-plain-D7-binomial-60"]
    one = {"steep": 2, "missed": 1, "false": 1, "units": 3, "errors printed": False}
    none = {"steep": 0, "missed": 0, "false": 0, "units": 3, "errors printed": False}
    lines = numbers.lines_of([{"sample": 0, "saturation": one}, {"saturation": none}], cell)
    assert lines["saturated units missed"].value == 0.5
    assert lines["false flags"].value == 0.25
    assert lines["errors printed beside a saturated unit"].value == 0.0


def test_pages_name_every_cell_its_gates_and_its_verdict(tmp_path):
    text = tables.page("default", [(CELL, [made(k) for k in range(10)])])
    assert "default-T1-gaussian-300" in text and "0.93 <= AME, mean <= 0.985" in text
    assert "fails: AME, mean 1.000 > 0.985; width 2.000 > 1.35" in text
    plain = replace(CELL, gates=())
    assert tables.verdict(plain, {}) == "no gate"


def test_unfinished_lines_are_left_out(tmp_path):
    path = path_of("x", tmp_path)
    path.write_text(
        '{"definition": "a", "code": ["1"]}\n{"sample": 1}\n{"sample": 0}\n{"sam'
        '\n{"definition": "a", "code": ["2"]}\n{"sample": 2}\n'
    )
    heading, found = read(path)
    assert [one["sample"] for one in found] == [0, 1, 2]
    assert heading["code"] == ["1", "2"]

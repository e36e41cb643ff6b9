"""Records do not depend on interruptions or on the number of processes."""

from __future__ import annotations

import json

import pytest

from calibration import run
from calibration.cells import CELLS
from calibration.records import path_of

CELL = CELLS["glm-T1-gaussian-300"]


def lines(folder):
    text = path_of(CELL.name, folder).read_text().splitlines()
    return [line for line in text if "definition" not in json.loads(line)]


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    run.run(CELL, 6, 1, tmp_path / "whole")
    run.run(CELL, 3, 1, tmp_path / "parts")
    path = path_of(CELL.name, tmp_path / "parts")
    path.write_text(path.read_text()[:-40])  # the third record was being written
    found = run.run(CELL, 6, 1, tmp_path / "parts")
    assert [one["sample"] for one in found] == list(range(6))
    assert found == run.run(CELL, 6, 1, tmp_path / "whole")


@pytest.mark.slow
def test_records_do_not_depend_on_the_number_of_processes(tmp_path):
    run.run(CELL, 4, 1, tmp_path / "one")
    run.run(CELL, 4, 2, tmp_path / "two")
    assert lines(tmp_path / "one") == lines(tmp_path / "two")


def test_records_of_another_definition_are_not_added_to(tmp_path):
    run.run(CELL, 1, 1, tmp_path)
    path = path_of(CELL.name, tmp_path)
    path.write_text(path.read_text().replace(run.definition(CELL), "0" * 12))
    with pytest.raises(SystemExit, match="another definition"):
        run.run(CELL, 2, 1, tmp_path)


def test_definitions_tell_models_apart_but_not_gates():
    one, other = CELLS["correct-skip-D1-gaussian-300"], CELLS["correct-plain-D1-gaussian-300"]
    assert run.definition(one) != run.definition(other)
    assert len({run.definition(cell) for cell in CELLS.values()}) >= len(CELLS) - 20


def test_a_sample_that_fails_is_a_record(monkeypatch):
    class Broken:
        def __getattr__(self, name):
            raise ValueError("broken")

    monkeypatch.setattr("calibration.measures.dg", Broken())
    found = run.record(CELL.name, 0)
    assert found["errors"] == {"status": "ValueError: broken"}
    assert json.dumps(found, allow_nan=False)


def test_names_wildcards_and_groups():
    assert [cell.name for cell in run.chosen(["glm-T1-g*"])] == ["glm-T1-gaussian-300"]
    assert len(run.chosen(["default"])) == 6
    assert len(run.chosen([])) == len(CELLS)
    with pytest.raises(SystemExit, match="'nothing' is no cell"):
        run.chosen(["nothing"])

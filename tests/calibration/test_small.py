"""Coverage in small: cells of the full run with few samples, all seeds fixed.

A GLM that is true has to cover; the untouched default has to print finite intervals, by the
bootstrap, around the truth.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from calibration import numbers, truth
from calibration.cells import CELLS
from calibration.run import record


@pytest.fixture(scope="module", params=["glm-T1-gaussian-300", "glm-T1-binomial-1000"])
def glm(request):
    cell = CELLS[request.param]
    return numbers.lines_of([record(cell.name, k) for k in range(200)], cell)


def test_the_true_glm_covers_its_effects(glm):
    low, high = stats.binom.ppf([0.0005, 0.9995], 200, 0.95) / 200
    for k in range(1, 6):
        assert low <= glm[f"AME, x{k}"].value <= high
    assert abs(glm["AME, mean"].value - 0.95) < 3.5 * glm["AME, mean"].error
    assert abs(glm["largest bias, in sd"].value) < 3.5 / np.sqrt(200)
    assert 0.88 < glm["SE over sd, mean"].value < 1.12


def test_the_true_glm_covers_its_linear_predictor(glm):
    assert abs(glm["eta"].value - 0.95) < 3.5 * glm["eta"].error
    assert glm["withheld"].value == glm["samples with an error"].value == 0.0


@pytest.fixture(scope="module")
def default():
    return [record("default-D1-5-gaussian-300", k) for k in range(4)]


@pytest.mark.slow
def test_the_default_prints_by_the_bootstrap(default):
    assert not any("errors" in one for one in default)
    assert [one["status"]["method"] for one in default] == ["bootstrap"] * 4
    assert all(one["status"]["refits"] == 199 for one in default)
    assert all(one["status"]["failed"] <= 10 for one in default)
    assert all("-" not in one["curve"]["covered"] for one in default)


@pytest.mark.slow
def test_the_default_prints_intervals_around_the_truth(default):
    target = truth.of("D1/5 Gaussian")
    z = []
    for one in default:
        for name, value in target.items():
            estimate, low, high = one["effects"][name][0]
            error = (high - low) / (2.0 * numbers.Z95)
            assert low < estimate < high and 0.0 < error < 0.4
            z.append((estimate - value.item()) / error)
    assert np.abs(z).max() < 4.0
    assert 0.3 < np.sqrt(np.mean(np.square(z))) < 1.6
    covered = [one["curve"]["covered"].count("1") / 60 for one in default]
    assert np.mean(covered) > 0.75
    # a wrong sign of the strongest effect would not go unnoticed
    assert all(one["effects"]["x2"][0][2] < 0 for one in default)


@pytest.mark.slow
def test_the_correct_architecture_is_certified_and_close():
    cell = CELLS["correct-plain-D1-gaussian-300"]
    found = [record(cell.name, k) for k in range(10)]
    lines = numbers.lines_of(found, cell)
    assert lines["fits not certified"].value == lines["samples with an error"].value == 0.0
    assert lines["AME, mean"].value >= 0.8
    assert lines["eta"].value >= 0.8

"""The truths are what they say: laws, derivatives, averages, seeds."""

from __future__ import annotations

import numpy as np
import pytest

from calibration import truth
from calibration.cells import CELLS, STREAMS
from calibration.designs import DESIGNS, X1_MEAN, X1_VARIANCE

NAMES = sorted(DESIGNS)


def table(name, n=400, seed=0):
    return DESIGNS[name].draw(np.random.default_rng(seed), n)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_those_of_the_mean(name):
    design, t, step = DESIGNS[name], table(name), 1e-6
    for x in design.inputs.names:
        if x in design.inputs.binary:
            continue
        ends = [design.law.mean(design.eta({**t, x: t[x] + s})) for s in (step, -step)]
        slope = truth.effects(design, t, x)
        np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), atol=2e-8)


def test_a_binary_input_has_its_discrete_change():
    design, t = DESIGNS["T1 binomial"], table("T1 binomial")
    ends = [design.law.mean(design.eta({**t, "x4": np.full(400, v)})) for v in (0.0, 1.0)]
    np.testing.assert_array_equal(truth.effects(design, t, "x4"), ends[1] - ends[0])


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(("D3", "D5"))])
def test_stored_averages_agree_with_a_fresh_sample(name):
    found = truth.average_effects(DESIGNS[name], np.random.default_rng(7), 40_000)
    for x, (mean, error) in truth.stored()[name].items():
        again, more = (np.array(part) for part in found[x])
        gap = np.hypot(np.array(error), more)
        assert (np.abs(again - np.array(mean)) <= 4.5 * gap + 1e-9).all(), x


def test_slopes_of_the_glm_are_its_effects():
    found = truth.of("T1 Gaussian")
    assert [found[f"x{k}"].item() for k in (1, 2, 3, 5)] == pytest.approx([0.5, -0.4, 0.0, 0.25])
    assert found["x4"].item() == pytest.approx(0.3 / np.sqrt(0.21))


def test_inputs_have_the_moments_that_are_written_down():
    t = table("T1 Gaussian", 200_000)
    assert t["x1"].mean() == pytest.approx(X1_MEAN, abs=0.008)
    assert t["x1"].var() == pytest.approx(X1_VARIANCE, abs=0.02)
    assert t["x2"].var() == pytest.approx(1.0, abs=0.01)
    assert t["x4"].mean() == pytest.approx(0.3, abs=0.005)
    assert np.corrcoef(t["x1"], t["x5"])[0, 1] == pytest.approx(0.4, abs=0.01)
    assert t["x5"].var() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    "name", ["D1 Gaussian", "D1 binomial", "D1 Poisson", "D1 gamma", "D1 negative binomial",
             "D1 Tobit", "D6 tilted"]
)  # fmt: skip
def test_laws_draw_what_their_distribution_says(name):
    design, t = DESIGNS[name], table(name, 60_000)
    eta = design.eta(t)
    gap = t["y"] - design.law.mean(eta)[0]
    assert abs(gap.mean()) < 4.5 * gap.std() / np.sqrt(len(gap))
    # P(Y <= y) and P(Y < y) of what was drawn: their average has expectation 1/2
    middle = (design.law.below(t["y"], eta, t) + design.law.before(t["y"], eta, t)) / 2.0
    assert abs(middle.mean() - 0.5) < 4.5 * middle.std() / np.sqrt(len(middle))


@pytest.mark.parametrize("name", ["D1 ordinal", "D1 multinomial"])
def test_classes_are_drawn_with_their_probabilities(name):
    design, t = DESIGNS[name], table(name, 60_000)
    p = design.law.mean(design.eta(t))
    np.testing.assert_allclose(p.sum(axis=0), 1.0)
    shares = np.bincount(t["y"].astype(int)) / 60_000
    np.testing.assert_allclose(shares, p.mean(axis=1), atol=0.009)


def test_three_in_ten_rows_of_the_tobit_are_censored():
    assert (table("D1 Tobit", 50_000)["y"] == 0).mean() == pytest.approx(0.3, abs=0.01)


def test_alternatives_to_a_glm_are_orthogonal_to_it_and_have_their_size():
    for name in ("D5 Gaussian net 0.15", "D5 Gaussian product 0.15"):
        t = table(name, 200_000)
        part = (DESIGNS[name].eta(t) - DESIGNS["D5 Gaussian"].eta(t))[0]
        X = np.stack((np.ones(len(part)), t["x1"], t["x2"], t["x3"]))
        assert part.std() == pytest.approx(0.15, rel=0.02)
        assert np.abs(X @ part / len(part)).max() < 0.003


def test_clusters_share_noise_and_part_of_x2():
    t = table("D6 clustered", 20_000)
    e = (t["y"] - DESIGNS["D6 clustered"].eta(t)[0]).reshape(-1, 10)
    within = e.var(axis=1, ddof=1).mean()
    between = e.mean(axis=1).var(ddof=1) - within / 10.0
    assert between / (between + within) == pytest.approx(0.2, abs=0.02)
    assert t["x2"].var() == pytest.approx(1.0, abs=0.03)
    assert t["x2"].reshape(-1, 10).mean(axis=1).var() > 0.4


def test_every_cell_has_a_design_and_numbers_of_streams_are_unique():
    assert {cell.stream.design for cell in CELLS.values()} <= set(DESIGNS)
    streams = {cell.stream for cell in CELLS.values()}
    assert len({stream.number for stream in streams}) == len(streams) >= len(STREAMS) - 2


def test_truths_have_not_moved():
    """Any coefficient, any seed: a change here makes all records void."""
    total = 0.0
    for stream in {cell.stream for cell in CELLS.values()}:
        rng = np.random.default_rng(np.random.SeedSequence((stream.number, 0)))
        total += stream.number * DESIGNS[stream.design].draw(rng, stream.rows)["y"].sum()
    assert total == pytest.approx(5614475.647214491, rel=1e-10)

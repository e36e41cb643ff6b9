"""The distribution of a label."""

from __future__ import annotations

import numpy as np
import pytest

from deepglm.errors import DataError, NotAvailableError, SpecificationError
from deepglm.families.categorical import Categorical, check_every_level, shares_of

LEVELS = ("low", "medium", "high")
P = np.array([[0.2, 0.0, 0.5, 1.0], [0.3, 0.6, 0.5, 0.0], [0.5, 0.4, 0.0, 0.0]])


@pytest.fixture
def law():
    return Categorical(LEVELS, P)


def test_probabilities_of_one_label_and_of_one_for_each_row(law):
    np.testing.assert_array_equal(law.pmf("medium"), P[1])
    np.testing.assert_array_equal(law.pmf(["high", "low", "medium", "low"]), [0.5, 0.0, 0.5, 1.0])
    each = law.pmf(np.array(LEVELS)[:, None])
    np.testing.assert_array_equal(each, P)


def test_cumulated_probabilities(law):
    np.testing.assert_allclose(law.cdf("low"), P[0])
    np.testing.assert_allclose(law.cdf("medium"), P[0] + P[1])
    np.testing.assert_array_equal(law.cdf("high"), 1.0)
    np.testing.assert_array_equal(P, law.probabilities)
    tenths = Categorical(tuple(range(10)), np.full((10, 1), 0.1))
    assert tenths.cdf(9)[0] == 1.0


def test_unknown_labels_are_refused(law):
    for method in (law.pmf, law.cdf):
        with pytest.raises(SpecificationError, match="'hihg' is not a level.*'low', 'medium'"):
            method(["low", "hihg", "low", "low"])


def test_quantiles(law):
    assert law.ppf(0.5).tolist() == ["medium", "medium", "low", "low"]
    assert law.ppf(0.0).tolist() == ["low"] * 4
    assert law.ppf(1.0).tolist() == ["high", "high", "medium", "low"]
    assert law.ppf([0.2, 0.61, 0.51, 0.3]).tolist() == ["low", "high", "medium", "low"]
    assert law.ppf([[0.1], [0.9]]).shape == (2, 4)
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(SpecificationError, match="probabilities from 0 to 1"):
            law.ppf(wrong)


def test_quantiles_are_the_inverse_of_cumulated_probabilities():
    rng = np.random.default_rng(1)
    law = Categorical(tuple(range(5)), rng.dirichlet(np.ones(5), size=40).T)
    for level in range(5):
        at = np.minimum(law.cdf(level), 1.0)
        np.testing.assert_array_equal(law.ppf(at), level)
        above = np.minimum(at + 1e-12, 1.0)
        np.testing.assert_array_equal(law.ppf(above), min(level + 1, 4))


def test_draws_have_the_probabilities(law):
    draws = law.rvs(size=(20_000, 4), random_state=3)
    assert draws.shape == (20_000, 4)
    for code, level in enumerate(LEVELS):
        # four standard deviations of a share of 20,000 draws
        np.testing.assert_allclose((draws == level).mean(axis=0), P[code], atol=0.0142)
    assert not (draws[:, 1] == "low").any()


def test_draws_are_reproducible_and_leave_the_global_state_alone(law):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    np.testing.assert_array_equal(law.rvs(random_state=5), law.rvs(random_state=5))
    one, other = (law.rvs(size=4, random_state=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert law.rvs().shape == (4,)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    with pytest.raises(SpecificationError, match="size=7"):
        law.rvs(size=7)


def test_means_need_numbers(law):
    with pytest.raises(NotAvailableError, match="'low' is not a number"):
        law.mean()
    counts = Categorical((0, 1, 4), P)
    np.testing.assert_allclose(counts.mean(), P[1] + 4.0 * P[2])


@pytest.mark.parametrize(
    "levels, kind", [(LEVELS, "U"), ((1, 2, 3), "i"), ((0.5, 1, 2), "f"), (("a", 2, None), "O")]
)
def test_labels_come_back_as_they_are(levels, kind):
    drawn = Categorical(levels, P).ppf(1.0)
    assert drawn.dtype.kind == kind
    assert drawn.tolist() == [levels[2], levels[2], levels[1], levels[0]]


def test_missing_rows_have_no_labels():
    p = P.copy()
    p[:, 2] = np.nan
    law = Categorical(LEVELS, p)
    np.testing.assert_array_equal(np.isnan(law.pmf("low")), [False, False, True, False])
    np.testing.assert_array_equal(np.isnan(law.cdf("high")), [False, False, True, False])
    for call in (law.rvs, lambda: law.ppf(0.5)):
        with pytest.raises(DataError, match="row number 2"):
            call()


def test_every_level_needs_rows():
    check_every_level(np.array([1.0, 2.0, 0.1]), LEVELS, "pain")
    with pytest.raises(DataError, match="'pain' has no rows of the levels 'low', 'high'"):
        check_every_level(np.array([0.0, 2.0, 0.0]), LEVELS, "pain")


def test_shares_are_never_zero():
    np.testing.assert_allclose(shares_of(np.array([1.0, 3.0]), np.ones(4)), [0.25, 0.75])
    floored = shares_of(np.array([4.0, 0.0]), np.full(2, 2.0))
    np.testing.assert_allclose(floored, [0.8, 0.2])

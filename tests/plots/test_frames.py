"""Tidy frames: sums by hand, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import DataError, MissingColumnError, SpecificationError, UnseenLevelError
from deepglm.plots import frames


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    data = pd.DataFrame(
        {
            "x": rng.integers(0, 30, 500),
            "g": pd.Categorical(rng.choice(list("abc"), 500)),
            "e": rng.uniform(0.2, 1.0, 500),
        },
        index=[f"r{k}" for k in range(500)],
    )
    data["y"] = rng.poisson(data.e * np.exp(0.05 * data.x)).astype(float)
    return data


@pytest.fixture(scope="module")
def fit(rows: pd.DataFrame) -> Any:
    formula = "y ~ x + np.log(x + 1) + C(g)"
    return dg.DeepGLM(formula, rows, family=dg.Poisson(), exposure="e", hidden=()).fit()


def test_bands_of_numbers(rows: pd.DataFrame) -> None:
    frame = frames.actual_expected(rows.y, rows.y + 1, rows.x, rows.e, bands=5)
    assert len(frame) == 5 and (frame.by == "x").all()
    assert (frame.low.iloc[1:].to_numpy() > frame.high.iloc[:-1].to_numpy()).all()
    for band in frame.itertuples():
        mine = rows[rows.x.between(band.low, band.high)]
        assert band.exposure == pytest.approx(mine.e.sum())
        assert band.actual == pytest.approx(mine.y.sum() / mine.e.sum())
        assert band.expected == pytest.approx((mine.y + 1).sum() / mine.e.sum())
    # quantiles: no band has much more than its share, as far as equal values allow
    assert frame.exposure.sum() == pytest.approx(rows.e.sum())
    assert frame.exposure.max() < 1.3 * rows.e.sum() / 5


def test_a_common_value_is_one_band() -> None:
    x = np.r_[np.full(90, 50.0), np.arange(51, 61)]
    frame = frames.actual_expected(np.ones(100), np.ones(100), x, bands=10)
    assert frame.low.iloc[0] == frame.high.iloc[0] == 50
    assert frame.band.iloc[0] == "50" and frame.exposure.iloc[0] == 90
    assert frame.exposure.sum() == 100


def test_bands_of_a_factor_for_two_models(rows: pd.DataFrame) -> None:
    shuffled = rows.g.cat.reorder_categories(["c", "a", "b"])
    frame = frames.actual_expected(rows.y, {"one": rows.y, "two": 2 * rows.y}, shuffled)
    assert frame.band.tolist() == ["c", "a", "b"] * 2
    assert frame.model.tolist() == ["one"] * 3 + ["two"] * 3
    means = rows.groupby("g", observed=True).y.mean()
    assert np.allclose(frame.actual, means[frame.band])
    assert np.allclose(frame.expected[3:], 2 * means[frame.band[3:]])
    assert frame[["low", "high"]].isna().all(axis=None)


def test_a_glm_has_no_difference_over_its_factor(rows: pd.DataFrame, fit: Any) -> None:
    """Likelihood equations of a canonical link: totals agree in every level of a factor."""
    frame = frames.actual_expected(rows.y, fit.mu, rows.g, rows.e)
    assert np.allclose(frame.actual, frame.expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expected": np.ones(3)}, r"has shape \(3,\).*500 rows"),
        ({"exposure": np.r_[np.ones(499), 0.0]}, "exposure is 0 in row 499"),
        ({"y": np.r_[np.nan, np.ones(499)]}, "y is nan in row 0"),
        ({"by": np.r_[np.nan, np.ones(499)]}, "by is missing in row 0"),
    ],
)
def test_bad_rows(change: dict[str, Any], message: str) -> None:
    good = {name: np.ones(500) for name in ("y", "expected", "by", "exposure")}
    with pytest.raises(DataError, match=message):
        frames.actual_expected(**{**good, **change})


def test_other_labels_are_not_paired_by_accident(rows: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="different row labels"):
        frames.actual_expected(rows.y, rows.y[::-1], rows.x)


def test_no_bands() -> None:
    with pytest.raises(SpecificationError, match="at least one band"):
        frames.actual_expected(np.ones(3), np.ones(3), np.arange(3.0), bands=0)


def test_partial_means_by_hand(rows: pd.DataFrame, fit: Any) -> None:
    frame = frames.partial_means({"GLM": fit}, rows, "x", [10, 3.5, 20], exposure=1.0)
    b = fit.params
    level = b["C(g)[T.b]"] * (rows.g == "b") + b["C(g)[T.c]"] * (rows.g == "c")
    for point in frame.itertuples():
        eta = b["Intercept"] + b["x"] * point.value + b["np.log(x + 1)"] * np.log(point.value + 1)
        assert point.mean == pytest.approx(np.exp(eta + level).mean())
    nearest = [min((10, 3.5, 20), key=lambda v: abs(v - x)) for x in rows.x]
    assert np.allclose(frame.share, [nearest.count(v) / 500 for v in (10, 3.5, 20)], atol=0.05)
    assert frame.share.sum() == pytest.approx(1.0)
    assert (frame.model == "GLM").all() and (frame.input == "x").all()


def test_partial_means_of_a_factor(rows: pd.DataFrame, fit: Any) -> None:
    frame = frames.partial_means(fit, rows, "g", ["a", "b"])
    ratio = frame["mean"][1] / frame["mean"][0]
    assert ratio == pytest.approx(np.exp(fit.params["C(g)[T.b]"]))
    assert frame.share.tolist() == [(rows.g == "a").mean(), (rows.g == "b").mean()]
    assert rows.g.nunique() == 3  # the caller's rows are as they were


def test_partial_means_refuse(rows: pd.DataFrame, fit: Any) -> None:
    with pytest.raises(MissingColumnError, match="no column 'z'; its columns are x, g, e, y"):
        frames.partial_means(fit, rows, "z", [1])
    with pytest.raises(SpecificationError, match="values is empty"):
        frames.partial_means(fit, rows, "x", [])
    with pytest.raises(UnseenLevelError):
        frames.partial_means(fit, rows, "g", ["d"])
    holed = rows.assign(x=rows.x.where(rows.index != "r7"))
    with pytest.raises(DataError, match="1 rows cannot be predicted.*'r7'"):
        frames.partial_means(fit, holed, "g", ["a"])

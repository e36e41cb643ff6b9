"""Partial dependence: averages of predictions, limits, bands and extrapolation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import deepglm as dg
from deepglm.errors import DataError, MissingColumnError, NotAvailableError, SpecificationError
from tests.results.test_effects import FORMULA, average, table

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")


@pytest.fixture(scope="module")
def counts() -> Any:
    model = dg.DeepGLM(
        FORMULA, table(), dg.Poisson(), hidden=(2,), exposure="years", freq_weights="times"
    )
    return model.fit(inference="delta", starts=3)


@pytest.fixture(scope="module")
def glm() -> Any:
    return dg.DeepGLM("count ~ x + C(g)", table(), dg.Poisson(), hidden=()).fit()


def test_points_are_averages_of_predictions(counts: Any) -> None:
    rows = table()
    curve = counts.partial_dependence("x", [0.5, 2.0, 3.5])
    expected = [average(counts, rows.assign(x=x)) for x in (0.5, 2.0, 3.5)]
    assert np.allclose(curve["estimate"], expected, rtol=1e-12)
    levels = counts.partial_dependence("g")
    assert list(levels["value"]) == ["a", "b", "c"]
    assert np.allclose(levels["estimate"], [average(counts, rows.assign(g=g)) for g in "abc"])
    assert list(counts.partial_dependence("k")["value"]) == [0, 1, 2, 3, 4]
    assert len(counts.partial_dependence("x", 7)) == 7


def test_a_step_has_a_curve() -> None:
    glm = dg.DeepGLM("y ~ I(x > 2)", table(), hidden=()).fit()
    curve = glm.partial_dependence("x", [1.0, 3.0])
    assert np.diff(curve["estimate"]).item() == pytest.approx(glm.params.iloc[1])


def test_limits_of_a_linear_predictor(glm: Any) -> None:
    """Against a contrast: the linear predictor at x, the groups as they are in the data."""
    rows = table()
    shares = [(rows.g == g).mean() for g in "bc"]
    curve = glm.partial_dependence("x", [1.0, 2.5], which="linear", x="fixed", alpha=0.1)
    for row, x in zip(curve.itertuples(), (1.0, 2.5), strict=True):
        test = glm.t_test(np.array([1.0, *shares, x]))
        assert row.estimate == pytest.approx(test.effect[0], rel=1e-9)
        assert row.se == pytest.approx(float(np.squeeze(test.sd)), rel=1e-9)
        assert [row.lower, row.upper] == pytest.approx(np.ravel(test.conf_int(0.1)), rel=1e-9)


def test_limits_of_means_are_those_of_the_link(glm: Any) -> None:
    curve = glm.partial_dependence("x", 20)
    z = stats.norm.ppf(0.975)
    log_se = curve["se"] / curve["estimate"]
    assert np.allclose(curve["upper"], curve["estimate"] * np.exp(z * log_se), rtol=1e-10)
    assert (curve["band_lower"] <= curve["lower"]).all() and (curve["lower"] > 0).all()
    # one slope and one level: about two dimensions of error
    width = np.log(curve["band_upper"] / curve["estimate"]) / log_se
    assert np.ptp(width) < 1e-10 and z < width[0] < np.sqrt(stats.chi2.ppf(0.95, 3))


def test_a_centred_curve_has_no_error_of_level(glm: Any) -> None:
    rows = table()
    curve = glm.partial_dependence("x", 30, which="linear", centred=True)
    slope = np.diff(curve["estimate"]) / np.diff(curve["value"])
    assert np.allclose(slope, glm.params["x"], rtol=1e-8)
    near = np.abs(curve["value"].to_numpy()[:, None] - rows.x.to_numpy()).argmin(axis=0)
    assert curve["estimate"].to_numpy()[near].mean() == pytest.approx(0.0, abs=1e-12)
    away = curve["value"] - curve["value"].to_numpy()[near].mean()
    assert np.allclose(curve["se"], np.abs(away) * glm.bse["x"], rtol=1e-7)


def test_extrapolation_is_marked(counts: Any) -> None:
    x = table().x
    curve = counts.partial_dependence("x", [x.min() - 1, x.median(), x.max() + 1])
    assert list(curve["extrapolated"]) == [True, False, True]
    assert curve["beyond"].iloc[1] < 0.2 < curve["beyond"].iloc[0]


def test_classes_have_a_curve_each() -> None:
    fit = dg.DeepGLM("cls ~ x + C(g)", table(), dg.Multinomial(), hidden=()).fit()
    curve = fit.partial_dependence("x", 12)
    assert list(curve["outcome"].unique()) == ["lo", "mid", "hi"]
    assert np.allclose(curve.groupby("value")["estimate"].sum(), 1.0)
    limits = curve[["lower", "upper", "band_lower", "band_upper"]]
    assert ((limits > 0) & (limits < 1)).all(axis=None)


def test_accumulated_effects_of_a_line_are_the_line(glm: Any) -> None:
    rows = table()
    curve = glm.accumulated_effects("x", 8, which="linear", x="fixed")
    x = curve["value"].to_numpy()
    assert np.allclose(np.diff(curve["estimate"]) / np.diff(x), glm.params["x"], rtol=1e-8)
    piece = np.clip(np.searchsorted(x, rows.x, side="left") - 1, 0, len(x) - 2)
    middle = (0.5 * (x[1:] + x[:-1]))[piece].mean()
    assert np.allclose(curve["se"], np.abs(x - middle) * glm.bse["x"], rtol=1e-7, atol=1e-12)


def test_accumulated_effects_by_hand(counts: Any) -> None:
    """Apley and Zhu (2020), equations 15 and 16, with frequencies."""
    rows = table()
    curve = counts.accumulated_effects("x", 5)
    edges = curve["value"].to_numpy()
    assert edges[0] == rows.x.min() and edges[-1] == rows.x.max()
    piece = np.clip(np.searchsorted(edges, rows.x, side="left") - 1, 0, len(edges) - 2)
    steps = []
    for k in range(len(edges) - 1):
        mine = rows[piece == k]
        ends = [average(counts, mine.assign(x=edges[k + end])) for end in (1, 0)]
        steps.append(ends[0] - ends[1])
    total = np.r_[0.0, np.cumsum(steps)]
    share = np.array([rows.times[piece == k].sum() for k in range(len(steps))]) / rows.times.sum()
    total -= share @ (0.5 * (total[1:] + total[:-1]))
    assert np.allclose(curve["estimate"], total, rtol=1e-10)
    assert not curve["extrapolated"].any()


def test_accumulated_effects_of_classes_add_up() -> None:
    fit = dg.DeepGLM("cls ~ x + C(g)", table(), dg.Multinomial(), hidden=()).fit()
    curve = fit.accumulated_effects("x", 6)
    assert np.allclose(curve.groupby("value")["estimate"].sum(), 0.0, atol=1e-14)
    with pytest.raises(NotAvailableError, match="no distances"):
        fit.accumulated_effects("g")
    with pytest.raises(SpecificationError, match="bins"):
        fit.accumulated_effects("x", 0)


def test_withheld_limits_say_why() -> None:
    fit = dg.DeepGLM("count ~ x", table(), dg.Poisson(), hidden=(2,)).fit(inference=None, starts=2)
    curve = fit.partial_dependence("x", 5)
    assert curve["estimate"].notna().all() and curve["band_upper"].isna().all()
    assert "inference=None" in curve.attrs["errors"]


def test_wrong_curves(glm: Any) -> None:
    with pytest.raises(MissingColumnError, match="not an input"):
        glm.partial_dependence("z")
    with pytest.raises(DataError, match="not finite"):
        glm.partial_dependence("x", [1.0, np.inf])
    with pytest.raises(SpecificationError, match="alpha"):
        glm.partial_dependence("x", alpha=2.0)
    with pytest.raises(SpecificationError, match="grid"):
        glm.partial_dependence("x", 1)
    with pytest.raises(SpecificationError, match="not a level"):
        glm.partial_dependence("g", ["a", "q"])


def test_frequencies_are_repeated_rows_and_zero_is_no_row() -> None:
    rows = table()
    rows["f"] = np.random.default_rng(4).integers(0, 6, len(rows)).astype(float)
    repeated = rows.loc[np.repeat(rows.index, rows.f.astype(int))].reset_index(drop=True)
    assert len(repeated) > 256  # not all of them are moved
    weighted = dg.DeepGLM("count ~ x + z", rows, dg.Poisson(), hidden=(), freq_weights="f").fit()
    plain = dg.DeepGLM("count ~ x + z", repeated, dg.Poisson(), hidden=()).fit()
    for found in (
        lambda fit: fit.accumulated_effects("x", 7),
        lambda fit: fit.partial_dependence("x", np.linspace(-2.0, 6.0, 15)),
    ):
        assert np.allclose(found(weighted).astype(float), found(plain).astype(float), rtol=1e-10)
    rows["one"] = (rows.f > 0).astype(float)
    weighted = dg.DeepGLM("count ~ x + z", rows, dg.Poisson(), hidden=(), freq_weights="one").fit()
    subset = dg.DeepGLM("count ~ x + z", rows[rows.f > 0], dg.Poisson(), hidden=()).fit()
    grid = np.linspace(-2.0, 6.0, 15)
    beyond = [fit.partial_dependence("x", grid)["beyond"] for fit in (weighted, subset)]
    assert np.allclose(*beyond, rtol=1e-12) and 0.0 < beyond[0].sum() < 15.0


@pytest.mark.parametrize("centred", [False, True])
def test_a_point_that_is_not_finite_leaves_the_others_as_they_are(glm: Any, centred: bool) -> None:
    with np.errstate(all="warn"):
        curve = glm.partial_dependence("x", [0.0, 1.0, 1e6], centred=centred)
    alone = glm.partial_dependence("x", [0.0, 1.0], centred=centred)
    limits = ["estimate", "se", "lower", "upper", "band_lower", "band_upper"]
    if not centred:
        assert np.allclose(curve[limits].iloc[:2], alone[limits], rtol=1e-12)
    assert np.isfinite(curve[limits].iloc[:2]).all(axis=None)
    assert curve["estimate"].iloc[2] == np.inf and np.isnan(curve["se"].iloc[2])
    assert curve["extrapolated"].iloc[2]


@pytest.mark.filterwarnings("ignore::deepglm.errors.CollinearityWarning")
def test_a_level_without_rows_leaves_the_bands_of_the_others() -> None:
    rows = table()
    rows["f"] = (rows.g != "c").astype(float)
    fit = dg.DeepGLM("count ~ x + g", rows, dg.Poisson(), hidden=(), freq_weights="f").fit()
    curve = fit.partial_dependence("g")
    assert list(curve["extrapolated"]) == [False, False, True]
    assert list(curve["band_upper"].isna()) == [False, False, True]
    without = dg.DeepGLM("count ~ x + g", rows[rows.g != "c"], dg.Poisson(), hidden=()).fit()
    assert np.allclose(curve["band_upper"][:2], without.partial_dependence("g")["band_upper"])


def test_points_where_a_column_is_not_finite() -> None:
    fit = dg.DeepGLM("count ~ np.log(z) + x", table(), dg.Poisson(), hidden=()).fit()
    with pytest.raises(DataError, match=r"z has a value of -1 .* 'np.log\(z\)' is not finite"):
        fit.partial_dependence("z", [-1.0, 1.0])


def test_few_values_are_marked() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    fit = dg.DeepGLM("count ~ k + x", table(), dg.Poisson(), hidden=()).fit()
    for name, marked in (("k", [0, 1, 2, 3, 4]), ("x", None)):
        ax = fit.plot_effect(name, [0, 0.5, 1, 2, 3, 4])
        found = [list(line.get_xdata()) for line in ax.lines if line.get_marker() == "o"]
        assert found == ([marked] if marked else [])
        pyplot.close(ax.figure)


@pytest.mark.parametrize("name", ["x", "g"])
def test_picture(glm: Any, name: str) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    ax = glm.plot_effect(name)
    assert ax.get_xlabel() == name and ax.get_ylabel() == "mean of count, averaged"
    assert "for each point" in ax.get_title(loc="left")
    drawn = ax.lines[-2 if name == "x" else -1]
    assert len(drawn.get_xdata()) > 2
    if name == "g":
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "b", "c"]
    pyplot.close(ax.figure)

"""Pictures: the data on the Axes, not pixels."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib import colors, pyplot

import deepglm as dg
from deepglm import plots
from deepglm.errors import MissingColumnError, MissingExtraError, SpecificationError


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    with pyplot.rc_context():
        pyplot.switch_backend("Agg")
        yield
        pyplot.close("all")


def curves(values: list, models: tuple[str, ...] = ("GLM", "DeepGLM")) -> pd.DataFrame:
    one = {"input": "age", "value": values, "share": np.full(len(values), 1 / len(values))}
    frames = [
        pd.DataFrame({**one, "model": name, "mean": k + np.arange(len(values), dtype=float)})
        for k, name in enumerate(models)
    ]
    return pd.concat(frames)  # with repeated row labels, as a user's concat has them


def bands(models: tuple[str, ...] = ("GLM", "DeepGLM")) -> pd.DataFrame:
    y, by = np.array([1.0, 0.0, 2.0, 3.0]), pd.Series([1, 2, 3, 4], name="level")
    return plots.actual_expected_frame(y, {m: y + k for k, m in enumerate(models, 1)}, by, bands=2)


def test_effect_draws_a_line_per_model() -> None:
    ax = plots.effect(curves([18.0, 30.0, 60.0]))
    assert [line.get_label() for line in ax.lines] == ["GLM", "DeepGLM"]
    for k, line in enumerate(ax.lines):
        assert np.array_equal(line.get_xydata(), np.c_[[18, 30, 60], k + np.arange(3.0)])
    assert ax.get_xlabel() == "age" and ax.get_ylabel() == "mean"
    (bars,) = [other for other in ax.figure.axes if other is not ax]
    assert [bar.get_height() for bar in bars.patches] == pytest.approx([1 / 3] * 3)


def test_effect_of_a_factor_has_points_and_its_levels() -> None:
    ax = plots.effect(curves(["Diesel", "Regular"]).drop(columns="share"))
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["Diesel", "Regular"]
    assert {line.get_linestyle() for line in ax.lines} == {"None"}
    assert len(ax.figure.axes) == 1


def test_actual_against_expected() -> None:
    frame = bands()
    ax = plots.actual_expected(frame)
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert list(drawn) == ["actual", "expected GLM", "expected DeepGLM"]
    assert np.array_equal(drawn["actual"], frame.actual[:2])
    assert np.array_equal(drawn["expected DeepGLM"], frame.expected[2:])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1 to 2", "3 to 4"]
    assert ax.get_xlabel() == "level"


def test_one_model_without_a_name() -> None:
    frame = plots.actual_expected_frame(np.ones(4), np.ones(4), np.arange(4.0), bands=2)
    labels = [line.get_label() for line in plots.actual_expected(frame).lines]
    assert labels == ["actual", "expected"]
    assert plots.effect(curves([1.0, 2.0], models=("",))).get_legend() is None


def test_given_axes_are_used() -> None:
    _, (left, right) = pyplot.subplots(1, 2)
    assert plots.effect(curves([1.0, 2.0]), ax=left) is left
    assert plots.actual_expected(bands(), ax=right) is right


def test_lines_can_be_told_apart_in_grey() -> None:
    """Five lines differ in dash, in marker, and neighbours in lightness."""
    ax = plots.effect(curves([1.0, 2.0], models=tuple("abcde")))
    dashes = {str(line._unscaled_dash_pattern) for line in ax.lines}
    assert len(dashes) == len({line.get_marker() for line in ax.lines}) == 5
    rgb = np.array([colors.to_rgb(line.get_color()) for line in ax.lines[:3]])
    grey = rgb @ [0.299, 0.587, 0.114]
    assert np.abs(np.diff(grey)).min() > 0.05


@pytest.mark.parametrize("draw", [plots.effect, plots.actual_expected])
def test_another_frame_is_refused(draw: object) -> None:
    with pytest.raises(
        MissingColumnError, match="no column .*; its columns are a. deepglm.plots.\\w+ makes"
    ):
        draw(pd.DataFrame({"a": [1]}))  # type: ignore[operator]


def test_a_result_is_no_frame() -> None:
    data = pd.DataFrame({"x": [0.0, 1.0, 2.0, 4.0], "y": [1.0, 2.0, 2.0, 5.0]})
    fit = dg.DeepGLM("y ~ x", data, hidden=()).fit()
    for draw, maker in (
        (plots.effect, "partial_means"),
        (plots.actual_expected, "actual_expected_frame"),
        (plots.curve, "partial_dependence"),
    ):
        with pytest.raises(SpecificationError, match=rf"{maker} returns.*plot_effect\(name\)"):
            draw(fit, "x")
    with pytest.raises(SpecificationError, match="no Axes"):
        fit.plot_effect("x", ax="y")
    with pytest.raises(SpecificationError, match="fittedvalues"):
        plots.actual_expected_frame(data.y, fit, data.x)
    with pytest.raises(SpecificationError, match="in this order"):
        plots.partial_means(data, fit, "x", [1.0])


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"deepglm\[plots\]"):
        plots.effect(curves([1.0, 2.0]))

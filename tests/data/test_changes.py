"""Inputs of a model, and what happens to its columns when one of them moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import NotAvailableError, SpecificationError

N = 200


def table() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "y": rng.normal(size=N),
            "x": rng.normal(3.0, 2.0, N),
            "z": rng.lognormal(1.0, 1.5, N),
            "g": rng.choice(["a", "b", "c"], N),
            "c": pd.Categorical(rng.choice(["u", "v"], N), categories=["v", "u"]),
            "k": rng.integers(1, 4, N),
            "b": rng.random(N) > 0.5,
            "odd name": rng.normal(size=N),
        }
    )


def data(formula: str, frame: Any = None, **options: Any) -> Any:
    frame = table() if frame is None else frame
    return dg.DeepGLM(formula, frame, hidden=(), **options)._data


def user_slopes(kept: Any, name: str) -> dict[str, Any]:
    """Derivatives of the final layer's columns in the user's units, by name."""
    change = kept.maker.slopes(kept.inputs[name])[0]
    slopes = np.broadcast_to(change.values, (len(change.numbers), kept.rows.n))
    scale = kept.standards[0].scale[change.numbers]
    names = kept.sources[0].names
    return {names[j]: row * s for j, row, s in zip(change.numbers, slopes, scale, strict=True)}


# -- inputs -------------------------------------------------------------------------------------


def test_kinds_of_inputs() -> None:
    kept = data("y ~ x + np.log(z) + C(k, Treatment(2)) + g*x + b + c + Q('odd name')")
    assert {name: one.kind for name, one in kept.inputs.items()} == {
        "k": "factor",
        "g": "factor",
        "b": "factor",
        "c": "factor",
        "x": "numeric",
        "z": "numeric",
        "odd name": "numeric",
    }
    assert kept.inputs["k"].levels == (1, 2, 3) and kept.inputs["k"].reference == 2
    assert kept.inputs["c"].levels == ("v", "u") and kept.inputs["c"].reference == "v"
    assert kept.inputs["b"].levels == (False, True)


def test_columns_of_inputs_in_every_design() -> None:
    frame = table()
    kept = dg.DeepGLM("y ~ g + x + deep(x*g + z, units=(2,))", frame)._data
    named = {
        name: [
            [source.names[j] for j in columns]
            for source, columns in zip(kept.sources, one.columns, strict=True)
        ]
        for name, one in kept.inputs.items()
    }
    interactions = ["x:g[T.b]", "x:g[T.c]"]
    assert named["g"] == [["g[T.b]", "g[T.c]"], ["g[T.b]", "g[T.c]", *interactions]]
    assert named["x"] == [["x"], ["x", *interactions]]
    assert named["z"] == [[], ["z"]]


def test_levels_that_only_the_data_know() -> None:
    kept = data("y ~ np.where(g == 'b', 1.0, 0.0) + x")
    assert kept.inputs["g"].levels == ("a", "b", "c")


def test_columns_of_an_array_are_inputs() -> None:
    frame = table()
    exog = frame[["x", "z"]].assign(one=1.0)
    kept = dg.DeepGLM.from_arrays(frame.y, exog, hidden=(2,))._data
    assert list(kept.inputs) == ["x", "z"]
    assert kept.inputs["z"].columns == ((2,), (1,))
    assert np.allclose(kept.values_of("z"), frame.z, rtol=1e-13)


def test_rows_dropped_are_not_seen() -> None:
    frame = table()
    frame.loc[[3, 5], "x"] = np.nan
    with pytest.warns(dg.errors.DroppedRowsWarning):
        kept = data("y ~ x + g", frame)
    assert len(kept.seen) == N - 2 and np.allclose(kept.values_of("x"), frame.x.dropna())
    with pytest.warns(dg.errors.DroppedRowsWarning):
        kept = data("y ~ x + g", {name: list(values) for name, values in frame.items()})
    assert np.allclose(kept.values_of("x"), frame.x.dropna())


def test_data_changed_later_do_not_matter() -> None:
    frame = table()
    arrays = {name: frame[name].to_numpy().copy() for name in ("y", "x", "g")}
    for given in (frame, arrays):
        kept = data("y ~ x + g", given)
        before = kept.values_of("x").copy()
        if given is frame:
            frame.loc[:5, "x"] = 99.0
        else:
            arrays["x"][:5] = 99.0
        assert np.array_equal(kept.values_of("x"), before)


# -- derivatives --------------------------------------------------------------------------------


def test_a_plain_column_needs_no_difference() -> None:
    kept = data("y ~ x + Q('odd name') + g")
    for name in ("x", "odd name"):
        change = kept.maker.slopes(kept.inputs[name])[0]
        assert change.values.shape == (1, 1)
        assert change.values[0, 0] == 1.0 / kept.standards[0].scale[change.numbers[0]]


def test_derivatives_through_transforms() -> None:
    frame = table()
    kept = data("y ~ I(x**3) + center(x):g + np.log(z) + np.sqrt(z) + x:z", frame)
    x, z = user_slopes(kept, "x"), user_slopes(kept, "z")
    assert np.allclose(x["I(x ** 3)"], 3 * frame.x**2, rtol=1e-9, atol=1e-9)
    assert np.allclose(x["center(x):g[b]"], frame.g == "b", atol=1e-10)
    assert np.allclose(x["x:z"], frame.z, rtol=1e-10)
    assert np.allclose(z["np.log(z)"], 1 / frame.z, rtol=1e-9)
    assert np.allclose(z["np.sqrt(z)"], 0.5 / np.sqrt(frame.z), rtol=1e-9)
    assert np.allclose(z["x:z"], frame.x, rtol=1e-9, atol=1e-10)


def test_splines_at_the_ends_of_their_range() -> None:
    """One-sided differences there: bs() refuses values beyond its boundary knots."""
    frame = table()
    kept = data("y ~ bs(x, df=5)", frame)
    slopes = user_slopes(kept, "x")["bs(x, df=5)[4]"]
    design = kept.sources[0]
    for row in (int(frame.x.argmin()), int(frame.x.argmax())):
        h = 1e-5 * (1.0 if row == int(frame.x.argmin()) else -1.0)
        ends = [design.build(pd.DataFrame({"x": [frame.x[row] + k * h]}))[0, 5] for k in (0, 1, 2)]
        slope = (-3 * ends[0] + 4 * ends[1] - ends[2]) / (2 * h)
        assert slopes[row] == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("term", ["np.floor(x)", "I(1.0 * (x > 3))", "C(x > 3)", "I(x > 3)"])
def test_jumps_have_no_derivative(term: str) -> None:
    kept = data(f"y ~ x + {term}")
    with pytest.raises(NotAvailableError, match="jump"):
        kept.maker.slopes(kept.inputs["x"])


def test_a_kink_is_not_a_jump() -> None:
    frame = table()
    kept = data("y ~ x + np.maximum(x - 3, 0) + np.abs(x)", frame)
    slopes = user_slopes(kept, "x")
    away = np.abs(frame.x - 3) > 0.05
    assert np.allclose(slopes["np.maximum(x - 3, 0)"][away], (frame.x > 3)[away], atol=1e-9)


@pytest.mark.parametrize("term", ["I(x - x.mean())", "x.shift(1).fillna(0)"])
def test_transforms_that_look_at_other_rows(term: str) -> None:
    kept = data(f"y ~ {term} + z")
    for ask in (lambda one: kept.maker.slopes(one), lambda one: kept.maker.at(one, 1.0)):
        with pytest.raises(NotAvailableError, match="looks at other rows"):
            ask(kept.inputs["x"])
    assert kept.maker.slopes(kept.inputs["z"])[0].values.shape == (1, 1)


def test_no_finite_derivative() -> None:
    frame = table().assign(z=lambda d: d.z.round(0))
    kept = data("y ~ np.log(np.abs(z - 1e-200) + 1e-300 + x**2)", frame)
    assert np.isfinite(user_slopes(kept, "z")[kept.sources[0].names[1]]).all()
    kept = data("y ~ invert(x)", frame)
    with pytest.raises(NotAvailableError, match="no finite derivative"):
        kept.maker.slopes(kept.inputs["x"])


def invert(x: Any) -> Any:
    """Has values on the rows of the table, and none beside them."""
    seen = table().x.to_numpy()
    known = np.isin(x, seen)
    return np.where(known, x, np.nan)


# -- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["frame", "mapping"])
@pytest.mark.parametrize(
    ("name", "value"), [("g", "c"), ("c", "u"), ("b", True), ("k", 3), ("x", 1.5)]
)
def test_columns_at_a_value(kind: str, name: str, value: Any) -> None:
    frame = table()
    given = frame if kind == "frame" else {column: frame[column] for column in frame}
    formula = "y ~ g*z + c + b + C(k) + bs(x, df=4)"
    kept = data(formula, given)
    change = kept.maker.at(kept.inputs[name], value)[0]
    moved = frame.assign(**{name: value})
    if name == "c":
        moved["c"] = pd.Categorical(moved.c, categories=["v", "u"])
    expected = kept.designs(moved)[0]
    whole = kept.rows.designs[0].copy()
    whole[change.numbers] = change.values
    assert np.allclose(whole, expected, rtol=1e-13, atol=1e-14)


def test_columns_that_one_value_decides_are_built_once() -> None:
    kept = data("y ~ g*x + c")
    assert kept.maker.at(kept.inputs["c"], "u")[0].values.shape == (1, 1)
    assert kept.maker.at(kept.inputs["g"], "b")[0].values.shape == (4, N)


def test_a_level_that_is_not_there() -> None:
    kept = data("y ~ g + x")
    with pytest.raises(SpecificationError, match="'d' is not a level of g; its levels are 'a'"):
        kept.maker.at(kept.inputs["g"], "d")

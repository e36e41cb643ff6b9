import gc
import weakref

import numpy as np
import pytest

from deepglm.formula import capture, learn, names_used

OF_THE_MODULE = 3.0


def door(formula, data=()):
    return capture(formula, data)


def inner_door(formula):
    return capture(formula, (), depth=2)


def outer_door(formula):
    return inner_door(formula)


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("y ~ a + b:c", {"y", "a", "b", "c"}),
        ("y ~ np.log(x.values) - 1", {"y", "np", "x"}),
        ("y ~ bs(x, df=df, degree=2)", {"y", "bs", "x", "df"}),
        ("y ~ I(x == z)", {"y", "I", "x", "z"}),
        ("y ~ Q('odd name') + f('text')", {"y", "Q", "odd name", "f"}),
        ("y ~ deep(a, units=u, activation=links.tanh)", {"y", "deep", "a", "u", "links"}),
    ],
)
def test_names_that_a_formula_uses(formula, names):
    assert names_used(formula) == names


def test_local_names_come_before_those_of_the_module():
    half = 0.5
    assert door("y ~ I(half * x) + OF_THE_MODULE") == {"half": 0.5, "OF_THE_MODULE": 3.0}
    OF_THE_MODULE = 4.0  # noqa: N806
    assert door("y ~ x + OF_THE_MODULE") == {"OF_THE_MODULE": OF_THE_MODULE}
    assert half == 0.5


def test_columns_and_keywords_are_not_captured():
    x = z = df = 1.0
    assert door("y ~ bs(x, df=4) + z", {"x": [1.0]}) == {"z": z}
    assert x == df


def test_further_up():
    half = 0.5
    assert outer_door("half") == {"half": half}


def test_an_unreadable_formula_captures_nothing():
    assert door("y ~ f(x") == {}


def test_nothing_else_of_the_caller_stays_alive():
    class Large:
        pass

    def caller():
        large, factor = Large(), 2.0
        env = capture_here("y ~ I(factor * x)")
        design, _ = learn("I(factor * x)", {"x": [1.0, 2.0]}, env)
        return weakref.ref(large), env, design, factor

    def capture_here(formula):
        return capture(formula)

    large, env, design, _ = caller()
    gc.collect()
    assert large() is None
    assert env == {"factor": 2.0}
    assert design.build({"x": [3.0]}).tolist() == [[1.0, 6.0]]


def test_a_design_keeps_only_the_names_it_uses():
    env = {"np": np, "other": object(), "x": 3}
    design, _ = learn("np.log(x)", {"x": [1.0, 2.0]}, env)
    assert dict(design.env) == {"np": np}


def test_an_array_of_the_environment_goes_by_row():
    env = {"extra": np.array([1.0, 2.0, 3.0])}
    design, X = learn("extra + x", {"x": [1.0, np.nan, 3.0]}, env)
    np.testing.assert_array_equal(X[:, 1], env["extra"])
    assert design.inputs == ("x",)

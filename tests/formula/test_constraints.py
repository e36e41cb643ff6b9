import numpy as np
import patsy
import pytest

from deepglm.errors import FormulaError, SpecificationError
from deepglm.formula import constraint

NAMES = ["Intercept", "x1", "x10", "C(g, Treatment('a'))[T.b]", "C(g, Treatment('a'))[T.b]:x1"]


@pytest.mark.parametrize(
    "spec",
    [
        "x1",
        "x1 = 0",
        "x1 = x10 = 2",
        "2 * x1 + x10/3 = -1.5e1, Intercept",
        "C(g, Treatment('a'))[T.b] = x1",
        "C(g, Treatment('a'))[T.b]:x1 - (x1 + 1)",
        ["x1 = 1", "x10"],
        {"x1": 1, "Intercept": 2},
        {1: 3.0},
        np.eye(5)[1],
        np.eye(5)[1:3],
        (np.eye(5)[1:3], [1.0, 2.0]),
    ],
)
def test_constraints_are_those_of_patsy(spec):
    R, q = constraint(spec, NAMES)
    theirs = patsy.DesignInfo(NAMES).linear_constraint(spec)
    np.testing.assert_array_equal(R, theirs.coefs)
    np.testing.assert_array_equal(q, theirs.constants[:, 0])
    assert q.shape == (len(R),)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("x2 = 0", "'x2' is not a coefficient.*'Intercept', 'x1'"),
        ("x1 = x100", "'x100' is not a coefficient.*mean 'x10'"),
        ("x1 + intercept", "'intercept' is not a coefficient.*mean 'Intercept'"),
        (["x1", "2 * C(g)[T.b]"], "is not a coefficient"),
        ({"x2": 0.0}, "'x2' is not a coefficient"),
        ("x1 * x10", "multiply one variable by another"),
        ("x1 +", "cannot be read"),
        ("1 = 2", "no variables"),
    ],
)
def test_words_that_cannot_be_read(spec, message):
    with pytest.raises(FormulaError, match=f"(?s){message}"):
        constraint(spec, NAMES)


@pytest.mark.parametrize(
    "spec", [np.eye(4), (np.eye(5), [1.0]), {7: 1.0}, ["x1", 3], np.zeros((0, 5))]
)
def test_arrays_that_do_not_fit(spec):
    with pytest.raises(SpecificationError, match="cannot be used.*5 columns"):
        constraint(spec, NAMES)

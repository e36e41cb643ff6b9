"""A design in another process, in a copy, in a file."""

import copy
import importlib
import multiprocessing
import pickle
import sys

import numpy as np
import pandas as pd
import patsy
import pytest
import scipy.special

from deepglm.errors import FormulaError
from deepglm.formula import Environment, learn, learn_response

MODULE = '''
import numpy as np
import patsy


def squared(values):
    return values ** 2


class OrthogonalPowers:
    """Powers of x, orthogonal on the rows first seen."""

    def memorize_chunk(self, x, degree):
        powers = np.vander(np.asarray(x), degree + 1, increasing=True)
        self.triangle = np.linalg.qr(powers, mode="r")

    def memorize_finish(self):
        pass

    def transform(self, x, degree):
        powers = np.vander(np.asarray(x), degree + 1, increasing=True)
        return np.linalg.solve(self.triangle.T, powers.T).T[:, 1:]


poly = patsy.stateful_transform(OrthogonalPowers)


class Halves:
    """A coding of the user's own: the last half of the levels against the first."""

    def code_with_intercept(self, levels):
        return patsy.ContrastMatrix(np.eye(len(levels)), [f"[{x}]" for x in levels])

    def code_without_intercept(self, levels):
        late = np.arange(len(levels)) >= len(levels) / 2
        return patsy.ContrastMatrix(late[:, None] * 1.0, ["[late]"])
'''


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A module of the user's own, which another process can import as well."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_functions.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("own_functions")
    sys.path.remove(str(folder))
    del sys.modules["own_functions"]


@pytest.fixture(scope="module")
def elsewhere(own):
    """Another process, started afresh."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield pool


@pytest.fixture
def env(own):
    return {
        "np": np,
        "special": scipy.special,
        "expit": scipy.special.expit,
        "squared": own.squared,
        "poly": own.poly,
        "Halves": own.Halves,
        "halves": own.Halves(),
        "treatment": patsy.Treatment("c"),
        "matrix": patsy.ContrastMatrix(np.eye(4)[:, :2], ["[1]", "[2]"]),
        "edge": 0.25,
        "knots": np.array([-0.5, 0.5]),
        "order": ["d", "c", "b", "a"],
        "center": patsy.center,
    }


RIGHT_SIDES = [
    "1",
    "x + g*h + C(k) + b",
    "center(x) + standardize(z) + scale(x, ddof=1)",
    "center(np.log(z)) + np.exp(center(x))",
    "bs(x, df=5) + cr(z, df=4) + cc(x, df=4)",
    "bs(x, knots=knots)",
    "te(cr(x, df=3), cr(z, df=3), constraints='center')",
    "poly(x, 3) + poly(center(z), degree=2)",
    "C(g, Treatment(reference='b')) + C(h, Sum) + C(k, Poly)",
    "C(g, treatment)",
    "C(g, matrix)",
    "C(g, halves) + C(k, Halves)",
    "C(g, levels=order)",
    "squared(x) + expit(x) + special.expit(z) + I(x > edge)",
    "Q('odd name') + np.where(g == 'a', x, z)",
]


@pytest.mark.parametrize("rhs", RIGHT_SIDES)
def test_the_same_columns_in_another_process(rows, env, elsewhere, rhs):
    design, _ = learn(rhs, rows, env)
    new = rows.iloc[3:17].drop(columns="y")
    np.testing.assert_array_equal(elsewhere.apply(design.build, (new,)), design.build(new))


def test_a_response_in_another_process(rows, env, elsewhere):
    response, y = learn_response("h", rows, env)
    np.testing.assert_array_equal(elsewhere.apply(response.build, (rows,)), y)


@pytest.mark.parametrize("rhs", RIGHT_SIDES)
def test_copies_and_pickles_say_the_same(rows, env, rhs):
    design, X = learn(rhs, rows, env)
    for other in (pickle.loads(pickle.dumps(design)), copy.deepcopy(design), copy.copy(design)):
        for name in ("text", "names", "term_names", "term_slices", "inputs", "input_columns"):
            assert getattr(other, name) == getattr(design, name)
        assert other.levels == design.levels
        assert other.has_intercept == design.has_intercept
        np.testing.assert_array_equal(other.build(rows), X)


def test_the_rows_do_not_travel(env):
    rng = np.random.default_rng(0)
    few = pd.DataFrame({"x": rng.normal(size=100), "g": rng.choice(["a", "b"], 100)})
    many = pd.DataFrame({"x": rng.normal(size=20_000), "g": rng.choice(["a", "b"], 20_000)})
    rhs = "bs(x, df=5) + cr(x, df=5) + center(x)*g + poly(x, 2)"
    sizes = [len(pickle.dumps(learn(rhs, data, env)[0])) for data in (few, many)]
    assert sizes[0] == pytest.approx(sizes[1], abs=200)


def test_a_lambda_works_here_and_is_named_when_it_cannot_travel(rows):
    def local(values):
        return values + 1.0

    env = {"half": lambda values: values / 2, "local": local}
    for rhs, name in (("half(x)", "half"), ("center(local(x))", "local")):
        design, X = learn(rhs, rows, env)
        np.testing.assert_array_equal(design.build(rows), X)
        np.testing.assert_array_equal(copy.deepcopy(design).build(rows), X)
        with pytest.raises(FormulaError, match=f"uses '{name}', which cannot be taken"):
            pickle.dumps(design)


def test_a_local_transform_is_named_when_it_cannot_travel(rows):
    class Local:
        def memorize_chunk(self, x):
            self.first = np.asarray(x)[0]

        def memorize_finish(self):
            pass

        def transform(self, x):
            return x - self.first

    design, X = learn("since(x)", rows, {"since": patsy.stateful_transform(Local)})
    np.testing.assert_array_equal(copy.deepcopy(design).build(rows), X)
    with pytest.raises(FormulaError, match=r"uses 'since\(\)', which cannot be taken"):
        pickle.dumps(design)


def test_an_environment_is_a_mapping():
    env = Environment({"np": np, "one": 1})
    assert dict(env) == {"np": np, "one": 1}
    assert repr(env) == "Environment(np, one)"
    assert dict(pickle.loads(pickle.dumps(env))) == dict(env)

"""Effects of inputs on results: against predictions at moved inputs, and with their errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import MissingColumnError, NotAvailableError, SpecificationError
from deepglm.inference.uncertainty import Functional, Resampled
from deepglm.results import solutions
from deepglm.results.effect_tables import effect_tables
from deepglm.results.places import _median

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")

N = 150
H = 1e-4


def table() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {
            "x": rng.normal(2.0, 1.0, N),
            "z": rng.uniform(0.5, 3.0, N),
            "g": rng.choice(["a", "b", "c"], N),
            "d": rng.integers(0, 2, N),
            "k": rng.integers(0, 5, N),
            "years": rng.uniform(0.5, 2.0, N),
            "times": rng.integers(1, 4, N).astype(float),
        }
    )
    eta = 0.5 * np.tanh(frame.x) - 0.3 * np.log(frame.z) + 0.4 * (frame.g == "b") + 0.2 * frame.d
    frame["count"] = rng.poisson(frame.years * np.exp(eta))
    frame["y"] = eta + 0.3 * rng.normal(size=N)
    frame["cls"] = pd.cut(frame.y, 3, labels=["lo", "mid", "hi"])
    return frame


FORMULA = "count ~ x + I(x**2) + np.log(z) + C(g)*d + k"


@pytest.fixture(scope="module")
def counts() -> Any:
    """A Poisson network with everything that an average has to respect."""
    model = dg.DeepGLM(
        FORMULA, table(), dg.Poisson(), hidden=(2,), exposure="years", freq_weights="times"
    )
    return model.fit(inference="delta", starts=3)


@pytest.fixture(scope="module")
def classes() -> Any:
    model = dg.DeepGLM("cls ~ x + np.log(z) + C(g)", table(), dg.Multinomial(), hidden=(2,))
    return model.fit(inference=None, starts=2)


def average(fit: Any, rows: pd.DataFrame) -> Any:
    """Weighted average of predictions, on the exposure of the rows."""
    return np.average(fit.predict(rows), weights=rows.times, axis=0)


def moved(fit: Any, name: str) -> Any:
    """Average derivative of predictions, by differences."""
    rows = table()
    ends = [average(fit, rows.assign(**{name: rows[name] + k * H})) for k in (-2, -1, 1, 2)]
    return (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * H)


def between(fit: Any, name: str, high: Any, low: Any) -> Any:
    rows = table()
    return average(fit, rows.assign(**{name: high})) - average(fit, rows.assign(**{name: low}))


def test_effects_of_a_network_are_those_of_its_predictions(counts: Any) -> None:
    margins = counts.get_margeff()
    frame = margins.summary_frame()
    assert list(frame.index) == ["x", "z", "g[b]", "g[c]", "d", "k"]
    for name in ("x", "z", "k"):
        assert frame.loc[name, "dy/dx"] == pytest.approx(moved(counts, name), rel=1e-7)
    # nothing lies between 0 and 1
    assert frame.loc["d", "dy/dx"] == pytest.approx(between(counts, "d", 1, 0), rel=1e-12)
    slope = counts.get_margeff(dummy=False, inputs="d").margeff
    assert slope == pytest.approx(moved(counts, "d"), rel=1e-7)
    for level in ("b", "c"):
        expected = between(counts, "g", level, "a")
        assert frame.loc[f"g[{level}]", "dy/dx"] == pytest.approx(expected, rel=1e-12)


def test_dummies_and_counts(counts: Any) -> None:
    margins = counts.get_margeff(dummy=True, count=True, inputs=["d", "k", "x"])
    rows = table()
    wide = average(counts, rows.assign(k=rows.k + 1)) - average(counts, rows.assign(k=rows.k - 1))
    assert margins.margeff[0] == pytest.approx(between(counts, "d", 1, 0), rel=1e-12)
    assert margins.margeff[1] == pytest.approx(wide / 2, rel=1e-12)
    assert margins.margeff[2] == pytest.approx(moved(counts, "x"), rel=1e-7)


def test_proportional_effects(counts: Any) -> None:
    rows, mu = table(), counts.predict(table())
    up, down = (counts.predict(rows.assign(x=rows.x * np.exp(s * H))) for s in (1, -1))
    for method, change in (
        ("eyex", (np.log(up) - np.log(down)) / (2 * H)),
        ("dyex", (up - down) / (2 * H)),
    ):
        margins = counts.get_margeff(method=method)
        at = margins.results.model.exog_names.index("x")
        expected = np.average(change, weights=rows.times)
        assert margins.margeff[at] == pytest.approx(expected, rel=1e-5)
        assert np.isnan(margins.margeff[2]) and "proportional" in margins.reasons["g"]
    assert (mu > 0).all()


def test_effects_on_classes(classes: Any) -> None:
    rows = table()
    margins = classes.get_margeff()
    assert margins.margeff.shape == (4, 3)
    assert np.allclose(margins.margeff.sum(axis=1), 0.0, atol=1e-15)
    ends = [classes.predict(rows.assign(x=rows.x + s * H)).mean() for s in (1, -1)]
    assert np.allclose(margins.margeff[0], (ends[0] - ends[1]) / (2 * H), atol=1e-7)
    levels = [classes.predict(rows.assign(g=level)).mean() for level in ("b", "a")]
    assert np.allclose(margins.margeff[2], levels[0] - levels[1], atol=1e-14)


def test_effects_in_every_row(counts: Any) -> None:
    rows = table()
    margins = counts.get_margeff(at="all")
    up, down = (counts.predict(rows.assign(z=rows.z + s * H)) for s in (1, -1))
    at = margins.results.model.exog_names.index("z")
    assert np.allclose(margins.margeff[:, at], (up - down) / (2 * H), rtol=1e-5)
    assert np.allclose(
        margins.margeff.T @ rows.times / rows.times.sum(), counts.get_margeff().margeff
    )


def test_values_in_place_of_inputs(counts: Any) -> None:
    """Interactions of what is replaced are replaced as well."""
    rows = table().assign(g="b", x=1.0)
    margins = counts.get_margeff(atexog={"g": "b", "x": 1.0}, inputs=["d", "x"], dummy=False)
    for k, name in enumerate(("d", "x")):
        up, down = (average(counts, rows.assign(**{name: rows[name] + s * H})) for s in (1, -1))
        assert margins.margeff[k] == pytest.approx((up - down) / (2 * H), rel=1e-6)
    by_number = counts.model.exog_names.index("x")
    with pytest.raises(SpecificationError, match="neither an input nor the number"):
        counts.get_margeff(atexog={0: 1.0})
    margins = counts.get_margeff(atexog={by_number: 1.0}, inputs="z")
    assert margins.margeff == pytest.approx(
        counts.get_margeff(atexog={"x": 1.0}, inputs="z").margeff
    )


def test_at_zero_is_a_row_of_zeros_and_references(counts: Any) -> None:
    data = table()[["x", "z", "g", "d", "k", "years"]].iloc[:1]
    row = data.assign(x=0.0, z=1.0, g="a", d=0, k=0, years=1.0)
    glm = dg.DeepGLM(FORMULA.replace("np.log(z)", "z"), table(), dg.Poisson(), hidden=()).fit()
    margins = glm.get_margeff(at="zero", inputs=["x", "g"])
    ends = [glm.predict(row.assign(z=0.0, x=s * H)).item() for s in (1, -1)]
    assert margins.margeff[0] == pytest.approx((ends[0] - ends[1]) / (2 * H), rel=1e-6)
    ends = [glm.predict(row.assign(z=0.0, g=g)).item() for g in ("b", "a")]
    assert margins.margeff[1] == pytest.approx(ends[0] - ends[1], rel=1e-12)
    assert np.isnan(counts.get_margeff(at="zero", inputs="z").margeff).all()  # of a logarithm


def test_at_the_mean_derivatives_go_with_the_columns() -> None:
    glm = dg.DeepGLM("y ~ x + I(x**2) + z", table(), hidden=()).fit()
    b, m = glm.params, table().x.mean()
    found = glm.get_margeff(at="mean", inputs="x", x="fixed")
    slope = b["x"] + 2 * b["I(x ** 2)"] * m
    assert found.margeff[0] == pytest.approx(slope, rel=1e-9)
    contrast = glm.t_test(np.array([0, 1, 2 * m, 0]))
    assert found.margeff_se[0] == pytest.approx(float(np.squeeze(contrast.sd)), rel=1e-9)


# -- errors -------------------------------------------------------------------------------------


def test_error_for_the_population_has_a_part_for_the_rows() -> None:
    rows = table()
    glm = dg.DeepGLM(FORMULA, rows, dg.Poisson(), hidden=(), freq_weights="times").fit()
    fixed, free = (glm.get_margeff(x=x) for x in ("fixed", "random"))
    by_row = glm.get_margeff(at="all").margeff
    n = rows.times.sum()
    centred = by_row - fixed.margeff
    spread = (centred * rows.times.to_numpy()[:, None]).T @ centred / n**2
    assert np.allclose(free.margeff, fixed.margeff)
    assert np.allclose(free.margeff_cov, fixed.margeff_cov + spread, rtol=1e-10)


def test_the_derivative_of_a_linear_mean_has_no_such_part() -> None:
    glm = dg.DeepGLM("y ~ x + z", table(), hidden=()).fit()
    for x in ("fixed", "random"):
        margins = glm.get_margeff(x=x)
        assert np.allclose(margins.margeff, glm.params[1:])
        assert np.allclose(margins.margeff_se, glm.bse[1:])


def test_robust_population_error_is_that_of_stacked_equations() -> None:
    """M-estimation of the coefficients and of the average together (White 1982)."""
    rows = table()
    glm = dg.DeepGLM("count ~ x + z", rows, dg.Poisson(), hidden=()).fit(cov_type="HC0")
    margins = glm.get_margeff(inputs="x")
    X = np.column_stack((np.ones(N), rows.x, rows.z))
    mu, b = glm.mu.to_numpy(), glm.params.to_numpy()
    A = np.zeros((4, 4))
    A[:3, :3] = (X.T * mu) @ X / N
    A[3, :3] = -(b[1] * mu @ X + np.array([0, mu.sum(), 0])) / N
    A[3, 3] = 1.0
    psi = np.column_stack(
        (X * (rows["count"].to_numpy() - mu)[:, None], mu * b[1] - margins.margeff)
    )
    bread = np.linalg.inv(A)
    V = bread @ (psi.T @ psi) @ bread.T / N**2
    assert margins.margeff_se[0] == pytest.approx(np.sqrt(V[3, 3]), rel=1e-8)


def test_z_of_a_network_only_for_the_population(counts: Any) -> None:
    free, fixed = counts.get_margeff(), counts.get_margeff(x="fixed")
    text = str(fixed.summary())
    assert np.isnan(fixed.tvalues).all() and np.isnan(fixed.pvalues).all()
    assert "x='random' only" in text and "x='fixed'" in text
    uncertainty = counts._uncertainty
    if uncertainty is not None:
        assert np.isfinite(free.tvalues).all() and (free.margeff_se >= fixed.margeff_se).all()
        assert "population" in str(free.summary())


def test_withheld_errors_say_why(classes: Any) -> None:
    margins = classes.get_margeff()
    assert np.isnan(margins.margeff_se).all() and np.isfinite(margins.margeff).all()
    assert "inference=None" in margins.reasons["standard errors"]
    assert "No standard errors: the fit was asked for none" in str(margins.summary())
    frame = margins.summary_frame()
    assert frame["Std. Err."].isna().all() and frame.index.names == ["endog", "exog"]


def test_summaries_have_the_limits_of_every_class() -> None:
    fit = dg.DeepGLM("cls ~ x + C(g)", table(), dg.Multinomial(), hidden=()).fit()
    shown, margins = effect_tables(fit, 0.05)[0].frame, fit.get_margeff()
    limits = np.asarray(margins.conf_int())
    assert list(shown.index[:2]) == ["x, cls=lo", "x, cls=mid"]
    assert np.allclose(shown.iloc[:, 2], limits[:, 0].ravel())
    assert np.allclose(shown.iloc[:, 3], limits[:, 1].ravel())


def test_many_values_that_only_a_transform_sees() -> None:
    days = pd.date_range("2020-01-01", periods=N, freq="D")
    glm = dg.DeepGLM("y ~ x + C(day.dt.month)", table().assign(day=days), hidden=()).fit()
    margins = glm.get_margeff()
    assert np.isfinite(margins.margeff[0]) and np.isnan(margins.margeff[1])
    assert "day: it has 150 values" in str(margins.summary())
    found = glm.compare("day", days[0], days[-1]).estimate.item()
    assert found == pytest.approx(glm.params["C(day.dt.month)[T.5]"])


def test_what_has_no_derivative_says_why() -> None:
    glm = dg.DeepGLM("y ~ I(x > 2) + z", table(), hidden=()).fit()
    margins = glm.get_margeff()
    assert np.isnan(margins.margeff[0]) and np.isfinite(margins.margeff_se[1])
    assert "x: it enters through 'I(x > 2)', which jumps" in str(margins.summary())


def test_columns_set_aside() -> None:
    rows = table().assign(twice=lambda d: 2 * d.x)
    with pytest.warns(dg.errors.CollinearityWarning):
        glm = dg.DeepGLM("y ~ x + twice + I(3 * z) + z", rows, hidden=()).fit()
    plain = dg.DeepGLM("y ~ x + z", rows, hidden=()).fit()
    margins = glm.get_margeff()
    assert np.isnan(margins.margeff[1]) and "set aside" in margins.reasons["twice"]
    # z moves both of its columns, and that is determined
    assert margins.margeff[2] == pytest.approx(plain.params["z"])
    assert margins.margeff_se[2] == pytest.approx(plain.bse["z"])


def test_inputs_that_are_not_there(counts: Any) -> None:
    with pytest.raises(MissingColumnError, match="'w' is not an input.* are 'x', 'z', 'g'"):
        counts.get_margeff(inputs="w")
    with pytest.raises(MissingColumnError, match="column made from inputs, which move as a whole"):
        counts.get_margeff(inputs=["C(g)[T.b]"])
    with pytest.raises(SpecificationError, match="'random', 'fixed'"):
        counts.get_margeff(x="sample")
    with pytest.raises(SpecificationError, match="'q' is not a level of g"):
        counts.get_margeff(atexog={"g": "q"})


def test_every_row_has_no_errors(counts: Any) -> None:
    margins = counts.get_margeff(at="all", inputs="x")
    for ask in (
        lambda: margins.summary(),
        lambda: margins.summary_frame(),
        lambda: margins.conf_int(),
        lambda: margins.margeff_se,
        lambda: margins.margeff_cov,
        lambda: margins.tvalues,
        lambda: margins.pvalues,
    ):
        with pytest.raises(NotAvailableError, match="at='overall'"):
            ask()
    margins.get_margeff(inputs="x")
    assert margins.margeff_se.shape == margins.pvalues.shape == (1,)


@pytest.mark.parametrize(
    ("value", "match"),
    [([1, 2], r"shape \(2,\)"), (np.nan, "finite"), ("q", "'q'"), (np.full(N, np.inf), "finite")],
)
def test_values_of_inputs_that_are_none(counts: Any, value: Any, match: str) -> None:
    with pytest.raises(SpecificationError, match=match):
        counts.get_margeff(atexog={"x": value})


def test_labelled_values_of_inputs_are_aligned(counts: Any) -> None:
    x = table().x
    found = counts.get_margeff(atexog={"x": x[::-1]}, inputs="x", x="fixed").margeff
    assert found == pytest.approx(counts.get_margeff(inputs="x", x="fixed").margeff, rel=1e-9)


@pytest.mark.parametrize(
    "ask",
    [
        lambda fit: fit.compare(),
        lambda fit: fit.get_margeff(),
        lambda fit: fit.get_margeff(at="zero"),
        lambda fit: fit.mode_effects(),
        lambda fit: fit.curvature_check(),
        lambda fit: fit.partial_dependence("x"),
    ],
)
def test_an_intercept_alone_has_no_inputs(ask: Any) -> None:
    fit = dg.DeepGLM("y ~ 1", table(), hidden=()).fit()
    with pytest.raises(NotAvailableError, match="the model has no inputs"):
        ask(fit)


def test_inputs_that_all_jump() -> None:
    fit = dg.DeepGLM("y ~ np.floor(x)", table(), hidden=()).fit()
    with pytest.raises(NotAvailableError, match=r"no input has an average effect. x: .* jumps"):
        fit.mode_effects()


def test_an_intercept_of_arrays_is_no_input() -> None:
    rows = table()
    X = np.column_stack((np.ones(N), rows.x))
    fit = dg.DeepGLM.from_arrays(rows.y.to_numpy(), X, hidden=()).fit()
    with pytest.raises(MissingColumnError, match="'const' is the intercept"):
        fit.get_margeff(inputs="const")


@pytest.mark.parametrize("at", ["mean", "median", "zero"])
def test_limits_at_infinity_are_one_limit(at: str) -> None:
    rows = table().assign(y=lambda d: np.maximum(d.y, 0.0))
    fit = dg.DeepGLM("y ~ x + d", rows, dg.Tobit(lower=0.0), hidden=()).fit()
    assert (fit.get_margeff(at=at).margeff != 0.0).all()


@pytest.mark.filterwarnings("ignore::deepglm.errors.SeparationWarning")
@pytest.mark.filterwarnings("ignore::deepglm.errors.ConvergenceWarning")
def test_proportional_changes_of_nothing_say_why() -> None:
    rows = table().assign(b=lambda d: (d.x > 2.0) * 1)
    margins = dg.DeepGLM("b ~ x", rows, dg.Binomial(), hidden=()).fit().get_margeff(method="eyex")
    assert np.isnan(margins.margeff).all() and "not a finite number" in margins.reasons["x"]


def test_errors_of_nothing_are_no_sign_of_several_solutions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The delta method has no error, and refits some, of an effect that is not determined."""
    thetas = np.random.default_rng(0).normal(size=(50, 3))
    f = Functional(lambda theta, _: theta, lambda theta: np.eye(3))
    refits = SimpleNamespace(thetas=thetas, resamples_rows=True)
    monkeypatch.setattr(solutions, "effect_functional", lambda _: (["a", "b", "c"], f))

    def said(errors: list[float]) -> str:
        delta = SimpleNamespace(errors=lambda _: np.array(errors))
        method = Resampled(refits, np.ones(1), delta)
        rows = SimpleNamespace(freq=np.ones(1))
        fit = SimpleNamespace(
            _uncertainty=method,
            _estimate=SimpleNamespace(modes=[SimpleNamespace(value=0.0)]),
            _numbers=SimpleNamespace(fitted=SimpleNamespace(rows=rows)),
        )
        return solutions.several_solutions(fit)

    assert said([0.0, np.nan, 1.0]) == said([1e-17, np.inf, 1.0]) == ""
    assert "times as much in the effect of b" in said([0.0, 0.1, 1.0])


def test_weighted_median_is_that_of_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    for n in (5, 6, 9):
        x, freq = rng.normal(size=n), rng.integers(0, 4, n).astype(float) + (np.arange(n) == 0)
        right = np.median(np.repeat(x, freq.astype(int)))
        assert _median(freq / freq.sum(), x) == pytest.approx(right)

"""Results of models with hidden layers: joint covariance, degrees of freedom, silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import deepglm as dg
from deepglm.errors import ConvergenceWarning, NotAvailableError

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")

FAMILIES = {
    "gaussian": (dg.Gaussian(), lambda rng, m: m + 0.3 * rng.normal(size=len(m))),
    "poisson": (dg.Poisson(), lambda rng, m: rng.poisson(np.exp(m)).astype(float)),
    "gamma": (
        dg.Gamma(dg.families.links.Log()),
        lambda rng, m: rng.gamma(5.0, np.exp(m) / 5.0),
    ),
    "probit": (
        dg.Binomial(dg.families.links.Probit()),
        lambda rng, m: (rng.uniform(size=len(m)) < stats.norm.cdf(m)).astype(float),
    ),
}


def rows(name: str, n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    data = pd.DataFrame(
        {
            "x": rng.normal(10.0, 3.0, n),
            "z": rng.gamma(2.0, 1.0, n),
            "w": rng.integers(1, 4, n).astype(float),
            "v": rng.uniform(0.5, 2.0, n),
            "o": 0.2 * rng.normal(size=n),
        }
    )
    m = 0.9 * np.tanh(data.x - 10.0) + 0.3 * data.z + data.o
    data["y"] = FAMILIES[name][1](rng, m)
    return data


def fit(name: str, hidden: Any = (2,), penalty: Any = "weak", **options: Any) -> Any:
    model = dg.DeepGLM(
        "y ~ x + z", rows(name), family=FAMILIES[name][0], hidden=hidden, penalty=penalty,
        offset="o", freq_weights="w", var_weights="v" if name != "probit" else None, **options,
    )  # fmt: skip
    # the joint covariance of all layers is what this file is about, not refits
    return model.fit(seed=2, starts=4, inference="delta")


@pytest.fixture(scope="module", params=list(FAMILIES))
def result(request: pytest.FixtureRequest) -> Any:
    return fit(request.param)


def _differences(model: Any, params: np.ndarray, scale: float) -> np.ndarray:
    """Minus the second derivative of the log-likelihood, by differences of the score."""
    scales = np.maximum(np.abs(params), 0.1) * 1e-5
    columns = []
    for j, step in enumerate(scales):
        e = np.zeros(len(params))
        e[j] = step
        columns.append(
            (model.score(params + e, scale) - model.score(params - e, scale)) / (2 * step)
        )
    H = -np.column_stack(columns)
    return (H + H.T) / 2


def test_certified(result: Any) -> None:
    assert result.converged
    assert result.inference.method in ("delta", "withheld")
    assert bool(result.withheld) == (
        "withheld" in (result.inference.method, result.inference.curves)
    )


def test_bread_is_the_derivative_of_the_score(result: Any) -> None:
    """Robust covariances use the observed information of all layers, plus the penalty."""
    model, phi = result.model, result.scale
    params = result.params.to_numpy()
    H = _differences(model, params, phi)
    S = model.hessian(params, phi) - model.penalized_hessian(params, phi)
    numbers = result._numbers
    bread = numbers.in_user_units(numbers.bread) * phi
    assert np.allclose(bread @ (H + S), np.eye(len(params)), atol=2e-4)


def test_covariance_is_the_inverse_of_the_joint_information(result: Any) -> None:
    model, phi = result.model, result.scale
    params = result.params.to_numpy()
    F = -model.penalized_hessian(params, phi, observed=False)
    V = result.cov_params().to_numpy()
    assert np.allclose(V @ F, np.eye(len(params)), atol=1e-6)
    assert np.allclose(result.bse, np.sqrt(np.diag(V)))
    # never the final layer's own, given the hidden units
    final = model.predictor.final
    conditional = np.linalg.inv(F[np.ix_(final, final)])
    assert (result.bse[final] > np.sqrt(np.diag(conditional)) * 1.0001).any()


def test_hc0_is_the_sandwich_of_the_rows_scores(result: Any) -> None:
    model, phi = result.model, result.scale
    params = result.params.to_numpy()
    robust = result.get_robustcov_results("HC0")
    # scores of single rows, by differences of each row's log-likelihood
    data = model._data.rows
    family = result._numbers.fitted.family
    kernel = np.zeros((model.nobs, len(params)))
    for j in range(len(params)):
        e = np.zeros(len(params))
        e[j] = max(abs(params[j]), 0.1) * 1e-6
        up, down = (
            family.loglike_rows(
                data.y, model.predict(params + s * e, which="linear")[None, :], phi, data.weight
            )
            for s in (1, -1)
        )
        kernel[:, j] = np.sqrt(data.freq) * (up - down) / (2 * e[j])
    A = np.linalg.inv(-model.penalized_hessian(params, phi))
    right = np.sqrt(np.diag(A @ kernel.T @ kernel @ A))
    # a unit that the penalty shrank to nothing has no digits to compare
    assert np.allclose(robust.bse, right, rtol=1e-4, atol=1e-5)


def test_leverages_add_up_to_the_effective_degrees_of_freedom(result: Any) -> None:
    h = result.get_hat_matrix_diag()
    assert h.sum() == pytest.approx(result.edf, rel=1e-8)
    assert (h > 0).all()
    assert result.edf_by_coefficient.sum() == pytest.approx(result.edf, rel=1e-8)
    assert result.edf < len(result.params)
    assert result.df_resid == pytest.approx(result.model._data.rows.freq.sum() - result.edf)
    assert result.df_model == result.edf - 1


def test_scale_and_edf_agree(result: Any) -> None:
    if result._numbers.fitted.family.scale is not None:
        assert result.scale == 1.0
        return
    assert result.scale == pytest.approx(result.pearson_chi2 / result.df_resid, rel=1e-10)
    params, model = result.params.to_numpy(), result.model
    F = model.information(params, result.scale)
    total = -model.penalized_hessian(params, result.scale, observed=False)
    assert result.edf == pytest.approx(np.trace(np.linalg.solve(total, F)), rel=1e-6)


def test_without_penalty_edf_counts_coefficients() -> None:
    found = fit("gaussian", hidden=(1,), penalty=None)
    assert found.converged
    assert found.edf == len(found.params)
    assert isinstance(found.df_model, int)
    assert found.scale == pytest.approx(found.pearson_chi2 / found.df_resid, rel=1e-12)


def test_units_do_not_matter(result: Any) -> None:
    """A regressor in other units has its coefficients and standard errors in those units."""
    name = result._numbers.fitted.family.name.lower()
    key = {"binomial": "probit"}.get(name, name)
    data = rows(key).assign(x=lambda d: 1000.0 * d.x)
    model = dg.DeepGLM(
        "y ~ x + z", data, family=FAMILIES[key][0], hidden=(2,), offset="o", freq_weights="w",
        var_weights="v" if key != "probit" else None,
    )  # fmt: skip
    other = model.fit(seed=2, starts=4, inference="delta")
    mine = ["x" in name for name in result.params.index]
    factor = np.where(mine, 1000.0, 1.0)
    assert other.llf == pytest.approx(result.llf, rel=1e-7)
    assert np.allclose(other.bse * factor, result.bse, rtol=1e-3)


def test_silence(result: Any) -> None:
    assert result.tvalues.isna().all() and result.pvalues.isna().all()
    assert result.conf_int().isna().all(axis=None)
    assert result.bse.notna().all()
    with pytest.raises(NotAvailableError, match="means nothing alone"):
        result.t_test("x = 0")
    first, layers = str(result.summary()).split("Final layer: GLM terms")
    assert "std err" not in layers and "P>|" not in layers
    assert "Average effects of the inputs" in first and "Linear part" in first
    assert "Hidden layer 1: 2 tanh" in layers and "coef in final layer" in layers


def test_residuals_and_deviance(result: Any) -> None:
    freq = result.model._data.rows.freq
    assert freq @ result.resid_deviance**2 == pytest.approx(result.deviance, rel=1e-10)
    assert freq @ result.resid_pearson**2 == pytest.approx(result.pearson_chi2, rel=1e-10)
    assert result.resid_anscombe.notna().all()
    assert result.null_deviance > result.deviance
    assert result.aic == pytest.approx(-2 * result.llf + 2 * result.edf)
    assert result.bic == pytest.approx(-2 * result.llf + np.log(freq.sum()) * result.edf)


def test_distribution_has_the_fitted_mean(result: Any) -> None:
    law = result.get_distribution()
    assert np.allclose(law.mean(), result.mu)
    if result._numbers.fitted.family.scale is None:
        weight = result.model._data.rows.weight
        variance = result.scale * result.predict(which="var_unscaled") / weight
        assert np.allclose(law.var(), variance)


def test_a_fit_that_is_not_certified_gives_no_standard_errors() -> None:
    data = rows("poisson")
    model = dg.DeepGLM("y ~ x + z", data, family=dg.Poisson(), hidden=(3,))
    with pytest.warns(ConvergenceWarning):
        result = model.fit(starts=1, maxiter=1, inference="auto")
    assert not result.converged
    assert "not certified" in result.withheld
    assert result.bse.isna().all() and result.cov_params().isna().all(axis=None)
    assert result.params.notna().all() and result.predict().notna().all()
    assert np.isfinite(result.llf)
    text = str(result.summary())
    assert "NOT CERTIFIED" in text and "no standard errors" in text.lower()
    assert result.get_hat_matrix_diag().isna().all()


# square, two units: both coefficients above, both intercepts, one slope that a rotation removes
@pytest.mark.parametrize(
    ("activation", "pinned"), [("softplus", 0), ("exp", 2), ("square", 5), ("smooth_tobit", 0)]
)
def test_pinned_coefficients_have_no_standard_error(activation: str, pinned: int) -> None:
    data = rows("gaussian")
    model = dg.DeepGLM("y ~ x + z", data, hidden=(2,), activation=activation, standardize=False)
    result = model.fit(seed=0, starts=6, inference=None)
    fixed = result.fixed
    assert fixed.sum() == pinned
    if result.converged:
        assert result.bse[fixed].isna().all()
        assert result.bse[~fixed].notna().all()
        assert result.cov_params().isna().to_numpy()[fixed.to_numpy()].all()
    if pinned:
        assert "fixed" in str(result.summary())


def test_two_layers_and_several_terms() -> None:
    data = rows("gaussian")
    model = dg.DeepGLM(
        "y ~ z + deep(x, units=(2, 2)) + deep(x + z, units=(9,), activation='logistic')", data
    )
    result = model.fit(seed=0, starts=2, maxiter=400, inference="delta")
    text = str(result.summary())
    for part in (
        "Deep term 1, Hidden layer 1: 2 tanh",
        "Deep term 1, Hidden layer 2: 2 tanh",
        "Deep term 2, Hidden layer 1: 9 logistic, units 6 to 9",
    ):
        assert part in text
    if result.converged:
        assert result.get_hat_matrix_diag().sum() == pytest.approx(result.edf, rel=1e-7)

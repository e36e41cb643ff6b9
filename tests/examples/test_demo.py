"""The functions of the demo, on a few thousand rows."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from scipy.special import xlogy

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def demo() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        pyplot.switch_backend("Agg")
        yield importlib.import_module("demo")
        pyplot.close("all")
        for name in ("demo", "french_motor"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def rows(demo: ModuleType) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Few policies, of common levels only: a rare one without a claim has no estimate."""

    def few(policies: pd.DataFrame, every: int) -> pd.DataFrame:
        common = policies.Region.isin(["R24", "R82", "R93", "R11"])
        kept = policies[common & policies.VehBrand.isin(["B1", "B2", "B12"])].iloc[::every].copy()
        for name in ("Region", "VehBrand"):
            kept[name] = kept[name].cat.remove_unused_categories()
        return kept

    learning, test = demo.motor.learning_and_test()
    return few(learning, 70), few(test, 70)


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return []


@pytest.fixture(scope="module")
def fits(demo: ModuleType, rows: Any, lines: list[str]) -> dict[str, Any]:
    return demo.fit_both(rows[0], 2, lines.append)


def test_preprocessing_is_the_published_one(demo: ModuleType) -> None:
    learning, test = demo.motor.learning_and_test()
    assert (len(learning), len(test)) == (610_212, 67_801)
    both = pd.concat([learning, test])
    assert both.ClaimNb.max() == 4 and both.Exposure.max() == 1
    assert both.ClaimNb.sum() == 36_056  # of 36,102; 46 lie above four in a policy
    assert both.Region.cat.categories[0] == "R24"
    assert demo.motor.area_code(both.Area).tolist() == (both.Area.cat.codes + 1).tolist()


def test_both_are_fitted_and_certified(fits: dict[str, Any], lines: list[str]) -> None:
    assert list(fits) == ["GLM", "DeepGLM"]
    assert all(fit.converged for fit in fits.values())
    assert [line[:3] for line in lines if line[0].isdigit()] == ["2/6", "3/6", "4/6"]
    assert sum("held-out deviance" in line for line in lines) == 3
    assert fits["DeepGLM"].model.penalty.alpha in (10, 30, 100)


def test_formulas_rebuild_new_rows(demo: ModuleType, rows: Any, fits: dict[str, Any]) -> None:
    for fit in fits.values():
        assert np.allclose(fit.predict(rows[0].iloc[:50]), fit.mu.iloc[:50])


def test_held_out_deviance(demo: ModuleType, rows: Any, fits: dict[str, Any]) -> None:
    test = rows[1]
    mu, y = fits["GLM"].predict(test), test.ClaimNb
    by_hand = 200.0 * (xlogy(y, y / mu) - y + mu).mean()
    assert demo.motor.mean_deviance(fits["GLM"], test) == pytest.approx(by_hand)


def test_comparison_has_no_p(demo: ModuleType, rows: Any, fits: dict[str, Any]) -> None:
    table = demo.comparison(fits, rows[1])
    wanted = ["deviance", "effective df", "BIC", "held-out deviance", "certified"]
    assert list(table.columns) == wanted and list(table.index) == ["GLM", "DeepGLM"]
    assert table.certified.tolist() == ["yes", "yes"]


def test_pictures_are_written(
    demo: ModuleType, rows: Any, fits: dict[str, Any], tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setattr(demo, "OUTPUT", tmp_path)
    monkeypatch.setattr(demo, "SAMPLE", 200)
    demo.write_pictures(fits, *rows)
    said = capsys.readouterr().out.split()
    assert said == [str(tmp_path / name) for name in ("driver_age.png", "actual_expected.png")]
    assert all(Path(path).read_bytes().startswith(b"\x89PNG") for path in said)


@pytest.mark.parametrize(("certified", "status"), [(True, 0), (False, 1)])
def test_exit_status(
    demo: ModuleType, monkeypatch: Any, capsys: Any, certified: bool, status: int
) -> None:
    class Fit:
        converged = certified

        def summary(self) -> str:
            return "a summary"

    monkeypatch.setattr(demo, "fit_both", lambda *_: {"GLM": Fit(), "DeepGLM": Fit()})
    monkeypatch.setattr(demo, "comparison", lambda *_: pd.DataFrame({"a": [1]}))
    monkeypatch.setattr(demo, "write_pictures", lambda *_: None)
    monkeypatch.setattr(demo.motor, "learning_and_test", lambda: (pd.DataFrame(),) * 2)
    assert demo.main() == status
    said = capsys.readouterr().out
    assert said.count("a summary") == 2 and "36%" in said
    assert ("Not certified: GLM, DeepGLM" in said) is not certified


def test_stiffest_ridge_within_one_standard_error(demo: ModuleType) -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=1000)
    noise = rng.normal(size=1000)
    noise -= noise.mean()
    # the difference has standard error 1 / sqrt(1000) = 0.032
    near, far = base + noise + 0.02, base + noise + 0.05
    assert demo.motor.stiffest({10.0: base, 30.0: near, 100.0: far}) == 30.0
    assert demo.motor.stiffest({10.0: near, 30.0: base, 100.0: far}) == 30.0
    assert demo.motor.stiffest({10.0: base}) == 10.0


def test_only_the_early_stop_is_silenced(demo: ModuleType) -> None:
    from deepglm.errors import CollinearityWarning, ConvergenceWarning

    with demo.motor.approximately():
        warnings.warn("stopped early", ConvergenceWarning, stacklevel=1)
        with pytest.warns(CollinearityWarning):
            warnings.warn("a column", CollinearityWarning, stacklevel=1)


@pytest.mark.slow
def test_published_glm(demo: ModuleType) -> None:
    learning, test = demo.motor.learning_and_test()
    fit = demo.motor.glm(learning).fit()
    assert round(demo.motor.mean_deviance(fit, learning), 5) == 31.25674
    assert round(demo.motor.mean_deviance(fit, test), 5) == 32.14902

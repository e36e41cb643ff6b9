"""Fits that cannot be averaged: the error says what differs, where, and in which fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.errors import DroppedRowsWarning, SpecificationError
from deepglm.families import links
from deepglm.selection import average
from tests.selection.fits import glm, rows

DATA = rows("poisson")


def fit(data: pd.DataFrame = DATA, formula: str = "y ~ x", **options: Any) -> Any:
    options = {"family": dg.Poisson(), "exposure": "e", **options}
    return dg.DeepGLM(formula, data, hidden=(), **options).fit()


def changed(column: str, value: Any) -> pd.DataFrame:
    """Change the data in one place."""
    data = DATA.copy()
    data.loc["row 5", column] = value
    return data


REFERENCE = fit()
HERE = "in 'fit 1'"

DIFFERENT: list[tuple[dict[str, Any], str]] = [
    (
        {"family": dg.NegativeBinomial(alpha=1.0)},
        "family is Poisson in 'fit 1' and NegativeBinomial in",
    ),
    (
        {"family": dg.Poisson(links.Sqrt()), "exposure": None},
        "inverse link is exp in 'fit 1' and square in",
    ),
    ({"data": changed("y", 17)}, "response of row 'row 5' is .* in 'fit 1' and 17 in 'fit 2'"),
    ({"formula": "w ~ x"}, "response of row 'row 0' is"),
    ({"data": DATA.iloc[1:]}, r"number of rows is 60 \(0 left out .*59 \(0 left out"),
    ({"data": DATA.iloc[::-1]}, "label of row number 0 is 'row 0' in 'fit 1' and 'row 59' in"),
    ({"data": DATA.reset_index(drop=True)}, "label of row number 0 is 'row 0' in 'fit 1' and 0 in"),
    ({"freq_weights": "w"}, "frequency weight of row 'row .*' is 1 in"),
    ({"var_weights": "w"}, "variance weight of row 'row .*' is 1 in"),
    ({"exposure": None}, r"offset \(log exposure included\) of row 'row 0' is"),
    ({"offset": "z"}, r"offset \(log exposure included\) of row 'row 0' is"),
    ({"exposure": DATA.e}, "exposure is the column 'e' in 'fit 1' and an array in 'fit 2'"),
    (
        {"exposure": None, "offset": np.log(DATA.e)},
        "offset is not given in 'fit 1' and an array in 'fit 2'",
    ),
]


@pytest.mark.parametrize(("options", "sentence"), DIFFERENT, ids=[d[1][:30] for d in DIFFERENT])
def test_the_error_says_what_differs(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecificationError, match=sentence) as caught:
        average(REFERENCE, fit(**options))
    assert HERE in str(caught.value)
    assert str(caught.value).endswith("terms, hidden layers, penalty and seed may differ.")


def test_fits_are_called_by_their_names() -> None:
    with pytest.raises(SpecificationError, match="in 'old' and 59 .* in 'new'"):
        average({"old": REFERENCE, "older": REFERENCE, "new": fit(DATA.iloc[1:])})


def test_rows_that_were_left_out_are_counted() -> None:
    with pytest.warns(DroppedRowsWarning):
        other = fit(changed("z", np.nan), "y ~ x + z")
    with pytest.raises(SpecificationError, match=r"59 \(1 left out because something is missing"):
        average(REFERENCE, other)


def test_parameters_of_a_family_must_agree() -> None:
    one, other = (fit(family=dg.NegativeBinomial(alpha=alpha)) for alpha in (0.5, 0.25))
    with pytest.raises(SpecificationError, match=r"variance function is .*0\.5.* and .*0\.25"):
        average(one, other)
    powers = [
        dg.DeepGLM("y ~ x", rows("tweedie"), dg.Tweedie(links.Power(k), 1.5), hidden=()).fit()
        for k in (0.5, 0.25)
    ]
    with pytest.raises(SpecificationError, match="inverse link is"):
        average(powers)


def test_trials_must_agree() -> None:
    data = rows("binomial").assign(failures=lambda d: 2 * d.failures, y=lambda d: 2 * d.y)
    other = dg.DeepGLM("y + failures ~ x", data, dg.Binomial(), hidden=()).fit()
    with pytest.raises(SpecificationError, match="number of trials of row 'row 0' is 4 in"):
        average(glm("binomial"), other)


def test_equal_families_of_other_objects_agree() -> None:
    for family in (dg.Poisson, lambda: dg.Quasi("log", "mu"), lambda: dg.NegativeBinomial(alpha=2)):
        fits = [fit(family=family()) for _ in range(2)]
        assert average(fits).deviance == pytest.approx(fits[0].deviance, rel=1e-13)


def test_terms_penalties_and_layers_may_differ() -> None:
    data = rows("poisson")
    options: dict[str, Any] = {"family": dg.Poisson(), "exposure": "e"}
    part = dg.DeepGLM("y ~ z + deep(x, units=(2,))", data, **options).fit(inference=None, starts=1)
    ridge = dg.DeepGLM("y ~ x + z", data, hidden=(3, 2), penalty=dg.L2(0.5, "hidden"), **options)
    assert average(REFERENCE, part, ridge.fit(inference=None, starts=1)).nobs == 60

"""Average marginal effects of R's ``margins``: one input moves with all its terms, rows fixed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference import rfits

pytestmark = pytest.mark.reference

RECORDS = rfits.records("marginal_effects")
PLAIN = {"offset": "none", "prior_weights": "none"}
MARGINS = [name for name, record in RECORDS.items() if "AME" in record]


@pytest.mark.parametrize("name", MARGINS)
def test_margins(name: str) -> None:
    record = RECORDS[name]
    margins = rfits.call(name, {**PLAIN, **record}).fit().get_margeff(x="fixed")
    frame = margins.summary_frame()
    frame.index = [effect.replace("[", "").replace("]", "") for effect in frame.index]
    found = frame.loc[record["factor"]].to_numpy()
    assert np.allclose(found[:, 0], record["AME"], rtol=1e-6, atol=0.0)
    assert np.allclose(found[:, 1], record["SE"], rtol=1e-4, atol=0.0)
    assert np.allclose(found[:, 2], record["z"], rtol=1e-4, atol=0.0)
    ends = np.column_stack((record["lower"], record["upper"]))
    assert (np.abs(found[:, 4:] - ends) < 2e-4 * np.array(record["SE"])[:, None]).all()


@pytest.mark.parametrize("kind", ["overall_dydx", "mean_dydx", "overall_eyex"])
def test_effects_by_hand(kind: str) -> None:
    record = RECORDS["hand_logit_bwt"]
    at, method = kind.split("_")
    fit = rfits.call("hand", {"family": "binomial", "link": "logit", **PLAIN, **record}).fit()
    margins = fit.get_margeff(at=at, method=method, x="fixed")
    assert margins.results.model.exog_names == record["terms"]
    assert np.allclose(margins.margeff, record[kind]["effect"], rtol=1e-6)
    assert np.allclose(margins.margeff_se, record[kind]["se"], rtol=1e-5)

"""Tables in four formats: what they say, and that names cannot break them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

import deepglm as dg
from deepglm.results.report_formats import latex_escape
from tests.results.parity import fitted, table

pytestmark = pytest.mark.filterwarnings("ignore::deepglm.errors.SingleStartWarning")

NASTY = "a_1 & <b> 100% {x} $y$ #^~|\\"


@pytest.fixture(scope="module")
def glm() -> Any:
    return fitted("poisson-log", "missing").ours


@pytest.fixture(scope="module")
def nasty() -> Any:
    data = table("gaussian-identity")
    X = pd.DataFrame({"const": 1.0, NASTY: data.x, "z": data.z})
    return dg.DeepGLM.from_arrays(data.y, X, hidden=()).fit()


class Balanced(HTMLParser):
    """Counts tags that were opened and not closed, and collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "br":
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_header_and_table_have_statsmodels_numbers(glm: Any) -> None:
    theirs = fitted("poisson-log", "missing").theirs
    mine, reference = str(glm.summary()), str(theirs.summary())
    for line in reference.splitlines():
        if line.startswith(("Intercept", "C(g)", "x ", "z ")):
            assert line in mine
    for fact in ("Log-Likelihood:", "Deviance:", "Pearson chi2:", "Pseudo R-squ. (CS):", "Scale:"):
        row = next(line for line in reference.splitlines() if fact in line)
        assert row[row.index(fact) :] in mine
    assert "2 rows have a missing value and were left out" in mine


def test_alpha_names_and_title(glm: Any) -> None:
    text = str(glm.summary(yname="claims", xname=list("abcde"), title="Mine", alpha=0.1))
    assert "claims" in text and "Mine" in text and "[0.05" in text and "0.95]" in text
    assert "Intercept" not in text
    other = str(glm.summary2(yname="claims", xname=list("abcde"), title="Mine", alpha=0.1))
    assert "claims" in other and "Mine" in other and "Intercept" not in other


def test_lines_are_at_most_78_wide(glm: Any) -> None:
    assert max(map(len, str(glm.summary()).splitlines())) <= 78


def test_use_t_and_robust_covariance_are_said() -> None:
    result = fitted("gaussian-identity", "plain").ours
    text = str(result.get_robustcov_results("HC3", use_t=True).summary()).replace("\n", " ")
    assert "P>|t|" in text and "HC3" in text and "tangent-plane leverage" in text


def test_html_is_balanced_and_escaped(nasty: Any) -> None:
    parser = Balanced()
    parser.feed(nasty.summary()._repr_html_())
    assert parser.open == []
    assert NASTY in "".join(parser.text)


def test_latex_is_escaped(nasty: Any) -> None:
    latex = nasty.summary().as_latex()
    assert latex_escape(NASTY) in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 2
    body = latex.replace(latex_escape(NASTY), "")
    assert "_" not in body.replace(r"\_", "")
    assert "<" not in body.replace(r"\ensuremath{<}", "")


def test_csv_and_text(nasty: Any) -> None:
    assert NASTY in nasty.summary().as_csv()
    assert NASTY in nasty.summary().as_text()


def test_deep_summary_shows_the_coefficients_in_the_users_units() -> None:
    data = table("gaussian-identity")
    data["y"] = np.tanh(8 * (data.x - 0.5)) + 0.1 * np.random.default_rng(1).normal(size=len(data))
    result = dg.DeepGLM("y ~ x", data, hidden=(1,)).fit(seed=0, starts=5)
    b0, b1, v = result.params.to_numpy()[2:]
    beta = result.params.to_numpy()[:2]
    by_hand = beta[0] + beta[1] * data.x + v * np.tanh(b0 + b1 * data.x)
    assert np.allclose(by_hand, result.mu)
    text = str(result.summary())
    for value in (*beta, b0, b1, v):
        assert f"{value:.4f}" in text
    assert "certified maximum" in text.lower() and "starts" in text
    parser = Balanced()
    parser.feed(result.summary().as_html())
    assert parser.open == []
    assert r"\textbf{Hidden layer 1: 1 tanh}" in result.summary().as_latex()


def test_a_network_that_was_shrunk_away_is_called_so() -> None:
    data = table("gaussian-identity")
    model = dg.DeepGLM("y ~ x + z", data, hidden=(2,), penalty=dg.penalties.Weak())
    result = model.fit(seed=0, starts=2, scale=1e4)
    if result.edf < 3.01:
        assert "shrunk the hidden layers to nothing" in str(result.summary()).replace("\n", " ")


def test_no_heading_without_notes() -> None:
    assert "Notes" not in str(fitted("poisson-log", "plain").ours.summary())


def test_repr(glm: Any) -> None:
    assert repr(glm).endswith("certified>")
    assert str(glm) == str(glm.summary())

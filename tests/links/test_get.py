"""Which link a word or an object stands for."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.genmod.families import links as sm_links

from deepglm.errors import NotAvailableError, SpecificationError
from deepglm.links import Link, Tanh, get, names

MAPPED = {
    sm_links.Identity: "identity",
    sm_links.Logit: "logistic",
    sm_links.Probit: "probit",
    sm_links.Cauchy: "cauchit",
    sm_links.CLogLog: "cloglog",
    sm_links.LogLog: "loglog",
    sm_links.Log: "exp",
    sm_links.LogC: "logc",
    Tanh: "rescaled_tanh",
    sm_links.Sqrt: "square",
    sm_links.InversePower: "reciprocal",
    sm_links.InverseSquared: "inverse_squared",
}


@pytest.mark.parametrize("kind", MAPPED)
def test_statsmodels_links_become_ours(kind):
    assert get(kind()).name == MAPPED[kind]
    assert get(kind) is get(kind())


@pytest.mark.parametrize(
    "theirs", [kind() for kind in MAPPED] + [sm_links.Power(1 / 3), sm_links.Power(-1.5)]
)
def test_ours_agree_with_statsmodels(theirs):
    ours = get(theirs)
    eta = np.linspace(0.1, 0.9, 9)
    np.testing.assert_allclose(ours.inverse(eta), theirs.inverse(eta), rtol=1e-12)
    np.testing.assert_allclose(ours.deriv1(eta), theirs.inverse_deriv(eta), rtol=1e-9)
    # theirs are differences of the first derivative for some links
    np.testing.assert_allclose(ours.deriv2(eta), theirs.inverse_deriv2(eta), rtol=1e-5, atol=1e-7)
    if ours.name != "logc":
        mu = ours.inverse(eta)
        np.testing.assert_allclose(ours.link(mu), theirs(mu), rtol=1e-9)


def test_the_negative_binomial_link_is_for_negative_predictors():
    theirs, ours = sm_links.NegativeBinomial(alpha=0.4), get(sm_links.NegativeBinomial(alpha=0.4))
    eta = np.linspace(-4.0, -0.1, 9)
    np.testing.assert_allclose(ours.inverse(eta), theirs.inverse(eta), rtol=1e-12)
    np.testing.assert_allclose(ours.deriv1(eta), theirs.inverse_deriv(eta), rtol=1e-9)
    assert ours.domain == (-np.inf, 0.0)
    assert ours == get(sm_links.NegativeBinomial(alpha=0.4))
    assert ours != get(sm_links.NegativeBinomial(alpha=0.5))


def test_a_subclass_with_another_inverse_is_not_replaced():
    class Halved(sm_links.Logit):
        def inverse(self, z):
            return 0.5 * super().inverse(z)

        def inverse_deriv(self, z):
            return 0.5 * super().inverse_deriv(z)

        def inverse_deriv2(self, z):
            p = 2.0 * self.inverse(z)
            return 0.5 * p * (1 - p) * (1 - 2 * p)

    link = get(Halved())
    assert link.name == "Halved"
    assert link.inverse(0.0) == 0.25


def test_means_that_a_foreign_link_cannot_give_are_infinite():
    class Root:
        def inverse(self, z):
            return np.sqrt(z)

        def inverse_deriv(self, z):
            return 0.5 / np.sqrt(z)

        def inverse_deriv2(self, z):
            return -0.25 * z**-1.5

    value, first, second = get(Root()).evaluate(np.array([-1.0, 4.0]), 2)
    np.testing.assert_array_equal(value, [np.inf, 2.0])
    np.testing.assert_array_equal(first, [0.0, 0.25])
    np.testing.assert_array_equal(second, [0.0, -0.03125])


def test_our_own_object_is_taken_as_it_is():
    wave = Link("sine", lambda eta, order: (np.sin(eta), np.cos(eta), -np.sin(eta))[: order + 1])
    assert get(wave) is wave


def test_links_of_a_response_may_be_named_as_links():
    assert get("log", role="link") is get("exp")
    assert get("sqrt", role="link") is get("square")
    with pytest.raises(SpecificationError, match="unknown activation 'log'"):
        get("log")


def test_unknown_names_list_the_known_ones():
    with pytest.raises(SpecificationError) as caught:
        get("tahn")
    message = str(caught.value)
    assert "did you mean 'tanh'?" in message
    assert all(name in message for name in names())


def test_what_is_not_a_link_is_refused():
    with pytest.raises(SpecificationError, match="no method inverse, inverse_deriv"):
        get(3.0)
    with pytest.raises(SpecificationError, match=r"use .*links\.Log\(\)"):
        get(sm_links.Power(0.0))


def test_a_link_without_an_inverse_says_so():
    with pytest.raises(NotAvailableError, match="several linear predictors share a mean"):
        get("gelu").link(0.3)


def test_outside_its_domain_a_power_has_no_mean():
    value, first, second = get(sm_links.InverseSquared()).evaluate(np.array([-1.0, 0.0]), 2)
    assert np.isposinf(value).all()
    assert not first.any()
    assert not second.any()


@pytest.mark.parametrize("power", [-1.5, -0.1, 0.1, 1 / 3, 5.0])
def test_what_is_asked_of_a_users_link_holds_for_ours(power):
    """Ours are not checked when they are made; the same check finds nothing in them."""
    from deepglm.links import _check

    with np.errstate(all="ignore"):
        ours = [get(name) for name in names() if not get(name).across]
        for link in (*ours, *(get(kind()) for kind in MAPPED)):
            _check(link)
        _check(get(sm_links.Power(power)))
        _check(get(sm_links.NegativeBinomial(alpha=0.4)))

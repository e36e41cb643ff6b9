"""Which family an object stands for, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from deepglm import families as f
from deepglm.errors import DataError, SpecificationError
from deepglm.families import Level, adapt
from deepglm.families.dispersion import DispersionFamily
from deepglm.families.fused import binomial_logit, gamma_log, gaussian_identity, poisson_log

KNOWN_SCALE = (f.Binomial(), f.Poisson(), f.NegativeBinomial(alpha=1.0))
FREE_SCALE = (
    f.Gaussian(),
    f.Gamma(),
    f.InverseGaussian(),
    f.Tweedie(var_power=1.5),
    f.Quasi("log", "mu"),
)


def test_the_names_are_those_of_statsmodels():
    for name in ("Binomial", "Gamma", "Gaussian", "InverseGaussian", "Poisson"):
        assert getattr(f, name) is getattr(sm.families, name)
    for name in ("NegativeBinomial", "Tweedie"):  # which may estimate a parameter as well
        assert issubclass(getattr(f, name), getattr(sm.families, name))
    assert f.links is sm.families.links


def test_scale_by_default():
    for family in KNOWN_SCALE:
        assert adapt(family).scale == 1.0
        assert adapt(family).aux_names == ()
        assert adapt(family).k_channels == 1
    for family in FREE_SCALE:
        assert adapt(family).scale is None
        assert adapt(family).aux_names == ("log_scale",)
        assert adapt(family).k_channels == 2


def test_a_given_scale_is_held():
    for family in (*KNOWN_SCALE, *FREE_SCALE):
        fixed = adapt(family, scale=2.0)
        assert fixed.scale == 2.0
        assert fixed.aux_names == ()
        assert adapt(adapt(family), scale=2.0) == fixed
    assert adapt(fixed) is fixed


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_impossible_scales(scale):
    with pytest.raises(SpecificationError, match="must be a positive number"):
        adapt(f.Gaussian(), scale=scale)


def test_classes_are_taken_as_their_defaults():
    assert adapt(f.Poisson).link.name == "exp"
    assert adapt(f.Poisson).name == "Poisson"
    assert isinstance(adapt(f.Poisson).statsmodels, f.Poisson)


def test_what_is_not_a_family_is_refused():
    for wrong in ("poisson", 3, sm.families.links.Log()):
        with pytest.raises(SpecificationError, match=r"is not a family\. Give one of Gaussian"):
            adapt(wrong)


def test_the_hot_pairs_have_their_own_kernels():
    log = sm.families.links.Log()
    assert adapt(f.Gaussian()).kernel is gaussian_identity
    assert adapt(f.Binomial()).kernel is binomial_logit
    assert adapt(f.Poisson()).kernel is poisson_log
    assert adapt(f.Gamma(log)).kernel is gamma_log
    assert adapt(f.Tweedie(log, var_power=2.0)).kernel is gamma_log


def test_exactness_of_the_scale_is_declared():
    exact = (f.Gaussian(), f.Gamma(), f.InverseGaussian(), f.Tweedie(var_power=3))
    assert all(adapt(family).exact_scale for family in exact)
    assert not any(
        adapt(family).exact_scale for family in (f.Tweedie(var_power=1.5), f.Quasi("log", "mu"))
    )


def test_a_user_family_is_known_by_its_variance():
    class Overdispersed(sm.families.Family):
        def __init__(self):
            variance = sm.families.varfuncs.Power(1.5)
            super().__init__(sm.families.links.Log(), variance, check_link=False)

    family = adapt(Overdispersed())
    assert family.name == "Overdispersed"
    assert not family.exact_scale
    np.testing.assert_allclose(family.variance(np.array([4.0])), 8.0)


def test_a_subclass_that_changes_nothing_keeps_its_law():
    class Claims(f.Poisson):
        pass

    assert adapt(Claims()).kernel is poisson_log


RESPONSES = {
    "Poisson": (f.Poisson(), -1.0, "values of zero or more"),
    "Binomial": (f.Binomial(), 1.5, "values from 0 to 1"),
    "Gamma": (f.Gamma(), 0.0, "positive values"),
    "InverseGaussian": (f.InverseGaussian(), -2.0, "positive values"),
    "NegativeBinomial": (f.NegativeBinomial(alpha=1.0), -3.0, "values of zero or more"),
    "Tweedie": (f.Tweedie(var_power=2.2), 0.0, "positive values"),
    "Gaussian": (f.Gaussian(), np.inf, "finite numbers"),
    "Quasi": (f.Quasi("logit", "mu(1-mu)"), 2.0, "values from 0 to 1"),
}


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("missing", [False, True])
def test_responses_outside_the_support(name, missing):
    family, wrong, words = RESPONSES[name]
    value = np.nan if missing else wrong
    y = np.array([0.5, 0.25, value, 0.5, value])
    with pytest.raises(DataError) as caught:
        adapt(family).check_response(y, "claims")
    message = str(caught.value)
    assert f"response 'claims' has the value {value} in row 2, and 1 more rows" in message
    assert f"the {name} family needs {words}" in message
    adapt(family).check_response(np.array([0.5, 0.25]), "claims")


def test_zero_is_a_count_a_share_and_a_tweedie_amount():
    for family in (f.Poisson(), f.Binomial(), f.Tweedie(var_power=1.5), f.Quasi("logit", "mu")):
        adapt(family).check_response(np.zeros(2), "y")


def test_powers_without_a_distribution():
    with pytest.raises(SpecificationError, match=r"no distribution has the variance .* mu\*\*0.5"):
        adapt(f.Tweedie(var_power=0.5))
    with pytest.raises(SpecificationError, match="use the Poisson family"):
        adapt(f.NegativeBinomial(alpha=0.0))


def test_a_row_without_weight_is_no_observation():
    y, weight = np.ones(3), np.array([1.0, 0.0, 2.0])
    with pytest.raises(DataError, match="row 1 has weight 0.0"):
        adapt(f.Gaussian()).constant(y, weight)
    assert adapt(f.Binomial()).constant(y, weight)[1] == 0.0


def test_no_start_where_the_link_has_no_such_mean():
    family = adapt(f.Gaussian(sm.families.links.Log()))
    with pytest.raises(DataError, match="no linear predictor has that mean"):
        family.start_level(np.array([-1.0, -2.0]), np.ones(2))
    y = np.array([-1.0, 4.0])
    start = family.start_eta(y, np.ones(2), family.start_level(y, np.ones(2)))
    np.testing.assert_allclose(np.exp(start), 1.5)


def test_a_block_of_zero_counts_starts_from_the_overall_mean():
    start = adapt(f.Poisson()).start_eta(np.zeros(3), np.ones(3), np.log([0.1]))
    np.testing.assert_allclose(np.exp(start), 0.05)


def test_means_take_one_predictor_with_or_without_its_axis():
    family = adapt(f.Poisson())
    eta = np.array([0.0, 1.0])
    np.testing.assert_array_equal(family.mean(eta), family.mean(eta[np.newaxis]))


def test_impossible_means_have_an_infinite_deviance():
    d = adapt(f.Poisson()).unit_deviance(np.ones(3), np.array([-1.0, 0.0, 1.0]), np.ones(3))
    np.testing.assert_array_equal(d, [np.inf, np.inf, 0.0])
    d = adapt(f.Binomial()).unit_deviance(np.ones(2), np.array([1.0, 1.1]), np.ones(2))
    np.testing.assert_array_equal(d, [0.0, np.inf])


def test_single_precision_stays_single():
    y, eta = np.array([1.0, 2.0], np.float32), np.array([[0.1, 0.4]], np.float32)
    weight = np.ones(2, np.float32)
    for family in (f.Gaussian(), f.Poisson(), f.Gamma(sm.families.links.Log())):
        ours = adapt(family)
        aux = np.zeros(len(ours.aux_names), np.float32)
        terms = ours.rows(y, eta, aux, weight, Level.FISHER, np.zeros(2, np.float32))
        assert terms.value.dtype == terms.score.dtype == terms.information.dtype == np.float32


def test_families_are_frozen():
    family = adapt(f.Poisson())
    assert isinstance(family, DispersionFamily)
    with pytest.raises(AttributeError):
        family.scale = 2.0

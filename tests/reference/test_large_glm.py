"""GLMs on the larger tables: motor insurance and credit."""

from __future__ import annotations

import pytest

from tests.reference import comparison as cmp
from tests.reference import rfits

pytestmark = pytest.mark.reference

FILE = "large_glm"
RECORDS = rfits.records(FILE)

EXCEPTIONS = {
    "gamma_ausprivauto": {"llf": (1,), "aic": (1, 11)},
    "invgauss_ausprivauto": {"llf": (1,), "aic": (1, 11)},
    "gamma_swautoins": {"llf": (1, 5), "aic": (1, 5, 11)},
}
STOPPED = {
    "gamma_ausprivauto": {"coef", "stat"},
    "invgauss_ausprivauto": {"coef", "stat"},
}


def test_there_are_seven():
    assert len(RECORDS) == 7


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_numbers(name):
    left = cmp.disagreements(FILE, name, STOPPED.get(name, set()))
    assert left == set(EXCEPTIONS.get(name, {}))


@pytest.mark.parametrize("name", sorted(EXCEPTIONS))
def test_log_likelihood_and_aic(name):
    """Exceptions 1, 5 and 11, as in ``test_glm_families``."""
    record, fit = RECORDS[name], rfits.fitted(FILE, name)
    theirs = cmp.r_loglik(name, record, fit)
    assert cmp.worst(theirs, record["loglik"]) <= cmp.TOL
    assert cmp.worst(-2.0 * theirs + 2.0 * (fit.edf + 1), record["aic"]) <= cmp.TOL
    assert cmp.worst(fit.llf, cmp.loglik(name, record, fit)) <= 1e-12
    assert fit.aic == pytest.approx(-2.0 * fit.llf + 2.0 * fit.edf, rel=1e-14)

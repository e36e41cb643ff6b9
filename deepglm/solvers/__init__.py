"""How the maximum is found and how it is known to be one."""

from deepglm.solvers.certificate import certify, unit_sd
from deepglm.solvers.irls import final_layer, glm, polish_intercept
from deepglm.solvers.multistart import (
    METHODS,
    Run,
    choose_method,
    default_starts,
    from_starts,
    hits,
    solver,
)
from deepglm.solvers.objective import Objective
from deepglm.solvers.scoring import until
from deepglm.solvers.starts import Starts
from deepglm.solvers.status import Certificate, Outcome, Status

__all__ = [
    "METHODS",
    "Certificate",
    "Objective",
    "Outcome",
    "Run",
    "Starts",
    "Status",
    "certify",
    "choose_method",
    "default_starts",
    "final_layer",
    "from_starts",
    "glm",
    "hits",
    "polish_intercept",
    "solver",
    "unit_sd",
    "until",
]

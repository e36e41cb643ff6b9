"""How the maximum is found and how it is known to be one."""

from deepglm.solvers.certificate import certify
from deepglm.solvers.irls import glm
from deepglm.solvers.multistart import METHODS, choose_method, default_starts
from deepglm.solvers.objective import Objective
from deepglm.solvers.problem import Options, Problem, Solution, fit_glm, fit_network
from deepglm.solvers.scoring import until
from deepglm.solvers.status import Certificate, Outcome, Status

__all__ = [
    "METHODS",
    "Certificate",
    "Objective",
    "Options",
    "Outcome",
    "Problem",
    "Solution",
    "Status",
    "certify",
    "choose_method",
    "default_starts",
    "fit_glm",
    "fit_network",
    "glm",
    "until",
]

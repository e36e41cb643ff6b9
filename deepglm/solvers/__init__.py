"""How the maximum is found and how it is known to be one."""

from deepglm.solvers.certificate import certify
from deepglm.solvers.contract import Control, Outcome, Progress, Solver, Step, silent
from deepglm.solvers.evidence import Group
from deepglm.solvers.gradient import GradientDescent
from deepglm.solvers.irls import glm
from deepglm.solvers.methods import METHODS, operations
from deepglm.solvers.multistart import Mode
from deepglm.solvers.objective import Objective
from deepglm.solvers.problem import (
    Options,
    PenaltyChoice,
    Problem,
    Solution,
    Start,
    fit_glm,
    fit_network,
)
from deepglm.solvers.scoring import Curvature, Scoring
from deepglm.solvers.starts import Starts
from deepglm.solvers.status import Certificate, Status
from deepglm.solvers.watch import watching
from deepglm.solvers.whitened import Whitened

__all__ = [
    "METHODS",
    "Certificate",
    "Control",
    "Curvature",
    "GradientDescent",
    "Group",
    "Mode",
    "Objective",
    "Options",
    "Outcome",
    "PenaltyChoice",
    "Problem",
    "Progress",
    "Scoring",
    "Solution",
    "Solver",
    "Start",
    "Starts",
    "Status",
    "Step",
    "Whitened",
    "certify",
    "fit_glm",
    "fit_network",
    "glm",
    "operations",
    "silent",
    "watching",
]

"""Words to designs: reads formulas, and rebuilds the same columns on new rows.

This is the only room that imports patsy. patsy reads the language and codes the terms; what it
learned is kept as plain state, which travels to other processes and needs no patsy objects.
"""

from deepglm.formula.constraints import constraint
from deepglm.formula.design import Design, learn
from deepglm.formula.environment import Environment, capture, names_used
from deepglm.formula.grammar import DeepTerm, Parsed, parse
from deepglm.formula.response import Response, learn_response

__all__ = [
    "DeepTerm",
    "Design",
    "Environment",
    "Parsed",
    "Response",
    "capture",
    "constraint",
    "learn",
    "learn_response",
    "names_used",
    "parse",
]

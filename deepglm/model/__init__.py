"""The door: from a formula and a table to a fit."""

from deepglm.model.model import DeepGLM

__all__ = ["DeepGLM"]

"""Small real data with provenance and licence, for examples and tests.

Every data set is a pandas data frame whose ``attrs`` say where it is from. Nothing is downloaded.
"""

from deepglm.datasets.reading import load, names

__all__ = ["load", "names"]

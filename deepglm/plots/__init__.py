"""Tidy frames of fitted models, and pictures of them on matplotlib Axes.

:mod:`deepglm.plots.frames` makes the frames: data frames with a row per point, to look at, to save
or to draw in any other way. The functions here draw them. matplotlib is the extra ``plots``; the
frames do without it.

Examples
--------
>>> import deepglm as dg
>>> from deepglm import plots
>>> trees = dg.datasets.load("trees")
>>> fit = dg.DeepGLM("Volume ~ Girth", trees, family=dg.Gamma(), hidden=()).fit()
>>> plots.partial_means(fit, trees, "Girth", [10.0, 15.0]).round(2)
  model  input  value   mean  share
0        Girth   10.0  18.59   0.48
1        Girth   15.0  30.77   0.52
"""

from deepglm.plots.curves import curve as curve
from deepglm.plots.drawing import actual_expected as actual_expected
from deepglm.plots.drawing import effect as effect
from deepglm.plots.frames import actual_expected as actual_expected_frame
from deepglm.plots.frames import partial_means

__all__ = ["actual_expected", "actual_expected_frame", "curve", "effect", "partial_means"]

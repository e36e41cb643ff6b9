"""Shows how far a fit is: a bar of text, in a terminal, a log or a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import NoReturn

import numpy as np

# not tqdm.auto: in a notebook without ipywidgets its import warns, and text shows there too
from tqdm import tqdm

from deepglm.errors import SpecificationError
from deepglm.solvers import Progress

OFTEN = 0.1
"""Seconds between two pictures of the bar at least; a new stage is shown at once."""


@contextmanager
def reporter(progress: object) -> Iterator[Callable[[Progress], None]]:
    """What a fit tells how far it is.

    Parameters
    ----------
    progress
        True for a bar, a function of a :class:`~deepglm.solvers.Progress`, or None.
    """
    if callable(progress):
        yield progress
    elif progress is None or (isinstance(progress, bool | np.bool_) and not progress):
        yield lambda news: None
    elif isinstance(progress, bool | np.bool_):
        with tqdm(desc="fit", bar_format=_FORMAT, leave=False, dynamic_ncols=True) as bar:
            yield _Shown(bar)
    else:
        raise SpecificationError(
            f"progress={progress!r}: True shows a bar, a function is called with how far the fit "
            "is, and None is silent."
        )


_FORMAT = "{desc} |{bar:6}| [{elapsed}]{postfix}"


class _Shown:
    """A bar that is drawn when the stage changes, and ten times a second at most otherwise."""

    def __init__(self, bar: tqdm[NoReturn]) -> None:
        self.bar = bar
        self.drawn = -np.inf

    def __call__(self, news: Progress) -> None:
        stage, _, reached = str(news).partition(": ")
        reached = reached.replace("penalised log-likelihood", "penalised llf")  # 80 columns
        self.bar.total = news.total or None
        self.bar.n = min(news.done - 1, news.total) if news.total else 0
        now = monotonic()
        if stage == self.bar.desc and now - self.drawn < OFTEN:
            return
        self.drawn = now
        self.bar.set_description_str(stage, refresh=False)
        self.bar.set_postfix_str(reached, refresh=False)
        self.bar.refresh()

"""Shows how far a fit is: a bar in a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from tqdm.auto import tqdm

from deepglm.errors import SpecificationError
from deepglm.solvers import Progress


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
    elif progress is True:
        with tqdm(unit="", bar_format=_FORMAT, leave=False) as bar:
            yield lambda news: _show(bar, news)
    elif progress is None or progress is False:
        yield lambda news: None
    else:
        raise SpecificationError(
            f"progress={progress!r}: True shows a bar, a function is called with how far the fit "
            "is, and None is silent."
        )


_FORMAT = "{desc} |{bar}| [{elapsed}]{postfix}"


def _show(bar: tqdm[NoReturn], news: Progress) -> None:
    bar.total = news.total or None
    bar.n = min(news.done - 1, news.total) if news.total else 0
    where = f" {news.done} of {news.total}" if news.total else ""
    bar.set_description_str(f"{news.stage}{where}", refresh=False)
    words = str(news).partition(": ")[2]
    bar.set_postfix_str(words)

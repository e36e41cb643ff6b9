"""What an error of the package has to be: ours, the built-in one, and a sentence with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import pytest

from deepglm.errors import DeepGLMError


@contextmanager
def refused(ours: type[Exception], builtin: type[Exception], *parts: str) -> Iterator[None]:
    """Expect an error of both classes whose message has every part and ends as a sentence."""
    with pytest.raises(ours) as caught:
        yield
    error = caught.value
    assert isinstance(error, builtin) and isinstance(error, DeepGLMError)
    message = str(error)
    for part in parts:
        assert part in message, message
    assert message.rstrip()[-1] in ".^)", message
    assert not message.startswith(("'\"", '"')), "the repr of a message"


def changed(data: pd.DataFrame, column: str, row: str, value: object) -> pd.DataFrame:
    """A copy with one value spoiled."""
    spoiled = data.copy()
    spoiled[column] = spoiled[column].astype(object) if isinstance(value, str) else spoiled[column]
    spoiled.loc[row, column] = value
    return spoiled

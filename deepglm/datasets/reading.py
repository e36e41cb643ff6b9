"""From the name of a data set to its data frame."""

from __future__ import annotations

import difflib
import importlib.util
import os
from importlib import resources
from pathlib import Path

import pandas as pd

from deepglm.datasets.catalogue import ENTRIES, Entry
from deepglm.errors import (
    DataError,
    DatasetNotFoundError,
    MissingExtraError,
    SpecificationError,
)

__all__ = ["load", "names"]

FOLDER_VARIABLE = "DEEPGLM_DATA"


def names() -> tuple[str, ...]:
    """
    Names that :func:`load` accepts.

    Returns
    -------
    tuple of str
        In alphabetical order.

    Examples
    --------
    >>> from deepglm import datasets
    >>> "budworm" in datasets.names()
    True
    """
    return tuple(sorted(ENTRIES))


def load(name: str) -> pd.DataFrame:
    """
    Read a data set.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    pandas.DataFrame
        A new frame at each call. Its ``attrs`` hold ``source`` (the original publication),
        ``licence``, ``description`` and ``columns``, a dictionary from column to meaning. Factors
        are categorical, with their levels in R's order; whole numbers are 64-bit integers, so that
        powers in a formula do not overflow.

    Raises
    ------
    SpecificationError
        If there is no data set of that name.
    DatasetNotFoundError
        If the data set is one of those that the installed package does not contain, and it is not
        in the folder that the environment variable ``DEEPGLM_DATA`` names or, where that is not
        set, in the ``data`` folder of a source checkout.
    MissingExtraError
        If the data set is a Parquet file and pyarrow is not installed.
    DataError
        If the file is there but holds other rows or columns than it should.

    Examples
    --------
    >>> from deepglm import datasets
    >>> budworm = datasets.load("budworm")
    >>> budworm.shape
    (12, 4)
    >>> budworm.attrs["columns"]["numdead"]
    'moths dead or knocked down after three days'
    """
    if name not in names():
        raise SpecificationError(_unknown(name))
    entry = ENTRIES[name]
    frame = _read_table(entry) if entry.inside_package else _read_parquet(name, entry)
    frame.attrs = {
        "source": entry.source,
        "licence": entry.licence,
        "description": entry.description,
        "columns": dict(entry.columns),
    }
    return frame


def _unknown(name: object) -> str:
    close = difflib.get_close_matches(str(name), names(), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"There is no data set {name!r}.{hint} The data sets are: {', '.join(names())}."


def _read_table(entry: Entry) -> pd.DataFrame:
    """Read a CSV file that lies inside the package."""
    with resources.files(__package__).joinpath("tables", entry.file).open("rb") as table:
        frame = pd.read_csv(table)
    for factor, levels in entry.levels.items():
        frame[factor] = pd.Categorical(frame[factor], categories=list(levels))
    return frame


def _read_parquet(name: str, entry: Entry) -> pd.DataFrame:
    """Read a Parquet file that lies outside the package."""
    path = _find(name, entry.file)
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError(
            f"The data set {name!r} is a Parquet file, and reading it needs pyarrow, which is not "
            "installed. Install the extra 'parquet': pip install 'deepglm[parquet]'."
        )
    frame = pd.read_parquet(path, engine="pyarrow")
    _check(frame, entry, path)
    whole = frame[list(entry.columns)].select_dtypes("integer")
    return frame[list(entry.columns)].astype(
        {str(column): entry.dtypes.get(str(column), "int64") for column in whole}
    )


def _check(frame: pd.DataFrame, entry: Entry, path: Path) -> None:
    """Refuse another edition of a data set: results on it could not be compared."""
    absent = [column for column in entry.columns if column not in frame.columns]
    if absent or len(frame) != entry.rows:
        lack = f" and lacks {', '.join(absent)}" if absent else ""
        raise DataError(
            f"{path} has {len(frame)} rows{lack}; needed are {entry.rows} rows with the columns "
            f"{', '.join(entry.columns)}. {entry.remedy}"
        )


def _find(name: str, file: str) -> Path:
    """Path of a file that lies outside the package."""
    folder, place = _folder()
    if (folder / file).is_file():
        return folder / file
    raise DatasetNotFoundError(
        f"The data set {name!r} is not part of the installed package (its licence is not the "
        f"package's), and its file {file} was not found in {folder} ({place}). "
        f"{ENTRIES[name].remedy} Then set the environment variable {FOLDER_VARIABLE} to the folder "
        "that holds it. Nothing is ever downloaded."
    )


def _folder() -> tuple[Path, str]:
    """Folder of the data that lie outside the package, and what that folder is."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser(), f"the folder that {FOLDER_VARIABLE} names"
    beside = Path(__file__).resolve().parents[2] / "data"
    return beside, f"beside the package, as in a source checkout; {FOLDER_VARIABLE} is not set"

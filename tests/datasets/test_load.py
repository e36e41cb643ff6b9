"""`datasets.load`: what it returns, where it looks, and what it says when it cannot."""

from __future__ import annotations

import importlib.util
import pickle
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepglm.datasets import load, names, reading
from deepglm.datasets.catalogue import ENTRIES
from deepglm.errors import (
    DataError,
    DatasetNotFoundError,
    MissingExtraError,
    SpecificationError,
)

OUTSIDE = {"french_motor", "french_motor_split"}
DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(autouse=True)
def no_folder_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPGLM_DATA", raising=False)


@pytest.fixture(scope="module")
def motor() -> pd.DataFrame:
    return load("french_motor")


@pytest.mark.parametrize("name", names())
def test_every_set_is_as_its_entry_says(name: str) -> None:
    frame = load(name)
    entry = ENTRIES[name]
    assert len(frame) == entry.rows
    assert list(frame.columns) == list(entry.columns)
    assert frame.index.equals(pd.RangeIndex(entry.rows))
    assert not frame.isna().any(axis=None)
    assert set(frame.attrs) == {"source", "licence", "description", "columns"}
    assert all(frame.attrs[key] for key in frame.attrs)
    assert frame.attrs["columns"] == dict(entry.columns)


@pytest.mark.parametrize("name", names())
def test_columns_are_numbers_or_factors_that_formulas_can_take(name: str) -> None:
    kinds = {str(dtype) for dtype in load(name).dtypes}
    assert kinds <= {"int64", "float64", "bool", "category"}


def test_names_are_sorted_and_complete() -> None:
    assert names() == tuple(sorted(ENTRIES))
    assert set(names()) >= OUTSIDE | {"budworm", "clotting", "warpbreaks"}


def test_each_call_gives_a_frame_of_its_own() -> None:
    first = load("trees")
    first["Volume"] = 0.0
    first.attrs["columns"]["Volume"] = "changed"
    assert load("trees")["Volume"].sum() > 0
    assert load("trees").attrs["columns"]["Volume"] != "changed"


def test_attrs_survive_a_pickle() -> None:
    frame = load("ships")
    assert pickle.loads(pickle.dumps(frame)).attrs == frame.attrs


def test_every_table_inside_the_package_has_an_entry() -> None:
    folder = resources.files("deepglm.datasets").joinpath("tables")
    assert {file.name for file in folder.iterdir()} == {
        entry.file for name, entry in ENTRIES.items() if name not in OUTSIDE
    }


def test_only_published_tables_are_inside_the_package() -> None:
    inside = {name for name, entry in ENTRIES.items() if entry.inside_package}
    assert inside == set(names()) - OUTSIDE
    assert {ENTRIES[name].licence for name in inside} == {"published table; facts"}


@pytest.mark.parametrize(
    ("name", "factor", "levels"),
    [
        ("warpbreaks", "tension", ["L", "M", "H"]),
        ("warpbreaks", "wool", ["A", "B"]),
        ("budworm", "sex", ["F", "M"]),
        ("ships", "type", list("ABCDE")),
        ("housing", "Sat", ["Low", "Medium", "High"]),
        ("housing", "Type", ["Tower", "Apartment", "Atrium", "Terrace"]),
    ],
)
def test_levels_are_in_the_order_of_r(name: str, factor: str, levels: list[str]) -> None:
    column = load(name)[factor]
    assert list(column.cat.categories) == levels
    assert not column.cat.ordered


@pytest.mark.parametrize(
    ("name", "column", "total"),
    [
        # 3,918 girls: Milicer and Szczotka (1966); 1,681 residents: Madsen (1976); the others
        # guard against a lost row.
        ("warpbreaks", "breaks", 1520),
        ("budworm", "numdead", 111),
        ("menarche", "Total", 3918),
        ("ships", "incidents", 356),
        ("housing", "Freq", 1681),
        ("tobin", "durable", 28.9),
    ],
)
def test_totals(name: str, column: str, total: int) -> None:
    assert load(name)[column].sum() == pytest.approx(total, rel=1e-12)


def test_french_motor_totals_are_the_published_ones(motor: pd.DataFrame) -> None:
    # 678,013 policies and 36,102 claims: Noll, Salzmann and Wuethrich (2018).
    assert motor.shape == (678_013, 12)
    assert motor["ClaimNb"].sum() == 36_102
    assert motor["IDpol"].is_unique
    assert motor["IDpol"].is_monotonic_increasing


def test_french_motor_factors_are_in_the_order_of_r(motor: pd.DataFrame) -> None:
    factors = motor.select_dtypes("category")
    assert list(factors) == ["Area", "VehBrand", "VehGas", "Region"]
    assert list(motor["VehBrand"].cat.categories[:4]) == ["B1", "B10", "B11", "B12"]
    assert list(motor["VehGas"].cat.categories) == ["Diesel", "Regular"]
    assert motor["Region"].cat.categories.size == 22
    for factor in factors:
        # R sorts the levels of a factor made from text.
        levels = list(motor[factor].cat.categories)
        assert levels == sorted(levels)


def test_powers_of_whole_numbers_do_not_overflow(motor: pd.DataFrame) -> None:
    exact = motor["BonusMalus"].astype(float) ** 2
    assert np.array_equal(motor["BonusMalus"] ** 2, exact)


def test_french_motor_split_is_aligned_with_the_rows(motor: pd.DataFrame) -> None:
    split = load("french_motor_split")
    assert list(split) == ["is_test_seed100"]
    assert split.index.equals(motor.index)
    assert split["is_test_seed100"].dtype == bool
    assert split["is_test_seed100"].sum() == 67_801
    stored = pd.read_parquet(DATA / "freMTPL2_splits.parquet")
    assert np.array_equal(stored["IDpol"], motor["IDpol"])


def test_unknown_name_lists_the_names_and_the_closest() -> None:
    with pytest.raises(SpecificationError, match=r"'budwurm'.*Did you mean 'budworm'\?") as caught:
        load("budwurm")
    assert all(name in str(caught.value) for name in names())


@pytest.mark.parametrize("name", ["", None, 3, ["trees"]])
def test_a_name_that_is_none_is_refused(name: object) -> None:
    with pytest.raises(SpecificationError, match="The data sets are: budworm, "):
        load(name)  # type: ignore[arg-type]


def test_folder_of_the_variable_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = load("french_motor_split")
    (tmp_path / "freMTPL2_splits.parquet").symlink_to(DATA / "freMTPL2_splits.parquet")
    monkeypatch.setenv("DEEPGLM_DATA", str(tmp_path))
    monkeypatch.setattr(reading, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    pd.testing.assert_frame_equal(load("french_motor_split"), here)


def test_missing_file_says_where_it_looked_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPGLM_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError) as caught:
        load("french_motor")
    assert isinstance(caught.value, DatasetNotFoundError)
    message = str(caught.value)
    for part in (str(tmp_path), "freMTPL2freq.parquet", "CASdatasets", "41214", "ever downloaded"):
        assert part in message


def test_installed_package_without_the_data_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages" / "deepglm" / "datasets" / "reading.py"
    monkeypatch.setattr(reading, "__file__", str(installed))
    with pytest.raises(DatasetNotFoundError, match="DEEPGLM_DATA is not set") as caught:
        load("french_motor_split")
    assert str(tmp_path.resolve() / "site-packages" / "data") in str(caught.value)
    assert "freMTPL2_splits.parquet" in str(caught.value)


def test_another_edition_of_the_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, motor: pd.DataFrame
) -> None:
    motor.head(5).drop(columns="Region").to_parquet(tmp_path / "freMTPL2freq.parquet")
    monkeypatch.setenv("DEEPGLM_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"has 5 rows and lacks Region; needed are 678013 rows"):
        load("french_motor")


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find(name)
    )
    with pytest.raises(MissingExtraError, match=r"deepglm\[parquet\]"):
        load("french_motor")
    assert len(load("trees")) == 31

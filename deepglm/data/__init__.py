"""Checked rows: response, designs, weights, offset, names; row blocks."""

from deepglm.data.assembly import Request, from_arrays, from_formula
from deepglm.data.columns import (
    ColumnSource,
    ModelData,
    PlainColumns,
    RowVariable,
    column_values,
    intercept_column,
)
from deepglm.data.rows import BLOCK_ROWS, Rows, check_exposure, check_weights
from deepglm.data.standardise import (
    Standardisation,
    aliased_columns,
    standardisation,
    triangle,
)

__all__ = [
    "BLOCK_ROWS",
    "ColumnSource",
    "ModelData",
    "PlainColumns",
    "Request",
    "RowVariable",
    "Rows",
    "Standardisation",
    "aliased_columns",
    "check_exposure",
    "check_weights",
    "column_values",
    "from_arrays",
    "from_formula",
    "intercept_column",
    "standardisation",
    "triangle",
]

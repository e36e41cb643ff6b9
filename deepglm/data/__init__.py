"""Checked rows: response, designs, weights, offset, names; row blocks."""

from deepglm.data.arrays import from_arrays
from deepglm.data.assembly import Request
from deepglm.data.changes import Change, ColumnMaker
from deepglm.data.checks import as_floats, row_label
from deepglm.data.columns import ColumnSource, PlainColumns, intercept_column
from deepglm.data.inputs import Input
from deepglm.data.kept import ModelData
from deepglm.data.rows import BLOCK_ROWS, Rows, row_runs
from deepglm.data.selection import RowVariable
from deepglm.data.standardise import Standardisation, aliased_columns
from deepglm.data.tables import from_formula, read_table
from deepglm.data.threads import cores, keep_freed_memory, one_blas_thread

__all__ = [
    "BLOCK_ROWS",
    "Change",
    "ColumnMaker",
    "ColumnSource",
    "Input",
    "ModelData",
    "PlainColumns",
    "Request",
    "RowVariable",
    "Rows",
    "Standardisation",
    "aliased_columns",
    "as_floats",
    "cores",
    "from_arrays",
    "from_formula",
    "intercept_column",
    "keep_freed_memory",
    "one_blas_thread",
    "read_table",
    "row_label",
    "row_runs",
]

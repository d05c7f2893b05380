"""Arrow's PyCapsule interface, which arrays and tables of other libraries have (pyarrow, Polars, DuckDB, pandas)."""

from typing import Protocol


class ArrowArrayOnly(Protocol):
    """An array."""

    def __arrow_c_array__(self, requested_schema: object = None, /) -> tuple[object, object]: ...


class ArrowStream(Protocol):
    """A chunked array, a series, or a table of one column."""

    def __arrow_c_stream__(self, requested_schema: object = None, /) -> object: ...


ArrowArray = ArrowArrayOnly | ArrowStream

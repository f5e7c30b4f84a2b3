"""Reads Parquet files row by row with DuckDB, an optional package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import InvalidInput

if TYPE_CHECKING:
    import duckdb

BATCH = 32
"""Rows in memory at a time; a row may hold an image."""
_OPTIONS = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "memory_limit": "1GB", "threads": "1"}


@dataclass(frozen=True, slots=True)
class ParquetRow:
    """A row: where it is, counted from 1 in its file, and its values."""

    path: Path
    number: int
    values: dict[str, object]

    @property
    def where(self) -> str:
        return f"{self.path.name}, row {self.number}"


def read_columns(path: Path) -> dict[str, str]:
    """Columns of a file with their types as DuckDB writes them: `STRUCT(bytes BLOB, ...)`.

    Raises `InvalidInput` for a file that is not Parquet, and when the package is not installed.
    """
    with _connect() as connection:
        description = _execute(connection, f"DESCRIBE SELECT * FROM read_parquet({_quote(path)})", path).fetchall()
    return {str(row[0]): str(row[1]) for row in description}


def read_rows(path: Path, expressions: Sequence[str] = ("*",)) -> Iterator[ParquetRow]:
    """Yield the rows of a file in its order.

    `expressions` are what DuckDB selects, columns in double quotes. Raises `InvalidInput` as
    `read_columns`.
    """
    selected = ", ".join(expressions)
    with _connect() as connection:
        result = _execute(connection, f"SELECT {selected} FROM read_parquet({_quote(path)})", path)
        names = [str(column[0]) for column in result.description]
        number = 0
        while rows := _fetch(result, path):
            for values in rows:
                number += 1
                yield ParquetRow(path, number, dict(zip(names, values, strict=True)))


def quote_column(name: str) -> str:
    """A column as DuckDB reads it."""
    return '"' + name.replace('"', '""') + '"'


def _connect() -> duckdb.DuckDBPyConnection:
    try:
        import duckdb
    except ImportError as error:
        raise InvalidInput("Parquet files need the package duckdb: `pip install duckdb`.") from error
    return duckdb.connect(config=dict(_OPTIONS))


def _execute(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        return connection.execute(query)
    except duckdb.Error as error:
        raise InvalidInput(f"{path} cannot be read as Parquet: {_first_line(error)}") from error


def _fetch(result: duckdb.DuckDBPyConnection, path: Path) -> list[tuple[object, ...]]:
    import duckdb

    try:
        return result.fetchmany(BATCH)
    except duckdb.Error as error:
        raise InvalidInput(f"{path} cannot be read as Parquet: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") + "."


def _quote(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

"""One statement on the driver's own cursor, for the question that is asked most.

SQLAlchemy compiles the statement and converts the columns; left out is what it does around an execution.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

Row = tuple[Any, ...]
Converter = Callable[[Any], Any]


class Prepared(NamedTuple):
    """The statement in one dialect: ``order`` names the values of ``text`` where it has places, not names."""

    text: str
    order: Sequence[str] | None
    fixed: Mapping[str, Any]
    converters: Sequence[tuple[int, Converter]]

    def given(self, values: Mapping[str, str]) -> Any:
        """The values as the driver takes them: by name, or in their places."""
        named = {**self.fixed, **values}
        return named if self.order is None else [named[name] for name in self.order]


class DirectSelect:
    """A ``SELECT`` of one row whose bound values are strings, which every driver takes as they are."""

    def __init__(self, statement: sa.Select[Any]) -> None:
        self._statement = statement
        self._prepared: dict[str, Prepared] = {}

    def one(self, engine: sa.Engine, values: Mapping[str, str]) -> Row | None:
        """Return the row, in a transaction of its own, or None where the driver refused.

        Ask again through SQLAlchemy then: it knows a lost connection from a wrong statement.
        """
        dialect = engine.dialect
        prepared = self.prepared(dialect)
        try:
            found = _fetched(engine, prepared.text, prepared.given(values))
        except dialect.loaded_dbapi.Error:
            return None
        for place, convert in prepared.converters:
            found[place] = convert(found[place])
        return tuple(found)

    def prepared(self, dialect: sa.Dialect) -> Prepared:
        """Return the statement as this dialect's driver takes it; worked out once."""
        known = self._prepared.get(dialect.name)
        if known is not None:
            return known
        compiled: Any = self._statement.compile(dialect=dialect)
        converters = []
        for place, column in enumerate(self._statement.selected_columns):
            convert = column.type.dialect_impl(dialect).result_processor(dialect, None)
            if convert is not None:
                converters.append((place, convert))
        order = compiled.positiontup if compiled.positional else None
        fixed = {name: value for name, value in compiled.params.items() if value is not None}
        self._prepared[dialect.name] = Prepared(str(compiled), order, fixed, converters)
        return self._prepared[dialect.name]


def _fetched(engine: sa.Engine, text: str, given: Any) -> list[Any]:
    # SQLite: without BEGIN, as db.py has taken transactions over from the driver.
    alone = engine.dialect.name == "sqlite"
    connection = engine.raw_connection()
    try:
        driver: Any = connection.driver_connection
        if not alone:
            # Known to the client only: two messages less than BEGIN and ROLLBACK.
            driver.autocommit = True
        try:
            return list(driver.execute(text, given).fetchone())
        finally:
            if not alone:
                driver.autocommit = False
    finally:
        connection.close()

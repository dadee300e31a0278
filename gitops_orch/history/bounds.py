"""Limits the size of growing tables when a row is added, so that they do not depend on a run that cleans up."""

from sqlalchemy import Connection, Table, delete, select

TRIMMED_EVERY = 100  # rows, because searching for excess rows costs more than adding one


def keep_newest(connection: Connection, table: Table, kept: int) -> None:
    """Delete all rows of a table except the newest ones, by id."""
    connection.execute(delete(table).where(table.c.id <= beyond(connection, table, "id", kept)))


def keep_bounded(connection: Connection, table: Table, number: int, kept: int) -> None:
    """Limit a table to about `kept` rows; `number` is the id of the row that was just added."""
    if number % TRIMMED_EVERY == 0:
        keep_newest(connection, table, kept)


def beyond(connection: Connection, table: Table, column: str, kept: int) -> int:
    """Return the number of the newest row beyond the newest `kept` rows; 0 if there is none."""
    newest_first = select(table.c[column]).order_by(table.c[column].desc())
    return int(connection.execute(newest_first.offset(kept).limit(1)).scalar() or 0)

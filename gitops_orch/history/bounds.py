"""Tables that only grow are cut where they grow, so that none of them grows for lack of a run that cleans up."""

from sqlalchemy import Connection, Table, delete, select

TRIMMED_EVERY = 100  # rows: to look for those that are too many costs more than to add one


def keep_newest(connection: Connection, table: Table, kept: int) -> None:
    """Delete all but the newest rows of a table, by their ids."""
    connection.execute(delete(table).where(table.c.id <= beyond(connection, table, "id", kept)))


def keep_bounded(connection: Connection, table: Table, number: int, kept: int) -> None:
    """Keep a table to about `kept` rows, where the row of that `number` was just added."""
    if number % TRIMMED_EVERY == 0:
        keep_newest(connection, table, kept)


def beyond(connection: Connection, table: Table, column: str, kept: int) -> int:
    """Return the number of the newest row that is one too many; 0 where none is."""
    newest_first = select(table.c[column]).order_by(table.c[column].desc())
    return int(connection.execute(newest_first.offset(kept).limit(1)).scalar() or 0)

"""Keeps a second copy of holds and pins, because people set them by command and Git and labels cannot restore them.

The copy is a separate file beside the database, so that no hold is lost with a damaged or deleted database.
"""

import json
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Table, delete, insert, select

from gitops_orch.history import schema
from gitops_orch.logs import LOG
from gitops_orch.private_files import write_private

FILE_NAME = "holds-and-pins.json"
COMMANDS_KNOWN = "commands-known"  # a key of the table meta
TABLES: tuple[Table, ...] = (schema.holds, schema.pins)


class SpareCopy:
    """The file with holds and pins, as they were after the last command."""

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / FILE_NAME

    def save(self, connection: Connection) -> None:
        """Write both tables as this transaction sees them."""
        rows = {
            table.name: [dict(row._mapping) for row in connection.execute(select(table))]  # noqa: SLF001  it is public
            for table in TABLES
        }
        write_private(self._file, json.dumps(rows, default=_text))

    def restore(self, connection: Connection) -> bool:
        """Insert the copy into new tables; return whether there was a copy."""
        try:
            saved = json.loads(self._file.read_text(encoding="utf-8"))
            rows = {table: [_row(table, row) for row in saved[table.name]] for table in TABLES}
        except FileNotFoundError:
            return False
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            LOG.warning("history.copy_unreadable", file=str(self._file), error=str(error))
            return False
        connection.execute(insert(schema.meta).values(key=COMMANDS_KNOWN, value="restored"))
        for table, found in rows.items():
            connection.execute(delete(table))
            if found:
                connection.execute(insert(table), found)
        LOG.warning("history.restored", holds=len(rows[schema.holds]), pins=len(rows[schema.pins]))
        return True


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _row(table: Table, saved: dict[str, str | None]) -> dict[str, object]:
    """Return the columns of a row; ValueError or KeyError if the file has another form."""
    return {
        column.name: datetime.fromisoformat(text)
        if isinstance(column.type, schema.Moment) and (text := saved[column.name]) is not None
        else saved[column.name]
        for column in table.columns
    }

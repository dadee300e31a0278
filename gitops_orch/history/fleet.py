"""Stores what was observed on hosts: placements of slots, images of containers, and events of containers."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Row, delete, insert, select

from gitops_orch.clock import Clock
from gitops_orch.history import schema
from gitops_orch.history.bounds import keep_bounded
from gitops_orch.history.records import ImageRecord, TimelineEvent
from gitops_orch.history.releases import app_of, of_app
from gitops_orch.history.store import Store
from gitops_orch.model.app import AppKey
from gitops_orch.model.observed import Placed

EVENT_ROWS_MAX = 20_000
TIMELINE_ROWS_MAX = 1000
DETAIL_CHARS_MAX = 4000
# The row of no host: this history was kept since the first container was created. The schema has no other place.
_CONTINUITY = ""


class FleetStore:
    """Stores placements, images and events by host and container."""

    _store: Store
    _clock: Clock

    def remember_host(self, host: str, placements: tuple[Placed, ...], at: datetime) -> None:
        """Replace a host's stored placements by those of its newest answer."""
        rows = [
            {
                "host": host,
                "namespace": placed.app.namespace,
                "app": placed.app.name,
                "service": placed.service,
                "slot": placed.slot,
            }
            for placed in placements
        ]
        with self._store.begin() as connection:
            connection.execute(delete(schema.placements).where(schema.placements.c.host == host))
            connection.execute(delete(schema.hosts).where(schema.hosts.c.host == host))
            connection.execute(insert(schema.hosts).values(host=host, at=at))
            if rows:
                connection.execute(insert(schema.placements), rows)

    def remembered(self) -> Mapping[str, tuple[Placed, ...]]:
        """Return the placements of each host at its last answer; an absent host has never answered."""
        table, hosts = schema.placements, schema.hosts.c.host
        with self._store.begin() as connection:
            query = select(hosts).where(hosts != _CONTINUITY).order_by(hosts)
            names = connection.execute(query).scalars().all()
            rows = connection.execute(select(table).order_by(table.c.id)).all()
        found: dict[str, list[Placed]] = {name: [] for name in names}
        for row in rows:
            found[row.host].append(Placed(app=app_of(row), service=row.service, slot=row.slot))
        return {name: tuple(placements) for name, placements in found.items()}

    def note_continuity(self, at: datetime) -> None:
        """Record that this history was kept since the first container was created."""
        self.remember_host(_CONTINUITY, (), at)

    def is_continuous(self) -> bool:
        """Tell whether this history was kept since the first container was created; False where that is unknown."""
        hosts = schema.hosts.c.host
        with self._store.begin() as connection:
            return connection.execute(select(hosts).where(hosts == _CONTINUITY)).first() is not None

    def container_names(self) -> tuple[str, ...]:
        """Return the names of containers whose image is recorded."""
        with self._store.begin() as connection:
            return tuple(connection.execute(select(schema.images.c.container).distinct()).scalars())

    def record_image(self, image: ImageRecord) -> None:
        """Record the image of a container; a later record of the same container replaces an earlier one."""
        table = schema.images
        row = {
            "namespace": image.app.namespace,
            "app": image.app.name,
            "service": image.service,
            "slot": image.slot,
            "host": image.host,
            "container": image.container,
            "reference": image.reference,
            "image_id": image.image_id,
            "digests": list(image.digests),
            "commit": image.commit,
            "release": image.release,
            "at": image.at,
        }
        same = (table.c.host == image.host) & (table.c.container == image.container)
        with self._store.begin() as connection:
            connection.execute(delete(table).where(same))
            connection.execute(insert(table).values(row))

    def images(self, app: AppKey, release: str | None = None) -> tuple[ImageRecord, ...]:
        """Return the images of an app's containers, newest first; only those of one release if it is given."""
        table = schema.images
        query = select(table).where(of_app(table, app)).order_by(table.c.id.desc())
        with self._store.begin() as connection:
            rows = connection.execute(query if release is None else query.where(table.c.release == release))
            return tuple(_image(row) for row in rows)

    def record_event(self, host: str, container: str, at: datetime, event: str, detail: str = "") -> None:
        """Add an event to a container's timeline; delete the oldest events of all containers if there are too many."""
        row = {
            "host": host,
            "container": container,
            "at": at,
            "event": event,
            "detail": detail[:DETAIL_CHARS_MAX],
        }
        with self._store.begin() as connection:
            added = insert(schema.events).values(row).returning(schema.events.c.id)
            number = int(connection.execute(added).scalar_one())
            keep_bounded(connection, schema.events, number, EVENT_ROWS_MAX)

    def timeline(self, container: str) -> tuple[TimelineEvent, ...]:
        """Return the newest 1000 events of a container, oldest first."""
        table = schema.events
        query = select(table).where(table.c.container == container)
        with self._store.begin() as connection:
            rows = connection.execute(query.order_by(table.c.id.desc()).limit(TIMELINE_ROWS_MAX)).all()
        return tuple(
            TimelineEvent(
                host=row.host, container=row.container, at=row.at, event=row.event, detail=row.detail
            )
            for row in reversed(rows)
        )


def _image(row: Row[tuple[object, ...]]) -> ImageRecord:
    return ImageRecord(
        app=app_of(row),
        service=row.service,
        slot=row.slot,
        host=row.host,
        container=row.container,
        reference=row.reference,
        image_id=row.image_id,
        digests=tuple(row.digests),
        commit=row.commit,
        release=row.release,
        at=row.at,
    )

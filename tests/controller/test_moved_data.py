"""No service starts on an empty directory or volume where the one before it had its data, whatever changed with it."""

import pytest
from controller.test_renamed_services import OTHER
from faults.test_y_broken_files import holds
from simulation.tampering import stop

from gitops_orch.engine.simulated.images import ImageBehaviour
from tests.story import Scenario

VOLUMES = "volumes: {data: {}, fresh: {}}\n"
PORT = ", ports: ['3000:3000']"


def service(name: str, place: str = "data:/data", image: str = "pg:1", more: str = "") -> str:
    volumes = f", volumes: ['{place}']" if place else ""
    return f"  {name}: {{image: '{image}'{volumes}{more}}}\n"


def app(*services: str) -> str:
    return "services:\n" + "".join(services) + VOLUMES


WEB = service("web", "", "web:1")


@pytest.fixture
def story() -> Scenario:
    return Scenario({"ghost:1": ImageBehaviour(volumes=("/var/lib/ghost",))})


def commit(story: Scenario, **files: str) -> None:
    story.commit({**OTHER, **{f"{directory}/compose.yaml": text for directory, text in files.items()}})


def there(story: Scenario) -> set[str]:
    return {each.id for each in story.world.containers.values() if each.up}


def services(story: Scenario) -> set[str]:
    found = (each.labels for each in story.world.containers.values() if each.up)
    return {f"{each['gitops-orch.app']}/{each['com.docker.compose.service']}" for each in found} - {
        "t/x",
        "t/y",
    }


# By what changes: the files before, the files after, the app that is held, and the line that keeps the data.
MOVES = {
    "service and volume key": (
        {"s": app(service("db"))},
        {"s": app(service("postgres", "fresh:/data"))},
        "s",
        "write `name: s_data` below that volume in s/compose.yaml",
    ),
    "service and directory": (
        {"s": app(service("db", "./data:/data"))},
        {"s": app(service("postgres", "./fresh:/data"))},
        "s",
        "/s/data:/data` in s/compose.yaml",
    ),
    "service, image and volume key": (
        {"s": app(service("mysql", "data:/var/lib/mysql", "mysql:8"))},
        {"s": app(service("mariadb", "fresh:/var/lib/mysql", "mariadb:11"))},
        "s",
        "write `name: s_data`",
    ),
    "volume becomes a directory": (
        {"s": app(service("db"))},
        {"s": app(service("db", "./data:/data"))},
        "s",
        "mount a volume with `name: s_data` at /data",
    ),
    "directory becomes a volume": (
        {"s": app(service("db", "./data:/data"))},
        {"s": app(service("db"))},
        "s",
        "/s/data:/data` in s/compose.yaml",
    ),
    "path becomes a volume": (
        {"s": app(service("db", "/srv/db:/data"))},
        {"s": app(service("db"))},
        "s",
        "write `/srv/db:/data` in s/compose.yaml",
    ),
    "anonymous volume becomes a named one": (
        {"s": app(service("web", "", "ghost:1"))},
        {"s": app(service("web", "data:/var/lib/ghost", "ghost:1"))},
        "s",
        "below that volume",
    ),
    "app and image": (
        {"gitea": app(service("server", image="gitea/gitea:1", more=PORT))},
        {"forgejo": app(service("server", image="codeberg.org/forgejo/forgejo:7", more=PORT))},
        "forgejo",
        "write `name: gitea` in forgejo/compose.yaml",
    ),
    "app and image of a database": (
        {"a": app(service("db", "data:/var/lib/mysql", "mysql:8"))},
        {"b": app(service("db", "data:/var/lib/mysql", "mariadb:11"))},
        "b",
        "write `name: a` in b/compose.yaml",
    ),
    "app and service": (
        {"blog": app(service("blog"))},
        {"journal": app(service("journal"))},
        "journal",
        "write `name: blog` in journal/compose.yaml",
    ),
    "app with an anonymous volume": (
        {"blog": app(service("blog", "", "ghost:1"))},
        {"journal": app(service("journal", "", "ghost:1"))},
        "journal",
        "write `name: blog` in journal/compose.yaml",
    ),
    "a service becomes an app": (
        {"s": app(WEB, service("db"))},
        {"s": app(WEB), "database": app(service("db"))},
        "database",
        "write `name: s_data` below that volume in database/compose.yaml",
    ),
    "a service becomes an app under another name": (
        {"s": app(WEB, service("db", "./data:/data"))},
        {"s": app(WEB), "database": app(service("postgres", "./data:/data"))},
        "database",
        "/s/data:/data` in database/compose.yaml",
    ),
    "an app becomes a service of another one": (
        {"s": app(WEB), "database": app(service("db"))},
        {"s": app(WEB, service("db"))},
        "s",
        "write `name: database_data` below that volume in s/compose.yaml",
    ),
    "a service passes from app to app": (
        {"s": app(WEB, service("db")), "r": app(WEB)},
        {"s": app(WEB), "r": app(WEB, service("db"))},
        "r",
        "write `name: s_data` below that volume in r/compose.yaml",
    ),
    "one app becomes two": (
        {"s": app(WEB, service("db"), service("cache", "fresh:/var/cache/x", "redis:7"))},
        {"web": app(WEB), "database": app(service("db"))},
        "database",
        "write `name: s",
    ),
}


@pytest.mark.parametrize("how", MOVES)
def test_data_that_would_stay_behind_is_asked_about_and_nothing_is_touched(story, how):
    before, after, held, line = MOVES[how]
    commit(story, **before)
    assert story.sync().exit_code == 0
    running = there(story)
    commit(story, **after)
    for _ in range(2):
        assert story.sync().exit_code == 1
        assert running <= there(story)
    assert line in holds(story)[f"default/{held}"]
    story.history.accept(story.source.fetch())
    assert story.sync().exit_code == 0
    wanted = {
        f"{name}/{row.split(':')[0].strip()}"
        for name, text in after.items()
        for row in text.splitlines()
        if row.startswith("  ")
    }
    assert services(story) == wanted
    assert story.sync().exit_code == 0


@pytest.mark.parametrize("how", MOVES)
def test_what_waits_for_a_decision_about_its_data_is_kept_running(story, how):
    before, after, held, _ = MOVES[how]
    commit(story, **before)
    assert story.sync().exit_code == 0
    running = there(story)
    commit(story, **after)
    story.sync()
    for each in [each for each in story.world.containers.values() if each.up]:
        stop(story.world, each)
    story.sync()
    story.sync()
    assert running <= there(story)
    assert holds(story)[f"default/{held}"]


def test_an_app_that_gets_its_former_name_back_does_not_start_on_stale_data(story):
    for name in ("blog", "journal"):
        commit(story, **{name: app(service("db"))})
        story.history.accept(story.source.fetch())
        assert story.sync().exit_code == 0
    running = there(story)
    commit(story, blog=app(service("db")))
    assert story.sync().exit_code == 1
    assert there(story) == running
    assert "the older volume blog_data" in holds(story)["default/blog"]
    assert "write `name: journal` in blog/compose.yaml" in holds(story)["default/blog"]


def test_a_volume_that_a_person_prepared_for_a_renamed_service_is_used(story):
    commit(story, s=app(service("db")))
    story.sync()
    named = VOLUMES.replace("fresh: {}", "fresh: {name: s_data}")
    commit(story, s="services:\n" + service("postgres", "fresh:/data") + named)
    report = story.sync()
    assert report.exit_code == 0
    assert services(story) == {"s/postgres"}
    reasons = {each.action.kind.value: each.action.reason for each in report.results}
    assert "takes over its data" in reasons["stop"]


def test_the_line_that_is_named_moves_a_service_with_its_data_to_another_app(story):
    commit(story, s=app(WEB, service("db")))
    story.sync()
    kept = app(service("db")).replace("data: {}", "data: {name: s_data}")
    commit(story, s=app(WEB), database=kept)
    assert story.sync().exit_code == 0
    assert services(story) == {"s/web", "database/db"}
    [database] = [each for each in story.world.containers.values() if "database" in each.name]
    assert [mount.source for mount in database.mounts] == ["s_data"]


@pytest.mark.parametrize("name", ["web", "front"])
def test_a_renamed_service_inherits_its_anonymous_volume_and_runs_alone_on_it(story, name):
    commit(story, s=app(service("ghost", "", "ghost:1")))
    story.sync()
    before = [mount.source for each in story.world.containers.values() for mount in each.mounts]
    commit(story, s=app(service(name, "", "ghost:1")))
    report = story.sync()
    assert report.exit_code == 0
    assert [m.source for each in story.world.containers.values() for m in each.mounts] == before
    kinds = story.kinds(report)
    assert kinds.index("stop") < kinds.index("start")


def test_a_backup_whose_app_is_renamed_is_not_stopped_and_keeps_its_repository(story):
    backup = service("backup", "data:/repo", "restic:1", ", x-gitops: {job: {schedule: '* * * * *'}}")
    commit(story, bk=app(WEB, backup))
    story.sync()
    story.clock.sleep(70)
    story.sync()
    running = there(story)
    commit(story, backup=app(WEB, backup))
    assert story.sync().exit_code == 1
    assert there(story) == running
    story.clock.sleep(70)
    story.sync()
    assert "backup_data" not in story.world.volumes


def test_a_backup_whose_volume_gets_another_key_is_held(story):
    def backup(place: str) -> str:
        return service("backup", place, "restic:1", ", x-gitops: {job: {schedule: '* * * * *'}}")

    commit(story, bk=app(WEB, backup("data:/repo")))
    story.sync()
    story.clock.sleep(70)
    story.sync()
    commit(story, bk=app(WEB, backup("fresh:/repo")))
    story.clock.sleep(70)
    assert story.sync().exit_code == 1
    assert "bk_fresh" not in story.world.volumes


# What leaves and what comes in one commit, and is no rename.
UNLIKE = {
    "an app with another image and the same /data": (
        {"blog": app(service("db"), WEB)},
        {"shop": app(service("db", image="mysql:8"), service("web", "", "shop:1"))},
    ),
    "an app that has only its database in common": (
        {"cloud": app(service("app", "", "cloud:1"), service("db", "data:/var/lib/pg"))},
        {
            "photos": app(
                service("server", "", "photos:1"),
                service("ml", "", "ml:1"),
                service("db", "data:/var/lib/pg"),
            )
        },
    ),
    "a service of another image and the same /config": (
        {"s": app(WEB, service("sonarr", "data:/config", "sonarr:1"))},
        {"s": app(WEB, service("bazarr", "fresh:/config", "bazarr:1"))},
    ),
    "a service without data": (
        {"s": app(service("db"), WEB)},
        {"s": app(service("db"), service("front", "", "web:1"))},
    ),
    "a service whose volume left the file": (
        {"s": app(WEB, service("db"))},
        {"s": app(WEB, service("postgres", ""))},
    ),
    "another app with a database of its own": (
        {"s": app(WEB, service("db", "data:/var/lib/pg")), "r": app(WEB)},
        {"r": app(WEB, service("api", "", "api:1"), service("sql", "data:/var/lib/pg")), "s": app(WEB)},
    ),
}


@pytest.mark.parametrize("how", UNLIKE)
def test_what_is_plainly_new_beside_what_plainly_left_is_started(story, how):
    before, after = UNLIKE[how]
    commit(story, **before)
    assert story.sync().exit_code == 0
    commit(story, **after)
    assert story.sync().exit_code == 0
    assert holds(story) == {}

"""What every engine tells of mounts (engine/base.py)."""

from dataclasses import replace

from contract.making import app_with, file_set, intent

VOLUMES = [
    {"type": "bind", "source": "/var/tmp", "target": "/b", "bind": {"create_host_path": True}},
    {"type": "bind", "source": "/var", "target": "/r", "read_only": True},
    {"type": "volume", "source": "data", "target": "/v"},
]


def mounting(key, volumes, *, files=()):
    app = app_with(key, volumes=("data",), files=files)
    (service,) = app.services
    return replace(app, services=(replace(service, compose={**service.compose, "volumes": volumes}),))


def told(world, container):
    (listed,) = [each for each in world.engine.observe().containers if each.id == container]
    assert listed.mounts == world.engine.inspect(container).mounts
    return {each.target: (each.kind, each.source, each.writable) for each in listed.mounts}


def test_mounts_are_told_by_their_targets(world, key):
    app = mounting(key, VOLUMES)
    world.engine.create_volume(key, app.volumes[0])
    assert told(world, world.engine.create(intent(app))) == {
        "/b": ("bind", "/var/tmp", True),
        "/r": ("bind", "/var", False),
        "/v": ("volume", app.volumes[0].name, True),
    }


def test_what_is_kept_is_mounted_in_the_place_of_what_the_file_leaves_open(world, key):
    app = mounting(key, VOLUMES, files=[file_set(writable_path="./etc")])
    for name in ("theirs", "data"):
        world.engine.create_volume(key, replace(app.volumes[0], name=f"{key.project}_{name}"))
    kept = {"/etc/app": "/var/tmp", "/v": f"{key.project}_theirs"}
    made = told(world, world.engine.create(intent(app, kept_mounts=kept)))
    assert made["/etc/app"] == ("bind", "/var/tmp", True)
    assert made["/v"] == ("volume", f"{key.project}_theirs", True)

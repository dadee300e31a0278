"""What every engine promises about networks, volumes, files, images and the listing of a host (engine/base.py)."""

from dataclasses import replace

import pytest
from contract.making import app_with, file_set, intent, joining, network, volume
from contract.test_containers import created, running, state

from gitops_orch.errors import Conflict, NotFound
from gitops_orch.model.app import AppKey
from gitops_orch.model.names import files_volume_name
from gitops_orch.model.observed import State


def of(rows, name):
    return next((row for row in rows if row.name == name), None)


def neighbour(key):
    return AppKey(namespace="other", name=key.name)


def test_a_network_belongs_to_its_app(world, key):
    front = network(key, "front")
    world.engine.create_network(key, front)
    assert of(world.engine.observe().networks, front.name).owner == key


def test_creating_a_network_again_makes_no_second_one(world, key):
    front = network(key, "front")
    world.engine.create_network(key, front)
    world.engine.create_network(key, front)
    assert [n.name for n in world.engine.observe().networks].count(front.name) == 1


def test_a_network_of_another_app_is_a_conflict(world, key):
    front = network(key, "front")
    world.engine.create_network(key, front)
    with pytest.raises(Conflict, match="h1"):
        world.engine.create_network(neighbour(key), front)


def test_a_removed_network_is_gone_and_stays_gone(world, key):
    front = network(key, "front")
    world.engine.create_network(key, front)
    world.engine.remove_network(front.name)
    world.engine.remove_network(front.name)
    assert of(world.engine.observe().networks, front.name) is None


def test_a_network_in_use_is_a_conflict(world, key):
    app = app_with(key, networks=("front",))
    running(world, app)
    with pytest.raises(Conflict, match="h1"):
        world.engine.remove_network(app.networks[0].name)


def test_a_volume_is_told_from_all_others_by_when_it_was_made(world, key):
    rows = volume(key, "rows")
    world.engine.create_volume(key, rows)
    made = of(world.engine.observe().volumes, rows.name).creation
    assert made
    running(world, app_with(key, volumes=("rows",)))
    assert of(world.engine.observe().volumes, rows.name).creation == made


def test_a_container_is_on_all_its_networks(world, key):
    app = app_with(key, networks=("front", "back"))
    container = created(world, app)
    names = tuple(sorted(network.name for network in app.networks))
    assert world.engine.inspect(container).networks == names
    assert of(world.engine.observe().containers, intent(app).name).networks == names


def test_a_container_leaves_a_network_and_joins_it_again(world, key):
    app = app_with(key, networks=("front", "back"))
    container = running(world, app)
    back = f"{key.project}_back"
    world.engine.disconnect_network(container, back)
    world.engine.disconnect_network(container, back)
    assert back not in world.engine.inspect(container).networks
    for _ in range(2):
        world.engine.connect_network(container, back, joining(app))
    assert back in world.engine.inspect(container).networks


def test_joining_a_network_that_is_not_there_is_not_found(world, key):
    app = app_with(key, networks=("front",))
    container = running(world, app)
    with pytest.raises(NotFound, match="h1"):
        world.engine.connect_network(container, f"{key.project}_absent", joining(app))


def test_a_container_without_its_network_does_not_run(world, key):
    app = app_with(key, networks=("front",))
    with pytest.raises(NotFound, match="h1"):
        world.engine.start(world.engine.create(intent(app)))


def test_a_volume_belongs_to_its_app(world, key):
    data = volume(key, "data")
    world.engine.create_volume(key, data)
    world.engine.create_volume(key, data)
    assert of(world.engine.observe().volumes, data.name).owner == key


def test_a_volume_of_another_app_is_a_conflict(world, key):
    data = volume(key, "data")
    world.engine.create_volume(key, data)
    with pytest.raises(Conflict, match="h1"):
        world.engine.create_volume(neighbour(key), data)


def test_a_container_shows_the_volumes_that_it_mounts(world, key):
    mount = {"type": "volume", "source": "data", "target": "/data", "volume": {}}
    app = _with_volume(key, mount)
    world.engine.create_volume(key, app.volumes[0])
    container = created(world, app)
    assert world.engine.inspect(container).volumes == (app.volumes[0].name,)
    assert of(world.engine.observe().containers, intent(app).name).volumes == (app.volumes[0].name,)


def _with_volume(key, mount):
    app = app_with(key, volumes=("data",))
    service = replace(app.services[0], compose={**app.services[0].compose, "volumes": [mount]})
    return replace(app, services=(service,))


def test_removing_a_container_keeps_its_volumes(world, key):
    app = _with_volume(key, {"type": "volume", "source": "data", "target": "/data", "volume": {}})
    world.engine.create_volume(key, app.volumes[0])
    world.engine.remove(created(world, app))
    assert of(world.engine.observe().volumes, app.volumes[0].name) is not None


def test_a_successor_inherits_anonymous_volumes(world, key):
    app = _with_volume(key, {"type": "volume", "target": "/data", "volume": {}})
    first = created(world, app, slot=1)
    inherited = world.engine.inspect(first).volumes
    second = created(world, app, slot=2, inherit_volumes_from=first)
    assert len(inherited) == 1
    assert world.engine.inspect(second).volumes == inherited


def test_a_file_set_is_a_volume_that_says_what_it_holds(world, key):
    files = file_set()
    world.engine.put_files(key, files, image="stub:1")
    found = of(world.engine.observe().volumes, files_volume_name(key.project, files.digest))
    assert (found.owner, found.files) == (key, files.digest)


def test_bringing_a_file_set_again_changes_nothing(world, key):
    files = file_set()
    world.engine.put_files(key, files, image="stub:1")
    before = world.engine.observe().volumes
    world.engine.put_files(key, files, image="stub:1")
    assert world.engine.observe().volumes == before


def test_bringing_files_leaves_no_container_behind(world, key):
    world.engine.put_files(key, file_set(), image="stub:1")
    assert [row for row in world.engine.observe().containers if key.name in row.name] == []


def test_files_need_an_image_that_is_on_the_host(world, key):
    with pytest.raises(NotFound, match="h1"):
        world.engine.put_files(key, file_set(), image="never-pulled:1")


@pytest.mark.parametrize("directory", [True, False])
def test_a_container_shows_the_file_set_that_it_mounts(world, key, directory):
    files = file_set(directory=directory)
    world.engine.put_files(key, files, image="stub:1")
    container = created(world, app_with(key, files=(files,)))
    name = files_volume_name(key.project, files.digest)
    assert world.engine.inspect(container).volumes == (name,)
    assert of(world.engine.observe().containers, intent(app_with(key, files=(files,))).name).volumes == (
        name,
    )


def test_an_unused_file_set_is_removed(world, key):
    files = file_set()
    name = files_volume_name(key.project, files.digest)
    world.engine.put_files(key, files, image="stub:1")
    world.engine.remove_volume(name)
    world.engine.remove_volume(name)
    assert of(world.engine.observe().volumes, name) is None


def test_a_file_set_in_use_is_a_conflict(world, key):
    files = file_set()
    world.engine.put_files(key, files, image="stub:1")
    created(world, app_with(key, files=(files,)))
    with pytest.raises(Conflict, match="h1"):
        world.engine.remove_volume(files_volume_name(key.project, files.digest))


def test_an_image_in_use_is_a_conflict(world, key):
    running(world, app_with(key))
    with pytest.raises(Conflict, match="h1"):
        world.engine.remove_image("stub:1")


def test_removing_an_absent_image_is_already_so(world):
    before = set(world.engine.observe().images)
    world.engine.remove_image("absent:1")
    assert set(world.engine.observe().images) == before


def test_the_listing_shows_images_with_their_tags(world):
    tags = {tag for image in world.engine.observe().images for tag in image.tags}
    assert {"stub:1", "stub:2"} <= tags


def test_the_listing_shows_our_containers_with_details(world, key):
    container = running(world, app_with(key))
    found = next(row for row in world.engine.observe().containers if row.id == container)
    assert found.state is State.RUNNING
    assert found.details.started_at == world.engine.inspect(container).details.started_at


def test_the_listing_agrees_with_an_inspection(world, key):
    app = app_with(key, networks=("front",), restart="always", mem_limit="64000000")
    container = running(world, app)
    listed = next(row for row in world.engine.observe().containers if row.id == container)
    inspected = world.engine.inspect(container)
    assert (listed.name, listed.image, listed.image_id) == (
        inspected.name,
        inspected.image,
        inspected.image_id,
    )
    assert (listed.owner, listed.networks, listed.volumes) == (
        inspected.owner,
        inspected.networks,
        inspected.volumes,
    )
    assert listed.details == inspected.details


def test_what_another_instance_made_is_foreign(world, key):
    container = running(world, app_with(key))
    world.engine.create_network(key, network(key, "front"))
    seen = world.other.observe()
    assert container in {row.id for row in seen.foreign}
    assert of(seen.networks, f"{key.project}_front").owner is None


def test_a_host_is_the_same_host_at_every_look(world):
    first, second = world.engine.observe(), world.engine.observe()
    assert first.engine_id == second.engine_id != ""
    assert (first.name, first.api_version, first.root_dir) == (
        second.name,
        second.api_version,
        second.root_dir,
    )


def test_an_app_without_containers_is_not_an_unreachable_host(world, key):
    assert [row for row in world.engine.observe().owned if row.owner.app == key] == []


def test_a_container_that_shares_a_network_needs_its_peer(world, key):
    alone = app_with(key, network_mode="service:absent")
    with pytest.raises(NotFound, match="h1"):
        world.engine.start(world.engine.create(intent(alone)))


def test_a_container_shares_the_network_of_its_peer(world, key):
    peer = running(world, app_with(key, networks=("front",)), slot=1)
    app = app_with(key, network_mode="service:web", command=["sleep", "1000"])
    second = world.engine.create(intent(app, slot=2, peers={"web": peer}))
    world.engine.start(second)
    assert state(world, second) is State.RUNNING
    assert world.engine.inspect(second).networks == ()


def test_a_container_that_shares_a_network_follows_its_peer_through_a_rename(world, key):
    peer = running(world, app_with(key, networks=("front",)), slot=1)
    name = world.engine.inspect(peer).name
    second = world.engine.create(
        intent(app_with(key, network_mode="service:web"), slot=2, peers={"web": name})
    )
    world.engine.rename(peer, f"{name}-renamed")
    world.engine.start(second)
    details = world.engine.inspect(second).details
    assert details.started_at is not None
    assert details.joined == (peer,)


@pytest.mark.parametrize("join", [{"ipc": "service:web"}, {"pid": "service:web"}])
def test_a_container_that_shares_a_namespace_says_with_whom(world, key, join):
    peer = running(world, app_with(key, ipc="shareable"), slot=1)
    name = world.engine.inspect(peer).name
    child = world.engine.create(intent(app_with(key, **join), slot=2, peers={"web": name}))
    assert world.engine.inspect(child).details.joined == (peer,)


def test_a_container_that_mounts_the_volumes_of_another_says_whose(world, key):
    peer = running(world, app_with(key), slot=1)
    child = world.engine.create(intent(app_with(key, volumes_from=["web:ro"]), slot=2, peers={"web": peer}))
    assert world.engine.inspect(child).details.volumes_from == (peer,)

"""What an Engine of some version cannot say is refused in words; the rest of the payload is judged by Compose itself."""

from dataclasses import replace

import pytest
from contract.making import app_with, file_set, intent

from gitops_orch.engine.payload.container import container_payload
from gitops_orch.engine.payload.network import network_payload
from gitops_orch.engine.payload.target import InheritedVolume, PayloadTarget
from gitops_orch.engine.payload.values import duration_ns, size_bytes
from gitops_orch.errors import Unsupported
from gitops_orch.model.app import App, AppKey, Network, Service
from gitops_orch.model.names import files_volume_name

KEY = AppKey(namespace="default", name="shop")
SECOND_NS = 1_000_000_000

# body, what the message calls it, the first API version that can say it
GATED = [
    ({"annotations": {"a": "b"}}, "annotations", 43),
    ({"healthcheck": {"test": ["CMD", "true"], "start_interval": "1s"}}, "healthcheck.start_interval", 44),
    ({"devices": [{"source": "vendor.com/gpu=all"}]}, "Container Device Interface", 44),
    ({"networks": {"a": None, "b": {"mac_address": "02:42:ac:11:65:43"}}}, "networks.mac_address", 44),
    ({"networks": {"a": {"gw_priority": 5}, "b": None}}, "networks.gw_priority", 48),
    ({"networks": {"a": {"interface_name": "eth7"}, "b": None}}, "networks.interface_name", 49),
    (
        {"volumes": [{"type": "volume", "source": "v", "target": "/v", "volume": {"subpath": "x"}}]},
        "volumes.volume.subpath",
        45,
    ),
    (
        {"volumes": [{"type": "bind", "source": "/v", "target": "/v", "bind": {"recursive": "readonly"}}]},
        "volumes.bind.recursive",
        44,
    ),
    ({"volumes": [{"type": "image", "source": "i", "target": "/v"}]}, "a volume of type image", 48),
]


def target(version: str, **fields) -> PayloadTarget:
    return PayloadTarget(host="edge-1", api_version=version, **fields)


def app(files=(), **compose) -> App:
    made = app_with(KEY, networks=("a", "b"), files=files)
    service = made.services[0]
    return replace(made, services=(replace(service, compose={**service.compose, **compose}),))


def payload(made: App, to: PayloadTarget):
    return container_payload(intent(made), to, {})


@pytest.mark.parametrize(("body", "name", "minor"), GATED, ids=[name for _, name, _ in GATED])
def test_what_an_engine_would_drop_without_a_word_is_refused(body: dict, name: str, minor: int) -> None:
    with pytest.raises(Unsupported) as caught:
        payload(app(**body), target(f"1.{minor - 1}"))
    for part in ("edge-1", name, f"1.{minor}", f"1.{minor - 1}"):
        assert part in str(caught.value)


@pytest.mark.parametrize(("body", "name", "minor"), GATED, ids=[name for _, name, _ in GATED])
def test_the_first_engine_that_can_say_it_is_asked(body: dict, name: str, minor: int) -> None:
    assert payload(app(**body), target(f"1.{minor}")).body


def test_a_network_without_ipv4_needs_a_new_engine() -> None:
    network = Network(key="n", name="shop_n", compose={"enable_ipv4": False})
    with pytest.raises(Unsupported, match=r"networks\.enable_ipv4"):
        network_payload(network, {}, target("1.46"))
    assert network_payload(network, {}, target("1.47"))["EnableIPv4"] is False


@pytest.mark.parametrize(("version", "at_create"), [("1.41", 1), ("1.43", 1), ("1.44", 2)])
def test_older_engines_get_one_network_at_create_and_the_rest_afterwards(
    version: str, at_create: int
) -> None:
    made = payload(app(), target(version))
    endpoints = made.body["NetworkingConfig"]["EndpointsConfig"]
    assert (len(endpoints), len(made.connections)) == (at_create, 2 - at_create)


def test_a_single_mac_address_reaches_an_old_engine_as_the_containers_own() -> None:
    body = {"networks": {"a": {"mac_address": "02:42:ac:11:65:43"}, "b": None}}
    assert payload(app(**body), target("1.41")).body["MacAddress"] == "02:42:ac:11:65:43"
    newer = payload(app(**body), target("1.44")).body
    assert newer["NetworkingConfig"]["EndpointsConfig"]["shop_a"]["MacAddress"] == "02:42:ac:11:65:43"


def test_a_single_file_is_a_subpath_where_the_engine_can_and_a_bind_where_it_cannot() -> None:
    files = file_set(directory=False)
    volume = files_volume_name(KEY.project, files.digest)
    old, new = (
        payload(app(files=(files,)), target(v)).body["HostConfig"]["Mounts"][0] for v in ("1.44", "1.45")
    )
    assert (old["Type"], old["Source"]) == ("bind", f"/var/lib/docker/volumes/{volume}/_data/content")
    assert (new["Type"], new["Source"], new["VolumeOptions"]["Subpath"]) == ("volume", volume, "content")
    assert old["ReadOnly"] is new["ReadOnly"] is True


def test_peers_find_a_container_by_the_names_that_compose_gives() -> None:
    endpoint = payload(app(), target("1.44")).body["NetworkingConfig"]["EndpointsConfig"]["shop_a"]
    assert endpoint["Aliases"] == ["shop-web-1", "web"]


def test_a_link_names_the_alias_that_outlives_the_container_behind_it() -> None:
    made = app(links=["db:database"])
    database = Service(name="db", compose={"image": "db"}, image="db", replicas=2)
    made = replace(made, services=(*made.services, database))
    links = payload(made, target("1.44")).body["HostConfig"]["Links"]
    assert {"shop-db-1:database", "shop-db-2:database"} <= set(links)


@pytest.mark.parametrize("key", ["network_mode", "ipc", "pid"])
def test_a_shared_namespace_is_that_of_the_peer_on_the_same_host(key: str) -> None:
    made = app_with(KEY, **{key: "service:db"})
    host = payload(made, target("1.44", peers={"db": "id-of-db"})).body["HostConfig"]
    field = {"network_mode": "NetworkMode", "ipc": "IpcMode", "pid": "PidMode"}[key]
    assert host[field] == "container:id-of-db"


def test_volumes_of_a_peer_keep_their_mode() -> None:
    made = app(volumes_from=["db:ro", "container:other:rw"])
    host = payload(made, target("1.44", peers={"db": "id-of-db"})).body["HostConfig"]
    assert host["VolumesFrom"] == ["id-of-db:ro", "other:rw"]


def test_an_inherited_volume_gives_way_to_what_the_file_mounts_there_now() -> None:
    volumes = [
        {"type": "volume", "source": "named", "target": "/named"},
        {"type": "volume", "target": "/anonymous"},
    ]
    inherited = tuple(InheritedVolume(name=f"v{t}", target=t) for t in ("/named", "/anonymous", "/image"))
    mounts = payload(app(volumes=volumes), target("1.44", inherited=inherited)).body["HostConfig"]["Mounts"]
    assert {mount["Target"]: mount.get("Source") for mount in mounts} == {
        "/named": "named",
        "/anonymous": "v/anonymous",
        "/image": "v/image",
    }


def test_a_seccomp_profile_is_sent_as_it_is_and_compact() -> None:
    made = app(security_opt=['seccomp={"defaultAction": "SCMP_ACT_ALLOW"}'])
    options = payload(made, target("1.44")).body["HostConfig"]["SecurityOpt"]
    assert options == ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']


def test_a_seccomp_profile_that_is_only_a_path_is_refused() -> None:
    with pytest.raises(Unsupported, match="seccomp"):
        payload(app(security_opt=["seccomp=./profile.json"]), target("1.44"))


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("0s", 0), ("1.5s", 1.5), (None, 0), ("2d", 172800)],
)
def test_durations_are_read(written: str | None, seconds: float) -> None:
    assert duration_ns(written) == seconds * SECOND_NS


@pytest.mark.parametrize("written", ["1x", "s", "1s 2m", "-1s"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration_ns(written)


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ("64m", 2**26),
        ("1gb", 2**30),
        ("1.5k", 1536),
        (77, 77),
        ("77", 77),
        (None, 0),
        ("-1", -1),
        ("2 MiB", 2**21),
    ],
)
def test_sizes_are_read(written: object, count: int) -> None:
    assert size_bytes(written) == count

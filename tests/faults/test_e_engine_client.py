"""Section E of the fault list, as far as one client and its Engine are concerned."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract.making import app_with, intent
from faults.unruly import (
    INFO,
    PING,
    Unruly,
    answer,
    cut_after,
    cut_reply,
    forward,
    hang,
    lose_reply,
    raw,
    trickle,
    unruly,
)
from lab.host import LabHost

from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.docker.docker_host import DockerHost
from gitops_orch.engine.labels import container_labels
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.errors import (
    Conflict,
    EngineError,
    HostUnreachable,
    ImageUnavailable,
    NotFound,
    Unsupported,
)
from gitops_orch.model.app import AppKey
from gitops_orch.model.host import Host
from gitops_orch.model.observed import Health, State

pytestmark = pytest.mark.waits

KEY = AppKey(namespace="default", name="faulty")
PATIENT = EngineSettings()
HURRIED = EngineSettings(deadline_s=0.6, pull_deadline_s=0.6)
# What is waited for here never occurs: a call that ends at all, ends by its deadline, however late a busy machine sees that.
IN_TIME_S = 30
NO_ANSWER = re.compile(r"no answer within \d+(\.\d)? s;")


def engine_at(url: str, settings: EngineSettings = PATIENT) -> DockerHost:
    return connect(Host(name="edge-1", url=url), settings)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Unruly]:
    with unruly(tmp_path / "s") as made:
        yield made


@pytest.fixture
def proxy(tmp_path: Path, engine_host: LabHost) -> Iterator[Unruly]:
    with unruly(tmp_path / "s", engine_host.unix.removeprefix("unix://")) as made:
        yield made


VERBS = {
    "observe": lambda engine: engine.observe(),
    "inspect": lambda engine: engine.inspect("x"),
    "create": lambda engine: engine.create(intent(app_with(KEY))),
    "start": lambda engine: engine.start("x"),
    "stop": lambda engine: engine.stop("x"),
    "remove": lambda engine: engine.remove("x"),
    "pull": lambda engine: engine.pull("stub:1"),
    "events": lambda engine: next(engine.events()),
    "logs": lambda engine: engine.logs("x", tail=5),
    "run_exec": lambda engine: engine.run_exec("x", ("true",)),
    "update": lambda engine: engine.update("x", {"Memory": 1}),
}


def fails_in_time(ask, kind=HostUnreachable) -> str:
    before = time.monotonic()
    with pytest.raises(kind) as caught:
        ask()
    assert time.monotonic() - before < IN_TIME_S
    assert "edge-1" in str(caught.value)
    return str(caught.value)


def test_e1_a_daemon_that_is_down_is_unreachable(tmp_path: Path) -> None:
    message = fails_in_time(lambda: engine_at(f"unix://{tmp_path}/none").observe())
    assert "No such file" in message


def test_e1_an_engine_that_comes_back_is_reached_again(tmp_path: Path) -> None:
    engine = engine_at(f"unix://{tmp_path}/s")
    fails_in_time(engine.observe)
    with unruly(tmp_path / "s") as server:
        _listings(server, [])
        assert engine.observe().engine_id == "engine-1"


@pytest.mark.parametrize("verb", VERBS)
def test_e2_an_engine_that_accepts_and_never_answers_ends_every_call_at_the_deadline(
    server: Unruly, verb: str
) -> None:
    server.on(".", hang)
    assert NO_ANSWER.search(fails_in_time(lambda: VERBS[verb](engine_at(server.url, HURRIED))))


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"events"}))
def test_e2_an_engine_that_hangs_after_it_negotiated_ends_every_call_at_the_deadline(
    server: Unruly, verb: str
) -> None:
    server.on(".", hang).on("_ping", raw(PING))
    assert NO_ANSWER.search(fails_in_time(lambda: VERBS[verb](engine_at(server.url, HURRIED))))


def test_e2_a_frozen_daemon_ends_an_observation_at_the_deadline(engine_host: LabHost) -> None:
    engine = engine_at(engine_host.unix, EngineSettings(deadline_s=5))
    engine.observe()
    with engine_host.paused():
        assert NO_ANSWER.search(fails_in_time(engine.observe))
    assert engine.observe().containers == ()


def test_e2_closing_ends_the_calls_under_way(server: Unruly) -> None:
    server.on("/info", hang)
    engine = engine_at(server.url, EngineSettings(deadline_s=60))
    threading.Timer(0.3, engine.close).start()
    assert "the connection was closed by us" in fails_in_time(engine._observer.root_dir)


@pytest.mark.parametrize(
    "content", [PING, PING.split(b"\r\n\r\n")[0] + b"\r\n\r\n" + b" " * 500], ids=["head", "body"]
)
def test_e3_an_engine_that_trickles_bytes_ends_every_call_at_the_deadline(
    server: Unruly, content: bytes
) -> None:
    server.on("info", trickle(content.replace(b"Length: 2", b"Length: 5000")))
    assert NO_ANSWER.search(fails_in_time(engine_at(server.url, HURRIED)._observer.root_dir))


@pytest.mark.parametrize("status", ["500 Internal Server Error", "503 Service Unavailable"])
def test_e4_a_read_is_tried_again_after_a_server_error(server: Unruly, status: str) -> None:
    server.on("json", answer(status, {"message": "busy"}), answer("200 OK", {"Id": "x" * 64}))
    assert engine_at(server.url).inspect("x").id == "x" * 64


def test_e4_a_lasting_server_error_tells_the_engines_words(server: Unruly) -> None:
    server.on("json", answer("500 Internal Server Error", {"message": "context deadline exceeded"}))
    message = fails_in_time(lambda: engine_at(server.url).inspect("x"), EngineError)
    assert "context deadline exceeded" in message


def test_e4_a_change_is_never_tried_again_unseen(server: Unruly) -> None:
    server.on("POST .*start", answer("500 Internal Server Error", {"message": "busy"}))
    fails_in_time(lambda: engine_at(server.url).start("x"), EngineError)
    assert server.asked("POST .*start") == 1


def test_e4_an_html_page_is_an_error(server: Unruly) -> None:
    server.on("json", answer("502 Bad Gateway", b"<html>nginx</html>", kind="text/html"))
    assert "nginx" in fails_in_time(lambda: engine_at(server.url).inspect("x"), EngineError)


def test_e4_a_page_that_says_200_is_not_taken_for_an_answer(server: Unruly) -> None:
    server.on("json", answer("200 OK", b"<html>login</html>", kind="text/html"))
    assert "cut off or no JSON" in fails_in_time(lambda: engine_at(server.url).inspect("x"))


def test_e4_truncated_json_is_not_taken_for_an_answer(server: Unruly) -> None:
    server.on("json", answer("200 OK", b'[{"Id": "x", "Names"'))
    assert "cut off or no JSON" in fails_in_time(lambda: engine_at(server.url).observe())


def test_e4_an_answer_that_is_cut_off_is_not_taken_for_one(server: Unruly) -> None:
    server.on("containers/json", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[{"))
    assert "IncompleteRead" in fails_in_time(lambda: engine_at(server.url).observe())


@pytest.mark.parametrize("listing", ["containers/json", "networks", "volumes", "images/json", "info"])
def test_e4_a_listing_that_fails_makes_the_host_unknown_never_emptier(server: Unruly, listing: str) -> None:
    _listings(server, [])
    server.on(listing, answer("500 Internal Server Error", {"message": "busy"}))
    assert "busy" in fails_in_time(lambda: engine_at(server.url).observe(), EngineError)


def test_e5_a_create_whose_reply_was_lost_is_found_again(proxy: Unruly, engine_host: LabHost) -> None:
    proxy.on("POST .*containers/create", lose_reply, forward)
    engine = engine_at(proxy.url, EngineSettings(deadline_s=10))
    wanted = intent(app_with(KEY))
    with pytest.raises(HostUnreachable):
        engine.create(wanted)
    container = engine.create(wanted)
    ours = engine.observe().owned
    assert [row.id for row in ours] == [container]


def test_e5_a_reply_that_was_cut_is_as_good_as_lost(proxy: Unruly) -> None:
    proxy.on("POST .*containers/create", cut_reply, forward)
    engine = engine_at(proxy.url, EngineSettings(deadline_s=10))
    wanted = intent(app_with(KEY))
    with pytest.raises(HostUnreachable):
        engine.create(wanted)
    assert engine.create(wanted) == engine.inspect(wanted.name).id


@pytest.mark.parametrize(
    "line",
    [
        b'{"error": "toomanyrequests: rate limit"}\n',
        b'{"errorDetail": {"message": "x"}, "error": "no matching manifest for linux/amd64"}\n',
    ],
)
def test_e6_a_pull_that_ends_in_an_error_line_is_an_unavailable_image(server: Unruly, line: bytes) -> None:
    server.on("images/create", answer("200 OK", b'{"status": "Pulling"}\n' + line))
    message = fails_in_time(lambda: engine_at(server.url).pull("shop/api:2"), ImageUnavailable)
    assert "shop/api:2" in message


@pytest.mark.parametrize("status", ["404 Not Found", "500 Internal Server Error"])
def test_e6_a_pull_that_is_refused_is_an_unavailable_image(server: Unruly, status: str) -> None:
    server.on("images/create", answer(status, {"message": "manifest unknown"}))
    message = fails_in_time(lambda: engine_at(server.url).pull("shop/api:2"), ImageUnavailable)
    assert "manifest unknown" in message


def test_e6_an_image_that_the_registry_does_not_have_is_unavailable(engine_host: LabHost, registry) -> None:
    engine = engine_at(engine_host.unix, EngineSettings())
    with pytest.raises(ImageUnavailable, match="absent"):
        engine.pull(f"{registry.address}/absent:1")


@pytest.mark.parametrize(
    "at",
    [b"HTTP/1.1 200 OK\r\nApi", b"HTTP/1.1 200 OK\r\n", b'"status":'],
    ids=["within a header", "between headers", "body"],
)
def test_e7_a_pull_that_is_cut_is_never_taken_for_the_image_that_its_tag_had_before(
    proxy: Unruly, engine_host: LabHost, registry, at: bytes
) -> None:
    engine = engine_at(proxy.url, EngineSettings(deadline_s=10, pull_deadline_s=10))
    before = engine.pull(registry.push(engine_host, "stub:1", name="shop/cut:1"))
    image = registry.push(engine_host, "stub:2", name="shop/cut:1")
    with engine_host.client() as client:
        client.tag(before.id, *image.rsplit(":", 1))
    proxy.on("images/create", cut_after(at), forward)
    with pytest.raises((HostUnreachable, ImageUnavailable)):
        engine.pull(image)
    assert engine.pull(image).id != before.id


def test_c15_a_registry_that_does_not_answer_is_trouble_of_the_image_and_not_of_the_host(
    server: Unruly,
) -> None:
    server.on("images/.*json", answer("404 Not Found", {"message": "no such image"}))
    server.on("images/create", hang)
    message = fails_in_time(lambda: engine_at(server.url, HURRIED).pull("shop/api:2"), ImageUnavailable)
    assert "shop/api:2 cannot be pulled: it did not succeed within 0.6 s" in message


def test_e10_a_container_that_ends_while_its_restart_policy_is_changed_is_asked_for_again(
    server: Unruly,
) -> None:
    ending = "runc did not terminate successfully: exit status 1: container not running"
    refused = answer(
        "500 Internal Server Error", {"message": f"Cannot update container x: {ending}: unknown"}
    )
    server.on("/update", refused, answer("200 OK", {"Warnings": []}))
    engine_at(server.url).update("x", {"RestartPolicy": {"Name": "no"}})
    assert server.asked("/update") == 2
    server.on("/update", refused)
    with pytest.raises(EngineError, match="container not running"):
        engine_at(server.url).update("x", {"RestartPolicy": {"Name": "no"}})


def test_a_pull_brings_id_digest_and_progress(engine_host: LabHost, registry) -> None:
    reference = registry.push(engine_host, "stub:2", name="shop/web:1")
    engine = engine_at(engine_host.unix, EngineSettings())
    lines: list[str] = []
    pulled = engine.pull(reference, progress=lines.append)
    assert pulled.digests[0].startswith(f"{registry.address}/shop/web@sha256:")
    assert lines
    assert engine.pull(pulled.digests[0]) == pulled


def test_e14_a_removal_under_way_is_waited_for(server: Unruly) -> None:
    busy = answer("409 Conflict", {"message": "removal of container x is already in progress"})
    server.on("DELETE", busy, busy, answer("404 Not Found", {"message": "No such container: x"}))
    engine_at(server.url, EngineSettings(deadline_s=5)).remove("x")
    assert server.asked("DELETE") == 3


def test_e14_a_removal_that_never_ends_is_an_error_at_the_deadline(server: Unruly) -> None:
    server.on("DELETE", answer("500 Internal Server Error", {"message": "device or resource busy"}))
    message = fails_in_time(lambda: engine_at(server.url, HURRIED).remove("x"), EngineError)
    assert "device or resource busy" in message


def test_e12_a_foreign_container_under_our_name_is_a_conflict_and_stays(engine_host: LabHost) -> None:
    wanted = intent(app_with(KEY))
    with engine_host.client() as client:
        foreign = client.create_container("stub:1", name=wanted.name)["Id"]
        with pytest.raises(Conflict, match=wanted.name):
            engine_at(engine_host.unix, EngineSettings()).create(wanted)
        assert client.inspect_container(foreign)["State"]["Status"] == "created"


def test_e15_a_container_that_ignores_the_signal_is_killed_after_its_grace(engine_host: LabHost) -> None:
    engine = engine_at(engine_host.unix, EngineSettings())
    stubborn = app_with(KEY, command=["sh", "-c", "trap '' TERM; sleep 100"], stop_grace_period="1s")
    container = engine.create(intent(stubborn))
    engine.start(container)
    before = time.monotonic()
    engine.stop(container)
    assert time.monotonic() - before < 10
    assert engine.inspect(container).details.exit_code == 137


def test_e23_an_engine_that_is_too_old_is_refused_in_words(server: Unruly) -> None:
    server.on("_ping", raw(PING.replace(b"1.41", b"1.30")))
    message = fails_in_time(lambda: engine_at(server.url).observe(), Unsupported)
    assert "1.30" in message
    assert "20.10" in message


@pytest.mark.parametrize(("offered", "spoken"), [("1.41", "1.41"), ("1.60", "1.49")])
def test_e23_the_newest_version_that_both_know_is_spoken(server: Unruly, offered: str, spoken: str) -> None:
    server.on("_ping", raw(PING.replace(b"1.41", offered.encode())))
    _listings(server, [])
    assert engine_at(server.url).observe().api_version == spoken
    assert server.asked(f"/v{spoken}/info") == 1


def test_e23_what_this_engine_cannot_do_names_both_versions(server: Unruly) -> None:
    wanted = intent(app_with(KEY, annotations={"a": "b"}))
    message = fails_in_time(lambda: engine_at(server.url).create(wanted), Unsupported)
    assert "1.43" in message
    assert "1.41" in message
    assert server.asked("POST") == 0


def test_e28_nulls_and_absent_fields_are_read_as_nothing(server: Unruly) -> None:
    ours = intent(app_with(KEY))
    row = {
        "Id": "x",
        "Names": None,
        "Labels": container_labels("default", ours),
        "State": "vanishing",
        "Mounts": None,
        "Ports": None,
        "NetworkSettings": None,
        "Status": None,
    }
    _listings(server, [row])
    server.on(
        "containers/x/json", answer("200 OK", {"Id": "x", "Config": None, "State": None, "HostConfig": None})
    )
    found = engine_at(server.url).observe().containers[0]
    assert (found.state, found.health, found.networks) == (State.DEAD, Health.NONE, ())
    assert found.details.environment == ()


def test_a_container_that_goes_away_between_listing_and_inspection_is_gone(server: Unruly) -> None:
    _listings(server, [{"Id": "x", "Labels": container_labels("default", intent(app_with(KEY)))}])
    server.on("containers/x/json", answer("404 Not Found", {"message": "No such container: x"}))
    assert engine_at(server.url).observe().containers == ()


def test_e29_five_thousand_foreign_containers_are_listed(server: Unruly) -> None:
    rows = [
        {"Id": f"{n:064}", "Names": [f"/c{n}"], "State": "running", "Labels": {"l": "x" * 3500}}
        for n in range(5000)
    ]
    _listings(server, rows)
    engine = engine_at(server.url, EngineSettings(deadline_s=30))
    assert len(engine.observe().containers) == 5000


def _listings(server: Unruly, containers: list[object]) -> None:
    server.on("info", answer("200 OK", INFO))
    server.on("containers/json", answer("200 OK", containers))
    server.on("networks", answer("200 OK", []))
    server.on("volumes", answer("200 OK", {"Volumes": None}))
    server.on("images/json", answer("200 OK", []))


def test_a_missing_container_is_not_found(server: Unruly) -> None:
    server.on("json", answer("404 Not Found", {"message": "No such container: x"}))
    with pytest.raises(NotFound, match="edge-1"):
        engine_at(server.url).inspect("x")

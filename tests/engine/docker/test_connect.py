"""A host is reached as its document says, and in no weaker way."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from git_servers import ssh_forge
from lab.certificates import renew_client
from lab.commands import wait_for
from lab.host import LabHost

from gitops_orch.engine.base import Engine
from gitops_orch.engine.docker.connect import connect
from gitops_orch.engine.settings import EngineSettings
from gitops_orch.errors import HostUnreachable, SettingsError
from gitops_orch.model.host import Host, Tls

SETTINGS = EngineSettings(deadline_s=10)


def mutual(host: LabHost, **changes: str | None) -> Host:
    files = host.spec.certificates
    paths = {"ca": str(files.ca), "cert": str(files.cert("client")), "key": str(files.key("client"))}
    return Host(name="edge-1", url=host.tcp, tls=Tls(**{**paths, **changes}))


def test_plaintext_is_refused_unless_it_is_asked_for() -> None:
    with pytest.raises(SettingsError, match=r"edge-1.*no TLS.*insecure: true"):
        connect(Host(name="edge-1", url="tcp://127.0.0.1:2375"), SETTINGS)


@pytest.mark.parametrize("url", ["http://h:1", "tcp://", "docker", "npipe:////./pipe/docker"])
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="edge-1"):
        connect(Host(name="edge-1", url=url, insecure=True), SETTINGS)


def test_tls_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"edge-1.*TLS files"):
        connect(Host(name="edge-1", url="tcp://h:2376", tls=Tls(ca=str(tmp_path / "none.pem"))), SETTINGS)


def test_nothing_is_sent_before_the_first_call() -> None:
    engine = connect(Host(name="edge-1", url="unix:///nowhere/docker.sock"), SETTINGS)
    engine.close()
    assert engine.name == "edge-1"


def test_plaintext_works_where_it_is_asked_for(engine_host: LabHost) -> None:
    engine = connect(Host(name="edge-1", url=engine_host.tcp, insecure=True), SETTINGS)
    assert engine.observe().engine_id
    engine.close()


def test_mutual_tls_works(tls_host: LabHost) -> None:
    engine = connect(mutual(tls_host), SETTINGS)
    assert engine.observe().engine_id
    engine.close()


def test_e24_an_expired_certificate_makes_the_host_unknown_until_it_is_renewed(tls_host: LabHost) -> None:
    files = tls_host.spec.certificates
    engine = connect(mutual(tls_host), SETTINGS)
    try:
        renew_client(files, expired=True)
        with pytest.raises(HostUnreachable, match=r"edge-1.*certificate"):
            engine.observe()
    finally:
        renew_client(files)
    assert engine.observe().engine_id
    engine.close()


def test_an_engine_whose_authority_is_not_ours_is_unreachable(tls_host: LabHost) -> None:
    with pytest.raises(HostUnreachable, match=r"edge-1.*certificate"):
        connect(mutual(tls_host, ca=None), SETTINGS).observe()


def test_an_engine_that_wants_our_certificate_is_unreachable_without_it(tls_host: LabHost) -> None:
    with pytest.raises(HostUnreachable, match="edge-1"):
        connect(mutual(tls_host, cert=None, key=None), SETTINGS).observe()


def test_a_frozen_engine_over_tls_ends_the_call_at_the_deadline(tls_host: LabHost) -> None:
    engine = connect(mutual(tls_host), EngineSettings(deadline_s=3))
    engine.observe()
    with tls_host.paused(), pytest.raises(HostUnreachable, match="no answer within"):
        engine.observe()
    engine.close()


def test_a_host_that_is_cut_off_is_unreachable_and_comes_back(engine_host: LabHost) -> None:
    engine = connect(Host(name="edge-1", url=engine_host.tcp, insecure=True), EngineSettings(deadline_s=3))
    first = engine.observe()
    with engine_host.cut_off(), pytest.raises(HostUnreachable, match="edge-1"):
        engine.observe()
    wait_for("the host", lambda: _engine_id(engine) == first.engine_id)
    engine.close()


def _engine_id(engine: Engine) -> str:
    with suppress(HostUnreachable):  # on a loaded machine its first answer takes longer than the deadline
        return engine.observe().engine_id
    return ""


def _ssh_config(folder: Path, key: Path, known_hosts: Path) -> str:
    config = folder / "ssh_config"
    config.write_text(f"IdentityFile {key}\nIdentitiesOnly yes\nUserKnownHostsFile {known_hosts}\n")
    return str(config)


def _children() -> set[int]:
    """The pids of the ssh processes that this test process started."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if "Name:\tssh\n" in text and f"PPid:\t{os.getpid()}\n" in text:
            found.add(int(status.parent.name))
    return found


def test_ssh_is_one_tunnel_per_host_and_leaves_nothing(engine_host: LabHost, tmp_path: Path) -> None:
    with ssh_forge(Path(engine_host.unix.removeprefix("unix://")), tmp_path) as forge:
        config = _ssh_config(tmp_path, forge.key, forge.known_hosts)
        engine = connect(Host(name="edge-1", url=forge.url), EngineSettings(deadline_s=10, ssh_config=config))
        for _ in range(3):
            assert engine.observe().engine_id
        assert len(_children()) == 1
        engine.close()
        assert _children() == set()


def test_a_tunnel_that_drops_is_opened_again(engine_host: LabHost, tmp_path: Path) -> None:
    with ssh_forge(Path(engine_host.unix.removeprefix("unix://")), tmp_path) as forge:
        config = _ssh_config(tmp_path, forge.key, forge.known_hosts)
        engine = connect(Host(name="edge-1", url=forge.url), EngineSettings(deadline_s=10, ssh_config=config))
        engine.observe()
        dropped = _children()
        for pid in dropped:
            os.kill(pid, signal.SIGKILL)

        def observed() -> bool:
            try:
                return bool(engine.observe().engine_id)
            except HostUnreachable:
                return False

        wait_for("a new tunnel", observed)
        (opened,) = _children() - dropped
        assert _children() == {opened}
        engine.close()
        assert _children() == set()


def test_an_unknown_host_key_is_never_accepted(engine_host: LabHost, tmp_path: Path) -> None:
    with ssh_forge(Path(engine_host.unix.removeprefix("unix://")), tmp_path) as forge:
        config = _ssh_config(tmp_path, forge.key, tmp_path / "empty")
        engine = connect(Host(name="edge-1", url=forge.url), EngineSettings(deadline_s=10, ssh_config=config))
        with pytest.raises(HostUnreachable, match="ssh: Host key verification failed"):
            engine.observe()
        engine.close()

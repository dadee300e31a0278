"""What an Engine sends as an archive is read as one: within its size, and all of it or nothing."""

import gzip
import io
import tarfile

import pytest

from gitops_orch.engine.files.archive import first_file, stale_paths
from gitops_orch.engine.files.directory_listing import read_listing
from gitops_orch.engine.files.host_records import record_content, record_name, records_in
from gitops_orch.model.app import FileMount
from gitops_orch.model.host_files import NO_FILE

RECORD = record_content("data", {"a.conf": ("0" * 64,)})
HOLES = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 50), "GNU.sparse.name": "r/x"}  # fmt: skip


def archive(name: str, content: bytes, pax: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={}) as tar:
        member = tarfile.TarInfo(name)
        member.size, member.pax_headers = len(content), pax or {}
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


RECORDS = archive(f"b/{record_name(RECORD)}", RECORD)
READERS = {
    "records": records_in,
    "first file": first_file,
    "stale paths": lambda content: stale_paths(content, FileMount(target="/data", digest="", entries=(), directory=True, secret=False)),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_a_packed_archive_is_not_unpacked(name):
    with pytest.raises(tarfile.TarError):
        READERS[name](gzip.compress(RECORDS))


def test_records_are_read_by_directory_and_name():
    assert records_in(RECORDS) == {"b": {record_name(RECORD): {"a.conf": frozenset({"0" * 64})}}}


@pytest.mark.parametrize("damage", [b"\1" * 512, b"error: a file is gone".ljust(512)])
def test_a_record_behind_a_damaged_place_is_not_taken_for_none(damage):
    with pytest.raises((ValueError, tarfile.TarError)):
        records_in(RECORDS[:1024] + damage + RECORDS)


def test_a_file_that_claims_to_be_endless_is_none():
    claims = archive("r/x", b"1\n0\n1\n".ljust(512, b"\0"), HOLES)
    assert first_file(claims) == b""
    assert records_in(claims) == {}
    directory = tarfile.TarInfo("r/")
    directory.type = tarfile.DIRTYPE
    assert read_listing(iter([directory.tobuf() + claims]), 1 << 20, 60).copy("x").digest == NO_FILE

"""A directory of a host in one answer: all of it or nothing."""

import io
import tarfile

import pytest

from gitops_orch.engine.listing import CutOff, TooMuch, read_listing
from gitops_orch.model.host_files import NO_FILE


def archive(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc" if kind == tarfile.SYMTYPE else ""
            member.size = 5 if kind == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(b"hello"))
    return buffer.getvalue()


TREE = archive(
    ("data/", tarfile.DIRTYPE),
    ("data/a", tarfile.REGTYPE),
    ("data/link", tarfile.SYMTYPE),
    ("data/pipe", tarfile.FIFOTYPE),
    ("data/sub/", tarfile.DIRTYPE),
    ("data/sub/b", tarfile.REGTYPE),
)


def listing(content: bytes, bytes_max: int = 1 << 20, seconds_max: float = 60):
    return read_listing(iter([content[:700], content[700:]]), bytes_max, seconds_max)


@pytest.mark.parametrize("path", ["link", "pipe", "sub", "a/x", "link/x"])
def test_what_is_no_plain_file_is_none(path):
    assert listing(TREE).copy(path).digest == NO_FILE


@pytest.mark.parametrize("path", ["b", "sub/c", "sub/sub/c"])
def test_what_is_not_there_is_absent(path):
    assert listing(TREE).copy(path) is None


def test_all_that_is_no_directory_is_below_one():
    assert listing(TREE).below("sub") == {"sub/b"}


@pytest.mark.parametrize("length", [0, 512, 1024, 1500, len(TREE.rstrip(b"\0")) + 100])
def test_an_archive_that_is_cut_off_is_never_a_smaller_directory(length):
    with pytest.raises(CutOff):
        listing(TREE[:length])


def test_an_archive_beyond_the_limit_is_not_read_to_its_end():
    with pytest.raises(TooMuch):
        listing(TREE, 1000)


def test_an_archive_that_takes_too_long_is_not_read_to_its_end():
    with pytest.raises(TooMuch):
        listing(TREE, seconds_max=-1)

"""A directory of a host in one answer: all of it or nothing."""

import io
import tarfile
from hashlib import sha256

import pytest

from gitops_orch.engine.files.directory_listing import CutOff, TooMuch, read_listing
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


def content_archive(*files: tuple[str, bytes]) -> bytes:
    """Return an archive of the directory `data`, one header, and of these files in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        directory = tarfile.TarInfo("data/")
        directory.type = tarfile.DIRTYPE
        tar.addfile(directory)
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
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


@pytest.mark.parametrize("cut", [0, 512, 1024, 4096])
def test_the_zeros_at_the_end_of_a_file_are_no_end_of_an_archive(cut):
    whole = content_archive(("data/a", bytes(8192)), ("data/b", b"x"))
    with pytest.raises(CutOff):
        listing(whole[: 2 * 512 + 8192 - cut])


@pytest.mark.parametrize(
    "header",
    [b"\1" * 512, b"error: file is shorter".ljust(512), bytes(512) + b"x" * 512],
    ids=["garbled", "an error", "zeros in between"],
)
def test_what_is_no_header_does_not_end_an_archive(header):
    whole = content_archive(("data/a", b"x"), ("data/b", b"x"))
    with pytest.raises(CutOff):
        listing(whole[: 3 * 512] + header + bytes(1024))


def test_an_archive_of_nothing_is_no_empty_directory():
    with pytest.raises(CutOff):
        listing(archive())


def test_an_archive_without_its_directory_is_not_all_of_it():
    with pytest.raises(CutOff):
        listing(archive(("data/a", tarfile.REGTYPE)))


def test_a_file_is_known_by_itself():
    assert listing(archive(("a", tarfile.REGTYPE))).found[""].digest == sha256(b"hello").hexdigest()


@pytest.mark.parametrize("zeros", [0, 511, 8192])
def test_a_file_of_zeros_is_read_as_any_other(zeros):
    assert (
        listing(content_archive(("data/a", bytes(zeros)))).copy("a").digest
        == sha256(bytes(zeros)).hexdigest()
    )


def test_an_archive_beyond_the_limit_is_not_read_to_its_end():
    with pytest.raises(TooMuch):
        listing(TREE, 1000)


def test_an_archive_that_takes_too_long_is_not_read_to_its_end():
    with pytest.raises(TooMuch):
        listing(TREE, seconds_max=-1)

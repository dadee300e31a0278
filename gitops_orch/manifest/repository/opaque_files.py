"""Recognises files without their real content: encrypted files, and pointers to content in another storage."""

import re

_HEAD_BYTES = 256
_SOPS_VALUE = b"ENC[AES256_GCM,data:"
# Where SOPS writes its own record, in YAML, JSON, dotenv and INI files.
_SOPS_RECORD = re.compile(
    rb'^(?:sops:[ \t]*$|[ \t]*"sops":[ \t]*\{|sops_(?:version|mac)=|\[sops\])', re.MULTILINE
)
_NOT_DECRYPTED = (
    "and gitops-orch cannot decrypt files; do not commit it decrypted: keep its content out of Git, in a file on the host, "
    "and mount that file by its absolute path"
)
_HEADS = (
    (
        b"version https://git-lfs.github.com/spec/",
        "is a pointer of Git LFS, and not the file; commit the file itself",
    ),
    (b"/annex/objects/", "is a pointer of git-annex, and not the file; commit the file itself"),
    (b"$ANSIBLE_VAULT;", f"is encrypted by ansible-vault, {_NOT_DECRYPTED}"),
    (b"\0GITCRYPT\0", f"is encrypted by git-crypt, {_NOT_DECRYPTED}"),
    (
        b"-----BEGIN AGE ENCRYPTED FILE-----",
        f"is encrypted by age, {_NOT_DECRYPTED}",
    ),
    (b"age-encryption.org/v1", f"is encrypted by age, {_NOT_DECRYPTED}"),
    (b"-----BEGIN PGP MESSAGE-----", f"is encrypted by PGP, {_NOT_DECRYPTED}"),
)
_STARTS = tuple(start for start, _ in _HEADS)


def disguise(content: bytes) -> str:
    """Return why the content of a file is not its real content, for the end of a sentence; "" where it is."""
    head = content[:_HEAD_BYTES].lstrip(b"\xef\xbb\xbf\r\n\t ")
    if head.startswith(_STARTS):
        return next(reason for start, reason in _HEADS if head.startswith(start))
    if _SOPS_VALUE in content and _SOPS_RECORD.search(content):
        return f"is encrypted by SOPS, {_NOT_DECRYPTED}"
    return ""

"""Checks the address of the configuration repository, and passes credentials and settings to git safely.

Git gets these through its environment and through our own configuration file. They are never in its arguments, which
every user of the machine can list. The configuration files of the user who started us are not used.
"""

import base64
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from gitops_orch.errors import SettingsError
from gitops_orch.model.rules.addresses import is_loopback
from gitops_orch.redaction import MASK, learn_login

HTTP = ("http", "https")
SCHEMES = ("file", "https", "http", "ssh")
TOKEN_BYTES_MAX = 16_384
TOKEN_USER = "x-access-token"  # noqa: S105  forges ignore the user name and check only the token
LOW_SPEED_BYTES_PER_S = 1000
LOW_SPEED_S = 30
CONNECT_S = 10

_SCP_LIKE = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9_][A-Za-z0-9_.-]*:(?!//)[^:\s].*")
_OTHER_SCHEMES = frozenset({*SCHEMES, "ftp", "ftps", "git", "git+ssh", "git+https", "rsync"})
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_BRANCH = re.compile(r"(?!-)[^\x00-\x20\x7f~^:?*\[\\]+")

# Old commits have harmless format errors. Submodules are never initialised, so .gitmodules has no effect.
_FSCK_TOLERATED = (
    "badTimezone",
    "missingSpaceBeforeDate",
    "zeroPaddedFilemode",
    "gitmodulesBlob",
    "gitmodulesLarge",
    "gitmodulesMissing",
    "gitmodulesName",
    "gitmodulesParse",
    "gitmodulesPath",
    "gitmodulesSymlink",
    "gitmodulesUpdate",
    "gitmodulesUrl",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """The repository and the branch with the configuration; `path` is the managed directory in it."""

    url: str
    branch: str = "main"
    path: str = "."
    ssh_key: Path | None = None
    known_hosts: Path | None = None
    token_file: Path | None = None
    allow_force_push: bool = False
    deadline_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A checked address: `url` is passed to git and has no password; `name` is its last segment without `.git`."""

    url: str
    scheme: str
    host: str
    name: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def local_path(self) -> Path | None:
        """Return the directory of a `file://` URL, or None."""
        return Path(unquote(urlsplit(self.url).path)) if self.scheme == "file" else None


def check_address(text: str) -> Access:
    """Return the checked address for git; SettingsError if its scheme is not allowed or it could be an option."""
    if text.startswith("/") and not _CONTROL.search(text):
        text = "file://" + quote(text)
    if not text or text.startswith("-") or _CONTROL.search(text):
        raise _refuse(text)
    if "://" not in text:
        return _scp_address(text)
    parts = _split(text)
    if parts.scheme not in SCHEMES or not parts.path.strip("/") or (parts.hostname or "").startswith("-"):
        raise _refuse(text)
    if (parts.scheme == "file") != (not parts.hostname) or (parts.username or "").startswith("-"):
        raise _refuse(text)
    place = parts.netloc.rpartition("@")[2]
    user = unquote(parts.username or "")
    shown = f"{quote(user)}@{place}" if user and parts.scheme == "ssh" else place
    return Access(
        url=parts._replace(netloc=shown, query="", fragment="").geturl(),
        scheme=parts.scheme,
        host=parts.hostname or "",
        name=_last_segment(unquote(parts.path)),
        user=user,
        password=unquote(parts.password or ""),
    )


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # reading it checks it
    except ValueError:  # an unclosed bracket, an invalid port
        raise _refuse(text) from None
    return parts


def check_branch(branch: str) -> str:
    """Return the branch's name; SettingsError if Git does not allow it as a name."""
    bad = ".." in branch or "@{" in branch or "//" in branch or branch.endswith((".", "/", ".lock"))
    if bad or not _BRANCH.fullmatch(branch):
        raise SettingsError(
            f'the branch "{branch!a}" is not a name that Git allows', hint="correct repository.branch"
        )
    return branch


def check_path(path: str) -> str:
    """Return a directory in Git's form, "" for the root; SettingsError if it is outside of the repository."""
    parts = [part for part in path.strip("/").split("/") if part not in ("", ".")]
    if ".." in parts or _CONTROL.search(path.replace(" ", "")):
        raise SettingsError(
            f'the path "{path!a}" leaves the repository', hint="name a directory below its root"
        )
    return "/".join(parts)


def read_token(access: Access, token_file: Path | None) -> str:
    """Return the token to send, or ""; redact it in all output from now on.

    The file is read each time, because tokens are rotated. In `https://TOKEN@host` the user is the token.
    """
    token = _token(access, token_file)
    learn_login(_login_user(access, token), token)
    return token


def _token(access: Access, token_file: Path | None) -> str:
    if token_file is None:
        return access.password or (access.user if access.scheme in HTTP else "")
    try:
        with token_file.open("rb") as stream:
            token = stream.read(TOKEN_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the token file {token_file} cannot be read: {error}", hint="correct repository.token_file"
        ) from error
    if not token or _CONTROL.search(token):
        raise SettingsError(
            f"the token file {token_file} does not hold one token", hint="write the token alone into it"
        )
    return token


def environment(access: Access, settings: SourceSettings, config: Path, token: str) -> dict[str, str]:
    """Return git's environment, with the token; SettingsError if the token would be sent unencrypted."""
    variables = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": access.scheme,  # applies to redirects, too
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "SSH_ASKPASS_REQUIRE": "never",
        # libcurl would read ~/.netrc, and git the attributes below XDG_CONFIG_HOME; neither file is ours. ssh finds its
        # files by the user database, so it is not affected.
        "HOME": str(config.parent),
        "XDG_CONFIG_HOME": str(config.parent),
    }
    if access.scheme == "ssh":
        variables["GIT_SSH_COMMAND"] = _ssh_command(settings)
    elif token and access.scheme in HTTP:
        variables |= _http_login(access, token)
    return variables


def _http_login(access: Access, token: str) -> Mapping[str, str]:
    if access.scheme == "http" and not is_loopback(access.host):
        raise SettingsError(
            f"the token would travel to {access.host} unencrypted", hint="use an https:// URL, or no token"
        )
    login = base64.b64encode(f"{_login_user(access, token)}:{token}".encode()).decode()
    pairs = (
        ("http.extraHeader", f"Authorization: Basic {login}"),
        # Git would send the header to the host of a redirect, too.
        ("http.followRedirects", "false"),
    )
    counted = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs):
        counted |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return counted


def _login_user(access: Access, token: str) -> str:
    return access.user if access.user and access.user != token else TOKEN_USER


def config_text(access: Access, mirror: Path) -> str:
    """Return the configuration file that replaces the user's: no credential helpers, and all objects are checked.

    With `file://` the remote side reads this file, too. So it must not disable a repository's protection: no hooksPath.
    """
    trusted = [mirror]
    # The owner of the directory may be another user. The settings name it, so it is trusted.
    if (place := access.local_path) is not None:
        trusted += [place, place / ".git"]
    lines = [
        "[core]\n\tlogAllRefUpdates = false\n\tbigFileThreshold = 16m",
        "[safe]",
        *(f"\tdirectory = {_quoted(str(path))}" for path in trusted),
        "[transfer]\n\tfsckObjects = true",
        # A pack appears completely or not at all; loose objects of an interrupted fetch could look like a whole commit.
        "[fetch]\n\tunpackLimit = 1\n\trecurseSubmodules = false",
        '[fetch "fsck"]',
        *(f"\t{name} = ignore" for name in _FSCK_TOLERATED),
        "[fsck]",
        *(f"\t{name} = ignore" for name in _FSCK_TOLERATED),
        "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false",
        "[pack]\n\tthreads = 1\n\twindowMemory = 64m",
        f"[http]\n\tlowSpeedLimit = {LOW_SPEED_BYTES_PER_S}\n\tlowSpeedTime = {LOW_SPEED_S}",
        "[credential]\n\thelper =",
    ]
    return "\n".join(lines) + "\n"


def _check_readable(name: str, file: Path | None) -> None:
    """Raise SettingsError if a file of the settings is unreadable; ssh would only report a failed login."""
    try:
        if file is not None:
            with file.open("rb"):
                pass
    except OSError as error:
        raise SettingsError(
            f"repository.{name} names {file}, which cannot be read: {error.strerror}",
            hint="correct the path, or the owner of the file",
        ) from error


def _ssh_command(settings: SourceSettings) -> str:
    _check_readable("ssh_key", settings.ssh_key)
    _check_readable("known_hosts", settings.known_hosts)
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "ConnectTimeout": str(CONNECT_S),
        "ServerAliveInterval": "10",
        "ServerAliveCountMax": "3",
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "ClearAllForwardings": "yes",
        "PermitLocalCommand": "no",
    }
    if settings.known_hosts is not None:
        options["UserKnownHostsFile"] = _quoted(str(settings.known_hosts))
        options["GlobalKnownHostsFile"] = "/dev/null"
    words = ["ssh"]
    if settings.ssh_key is not None:
        words += ["-i", str(settings.ssh_key)]
        options["IdentitiesOnly"] = "yes"
    for key, value in options.items():
        words += ["-o", f"{key}={value}"]
    return shlex.join(words)


def _scp_address(text: str) -> Access:
    if not _SCP_LIKE.fullmatch(text):
        raise _refuse(text)
    host, _, path = text.partition(":")
    user, _, name = host.rpartition("@")
    # `https:/user:token@host` and `user:token@host/path` are typing errors that would put a token on a command line.
    is_slip = name in _OTHER_SCHEMES or (not user and "@" in path)
    if is_slip or path.startswith("-") or not path.strip("/"):
        raise _refuse(text)
    return Access(url=text, scheme="ssh", host=name, user=user, name=_last_segment(path))


def _refuse(text: str) -> SettingsError:
    # An invalid address can contain a token anywhere before the last @.
    shown = re.sub(r"\A([A-Za-z][A-Za-z0-9+.-]*:/*)?.*@", rf"\1{MASK}@", text, flags=re.DOTALL)
    return SettingsError(
        f'the repository "{shown!a}" is not an address that we open',
        hint=f"use {', '.join(scheme + '://' for scheme in SCHEMES)}, user@host:path or an absolute directory",
    )


def _last_segment(path: str) -> str:
    return path.rstrip("/").removesuffix("/.git").rpartition("/")[2].rpartition(":")[2].removesuffix(".git")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

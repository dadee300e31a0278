"""Certificates for Engines over TLS: those of a test authority, a server and a client, valid for two days."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.commands import run

DAYS = "2"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Files in PEM form, for `spec.tls` of a Host document and for the Engines."""

    directory: Path

    @property
    def ca(self) -> Path:
        """Return the authority's certificate."""
        return self.directory / "ca.pem"

    def cert(self, owner: str) -> Path:
        """Return the certificate of `client` or `server`."""
        return self.directory / f"{owner}.pem"

    def key(self, owner: str) -> Path:
        """Return the private key of `client` or `server`."""
        return self.directory / f"{owner}-key.pem"


def make_certificates(directory: Path, addresses: Sequence[str]) -> Certificates:
    """Write an authority, certificates for Engines at these addresses, and one for a client, into a new directory."""
    directory.mkdir(mode=0o700)
    created = Certificates(directory=directory)
    authority = ("-x509", "-days", DAYS, "-subj", "/CN=lab authority")
    run("openssl", "req", *authority, *KEY, "-keyout", str(created.key("ca")), "-out", str(created.ca))
    names = ",".join(f"IP:{address}" for address in addresses)
    _sign(created, "server", f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")
    _sign(created, "client", "extendedKeyUsage=clientAuth\n")
    return created


def renew_client(created: Certificates, *, expired: bool = False) -> None:
    """Replace the client's certificate by one that is valid from now on, or that expired yesterday."""
    days = "-1" if expired else DAYS
    _sign(created, "client", "extendedKeyUsage=clientAuth\n", days=days)


def _sign(created: Certificates, owner: str, extensions: str, *, days: str = DAYS) -> None:
    request, file = created.directory / f"{owner}.csr", created.directory / f"{owner}.ext"
    file.write_text(extensions)
    run(
        "openssl",
        "req",
        *KEY,
        "-subj",
        f"/CN={owner}",
        "-keyout",
        str(created.key(owner)),
        "-out",
        str(request),
    )
    signer = ("-CA", str(created.ca), "-CAkey", str(created.key("ca")), "-CAcreateserial")
    out = ("-days", days, "-extfile", str(file), "-out", str(created.cert(owner)))
    run("openssl", "x509", "-req", "-in", str(request), *signer, *out)

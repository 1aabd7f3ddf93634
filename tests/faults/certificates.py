"""Certificates made with openssl: good, expired, for another host."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_REQUEST = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
# What RFC 5280 asks of an authority and of what it issues: Python 3.13 and newer insist on it.
_EXTENSIONS = """\
basicConstraints=critical,CA:{authority}
keyUsage=critical,digitalSignature{signs}
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName={name}
"""
# `x509 -days` takes no time that is over in OpenSSL 3.5, and 3.0 knows dates in `ca` alone.
_SIGNER = """\
[ca]
default_ca=here
[here]
database=index
new_certs_dir=.
default_md=sha256
rand_serial=yes
policy=any
[any]
commonName=supplied
"""


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key. Self-signed, its file is also its authority's."""

    file: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What a server with this certificate needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


def make(
    folder: Path, *, name: str = "IP:127.0.0.1", days: int = 2, issuer: Certificate | None = None
) -> Certificate:
    """A certificate for *name*, an alternative name as openssl writes it.

    Args:
        folder: an empty folder for its files.
        name: whose it is.
        days: how long it is good from now on; below 0 it has expired. It began a day before.
        issuer: the authority that signs it; None makes it an authority that signs itself.

    Raises:
        FileNotFoundError: openssl is not installed.
    """
    now = datetime.now(UTC)
    ends = now + timedelta(days)
    begins = min(now, ends) - timedelta(1)
    (folder / "signer").write_text(_SIGNER)
    (folder / "index").touch()
    if issuer is None:
        extensions = _EXTENSIONS.format(authority="true", signs=",keyCertSign", name=name)
        subject, signing = "authority", "-selfsign -keyfile key.pem"
    else:
        extensions = _EXTENSIONS.format(authority="false", signs="", name=name)
        subject, signing = "server", f"-cert {issuer.file} -keyfile {issuer.key}"
    (folder / "extensions").write_text(extensions)
    dates = f"-startdate {begins:%Y%m%d%H%M%SZ} -enddate {ends:%Y%m%d%H%M%SZ}"
    for command in (
        f"{_REQUEST} -subj /CN={subject} -keyout key.pem -out csr.pem",
        f"ca -batch -notext -config signer -extfile extensions {dates} {signing} -in csr.pem -out cert.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return Certificate(folder / "cert.pem", folder / "key.pem")

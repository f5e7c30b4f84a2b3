"""Address of a camera, and authentication (RFC 7616, RFC 7617)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import socket
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from mm.errors import InvalidInput, Unavailable
from mm.line.types import make_part_id

PORTS = {"rtsp": 554, "rtsps": 322}
DIGESTS = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """The parts of an rtsp or rtsps URL. `url` has no user and no password."""

    url: str
    host: str
    port: int
    is_tls: bool
    user: str = ""
    password: str = ""

    @property
    def name(self) -> str:
        """The URL without its query, in which some cameras expect a password."""
        return self.url.partition("?")[0]

    def __repr__(self) -> str:
        """Without passwords."""
        return f"CameraAddress({self.name!r})"


def parse_address(url: str) -> CameraAddress:
    """Read rtsp://USER:PASSWORD@HOST:PORT/PATH. Raises `InvalidInput`, without the password."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise InvalidInput("The address of the camera is invalid: write rtsp://USER:PASSWORD@HOST:PORT/PATH.") from error
    if parts.scheme not in PORTS or not parts.hostname or any(ord(char) <= 32 or ord(char) == 127 for char in url):
        raise InvalidInput("The address of the camera is invalid: write rtsp://USER:PASSWORD@HOST:PORT/PATH.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    query = f"?{parts.query}" if parts.query else ""
    shown = f"{parts.scheme}://{host}:{port}{parts.path}{query}"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return CameraAddress(shown, parts.hostname, port, parts.scheme == "rtsps", user, password)


def resolve(address: CameraAddress) -> str:
    """The IP address of the host. Raises `Unavailable`."""
    try:
        return str(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise Unavailable(f"The host {address.host} of the camera is not known.") from error


def make_key(address: CameraAddress) -> str:
    """A part id that identifies the camera.

    The query distinguishes cameras of one recorder and may hold a password: it is hashed.
    """
    digest = hashlib.sha256(address.url.encode()).hexdigest()[:8]
    return make_part_id(f"{address.name.partition('://')[2]}-{digest}")


def authorize(challenges: list[str], method: str, uri: str, address: CameraAddress) -> str | None:
    """The `Authorization` header for the strongest known challenge; None when there is none."""
    best: dict[str, str] | None = None
    for challenge in challenges:
        scheme, _, rest = challenge.strip().partition(" ")
        found = {match[1].lower(): match[2] if match[2] is not None else match[3] for match in PARAMETER.finditer(rest)}
        is_known = scheme.lower() == "digest" and found.get("algorithm", "MD5").upper() in DIGESTS
        if is_known and (best is None or found.get("algorithm", "MD5").upper() == "SHA-256"):
            best = found
    if best is not None:
        return _digest(best, method, uri, address)
    if any(challenge.strip().lower().startswith("basic") for challenge in challenges):
        return "Basic " + base64.b64encode(f"{address.user}:{address.password}".encode()).decode()
    return None


def _digest(challenge: dict[str, str], method: str, uri: str, address: CameraAddress, cnonce: str = "") -> str:
    name = challenge.get("algorithm", "MD5").upper()
    realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")

    def hashed(text: str) -> str:
        return DIGESTS[name](text.encode()).hexdigest()

    first, second = hashed(f"{address.user}:{realm}:{address.password}"), hashed(f"{method}:{uri}")
    fields = {"username": address.user, "realm": realm, "nonce": nonce, "uri": uri}
    if "auth" in [item.strip() for item in challenge.get("qop", "").split(",")]:
        cnonce = cnonce or secrets.token_hex(8)
        fields["response"] = hashed(f"{first}:{nonce}:00000001:{cnonce}:auth:{second}")
        extra = f', qop=auth, nc=00000001, cnonce="{cnonce}"'
    else:
        fields["response"], extra = hashed(f"{first}:{nonce}:{second}"), ""
    if "algorithm" in challenge:
        extra += f", algorithm={name}"
    if "opaque" in challenge:
        fields["opaque"] = challenge["opaque"]
    return "Digest " + ", ".join(f'{key}="{value}"' for key, value in fields.items()) + extra

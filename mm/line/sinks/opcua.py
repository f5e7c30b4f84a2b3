"""OPC UA: the last verdict is written to variables of a server, a PLC for example, with asyncua.

The variables of `NODES` are written first and `Sequence` last: a program on the server that waits
for a change of `Sequence` reads values of one part.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mm.errors import InvalidInput, Unavailable
from mm.line.sinks.sink import DeliveryFailed

if TYPE_CHECKING:
    from asyncua.sync import Client, SyncNode

    from mm.line.types import PartRecord

TIMEOUT_SECONDS = 10.0
NODES = ("Part", "Verdict", "Reject", "Score", "Sequence")
"""String, String, Boolean, Double (-1 without a score), Int64."""


class OpcuaSink:
    """Writes below one object: `prefix` is its node id, such as `ns=2;s=Line1`.

    The variables are `{prefix}.Part` and so on. Raises `InvalidInput` for another address or
    prefix, `Unavailable` when asyncua is not installed.
    """

    def __init__(self, url: str, prefix: str, timeout: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme != "opc.tcp" or not parts.hostname:
            raise InvalidInput("The address of OPC UA is invalid: write opc.tcp://HOST:PORT.")
        if ";s=" not in f";{prefix}":
            raise InvalidInput(f"{prefix!r} is not a node id with a string, such as ns=2;s=Line1.")
        try:
            import asyncua.sync  # noqa: F401
        except ImportError as error:
            raise Unavailable("OPC UA needs the package asyncua; install it with `pip install asyncua`.") from error
        self._url, self._prefix, self._timeout = url, prefix, timeout
        self._client: Client | None = None
        self._nodes: dict[str, SyncNode] = {}
        self.name = f"opcua:{hashlib.sha256(f'{url} {prefix}'.encode()).hexdigest()[:12]}"

    def deliver(self, record: PartRecord) -> None:
        from asyncua import ua

        values = {
            "Part": ua.Variant(record.part, ua.VariantType.String),
            "Verdict": ua.Variant(record.verdict, ua.VariantType.String),
            "Reject": ua.Variant(record.is_reject, ua.VariantType.Boolean),
            "Score": ua.Variant(-1.0 if record.score is None else record.score, ua.VariantType.Double),
            "Sequence": ua.Variant(record.sequence, ua.VariantType.Int64),
        }
        try:
            self._connect()
            for name in NODES:
                self._nodes[name].write_value(values[name])
        except (OSError, TimeoutError, ua.UaError) as error:
            self.close()
            raise DeliveryFailed(f"The OPC UA server does not accept the verdict: {type(error).__name__}.") from error

    def close(self) -> None:
        from asyncua import ua

        client, self._client = self._client, None
        self._nodes.clear()
        if client is not None:
            try:
                client.disconnect()
            except (OSError, TimeoutError, ua.UaError):
                pass  # the connection is gone already
            finally:
                client.tloop.stop()

    def _connect(self) -> None:
        if self._client is not None:
            return
        from asyncua.sync import Client, ThreadLoop

        loop = ThreadLoop()
        loop.start()
        client = Client(self._url, timeout=self._timeout, tloop=loop)
        try:
            client.connect()
        except BaseException:
            loop.stop()
            raise
        self._client = client
        self._nodes = {name: client.get_node(f"{self._prefix}.{name}") for name in NODES}

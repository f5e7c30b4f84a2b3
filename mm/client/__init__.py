"""In: verbs with paths, bytes and words. Out: shapes of `mm.schemas`, or an error of `mm.errors`,
from a running service.

Each verb is written once, as a flow of steps that knows no I/O; `Client` and `AsyncClient` only
take the steps. Must not know: anything of ours but shapes and errors.
"""

from mm.client.asynchronous import AsyncClient
from mm.client.synchronous import Client

__all__ = ["AsyncClient", "Client"]

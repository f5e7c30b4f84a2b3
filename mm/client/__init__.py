"""In: calls with paths, bytes and texts. Out: models of `mm.schemas`, or an error of `mm.errors`,
from a running service. Each method is one flow (`mm.client.flows`), shared by both clients.
Must not know: anything of this project but schemas and errors.
"""

from mm.client.asynchronous import AsyncClient
from mm.client.synchronous import Client

__all__ = ["AsyncClient", "Client"]

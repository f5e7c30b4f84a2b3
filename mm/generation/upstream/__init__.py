"""In: conversations. Out: text and tool calls, streamed, from a server with the chat API of OpenAI.

Must not know: engines, networks, the catalog, what an answer cites.
"""

from mm.generation.upstream.chat import UpstreamChat

__all__ = ["UpstreamChat"]

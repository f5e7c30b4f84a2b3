"""In: conversations with media and tools. Out: text and tool calls, streamed, from any chat model.

Must not know: HTTP, the catalog, what an answer cites, how a vector was computed.
"""

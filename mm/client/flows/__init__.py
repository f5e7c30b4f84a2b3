"""In: parameters of a client method. Out: flows (`mm.client.steps`), one function per method.
One module per resource, as in `mm.schemas`.
Must not know: sockets, HTTP libraries, threads or asyncio.
"""

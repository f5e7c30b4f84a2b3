"""In: a command line. Out: responses of the service as tables, lines or JSON; the service itself.

Commands use the service through `mm.client` and start it when none runs. Must not know: SQL,
vectors, decoding, what is inside the workers and the API.
"""

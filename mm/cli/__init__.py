"""In: a command line. Out: what the service answers, as tables, plain lines or JSON; the service
itself, supervised.

Commands talk to the service through `mm.client`, starting it when none runs, so that there is one
path. Command modules import only click at their top. Must not know: SQL, vectors, decoding, or what
is inside the workers and the API.
"""

"""In: an API with keys. Out: latencies of a client, alone and beside hostile connections.

Must not know: which limits the API has.
"""

"""In: a client and a limited resource. Out: a slot of it, or a refusal with `Retry-After`.
Limits on work, memory, rates, slow bodies and connections of one API process.
Must not know: routes, SQL, decoding.
"""

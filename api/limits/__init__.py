"""In: who asks and for which resource. Out: a place in that resource, or a refusal with the time
after which to ask again. Every limit on work and connections of one API process: places, queues,
body deadlines, connections. Must not know: routes, SQL, decoding.
"""

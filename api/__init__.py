"""HTTP in: uploads, questions, ranges of bytes, waits for a job. HTTP out: the shapes of
`mm.schemas`, problem details, server-sent events, media, the page. Must not know: how media is
decoded, vectors are searched or work is queued; it asks `mm`, `indexes` and the workers'
dispatcher.
"""

"""In: frames of a production line and an inspector. Out: one verdict for each part, at each sink.

A verdict is written to the journal before it is sent, and sent until each sink has accepted it.
Must not know: how an inspector computes a score, SQL, queues, routes.
"""

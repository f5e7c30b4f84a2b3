"""In: verdicts and positions of sources. Out: a journal that survives kills, deliveries in order.

Must not know: frames, inspectors, protocols of the sinks.
"""

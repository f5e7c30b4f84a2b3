"""In: the sandbox settings. Out: a process locked down by layers, and a report of active layers.

Must not know: files, decoders, requests.
"""

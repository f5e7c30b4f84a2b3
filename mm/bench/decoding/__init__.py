"""In: media files, good, damaged and hostile. Out: decoding speed, sandbox cost, refusals.

Baseline: decoding in this process without a sandbox. Must not know: the service, the towers.
"""

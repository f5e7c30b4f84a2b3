"""In: a running service, or media with known ground truth. Out: tables of measurements.

One package per area; each bench measures ours beside a baseline in the same run. Must not know: the
command line, the catalog and the index (their benches run as processes of `indexes.bench`).
"""

"""In: jobs of uploads and of a reindex. Out: leased work units, their order, forecasts and metrics.

Must not know the broker, the workers' processes, or what encoding a chunk means.
"""

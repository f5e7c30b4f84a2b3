"""In: requests about evaluations of data sets. Out: their jobs and runs.

Must not know: how a measure is computed, the form of a request over HTTP.
"""

"""In: generated videos, clips and photos. Out: time, processor time and memory of their ingest.

Baselines: decoding alone, and a naive method in eager torch. Must not know: how the service works.
"""

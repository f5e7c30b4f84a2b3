"""In: a device. Out: throughput of the generation engine, and of its kernels beside the bandwidth.

Must not know HTTP: the bench of a running service is another one.
"""

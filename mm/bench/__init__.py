"""In: a running service, media with known truth. Out: tables of numbers, with the machine they were
seen on.

Baselines and ours run in one process or one run. Must not know how the service is started.
"""

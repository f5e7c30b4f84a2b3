"""In: a service without requests. Out: processor time and wake-ups of its processes.

It also measures the delay until an item that is added to the idle service is found. Must not know:
how the service waits.
"""

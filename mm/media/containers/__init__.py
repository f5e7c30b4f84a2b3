"""In: files of untrusted bytes. Out: their type, open containers and packets, estimates of memory.

Must not know: frames, sampling, child processes.
"""

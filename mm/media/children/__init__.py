"""In: an open file, a request, limits. Out: response messages of a sandboxed child process.

Must not know: what frames and waveforms are for.
"""

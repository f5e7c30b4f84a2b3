"""In: an open file and a request about it. Out: facts, RGB frames, waveforms, times of key frames.

Must not know: child processes, the sandbox, models.
"""

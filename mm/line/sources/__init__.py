"""In: a video file, a folder that is being filled, a camera. Out: frames, and ends of parts.

Files and streams are decoded in the sandbox. Must not know: inspectors, verdicts, sinks.
"""

"""In: times, vectors and motion of a video's frames. Out: shot and scene boundaries, action labels.

Must not know how frames are decoded, which space their vectors belong to, or what a segment is.
"""

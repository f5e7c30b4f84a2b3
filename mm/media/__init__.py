"""In: untrusted media files. Out: descriptions, images, sampled frames, waveforms, time ranges.

Bytes are decoded in a child process only. Must not know: models, vectors, queues, the web.
"""

from mm.media.reader import MediaReader

__all__ = ["MediaReader"]

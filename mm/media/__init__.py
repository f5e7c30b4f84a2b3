"""In: files that nobody vouches for. Out: pictures, waveforms, spans of time.

Bytes are opened in a child process only. Must not know models, vectors, queues or the web.
"""

from mm.media.reader import MediaReader

__all__ = ["MediaReader"]

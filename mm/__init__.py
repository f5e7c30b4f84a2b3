"""Multimodal analytics for video, pictures and sound.

In: media and questions. Out: moments with start, end and evidence. The library knows nothing of web, queue or SQL.
"""

__version__ = "0.1.0"

"""In: compressed frames of a camera. Out: chunks of a minute as MP4 files, which are uploaded.

Frames are neither decoded nor encoded. Must not know: how frames are received, how they are shown.
"""

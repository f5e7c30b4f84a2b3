"""In: a DICOM file, an image or a video. Out: its frames with their times, and its views.

Must not know: networks, candidates, exports.
"""

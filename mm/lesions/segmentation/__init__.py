"""In: grey images of any size. Out: probability of each pixel, regions with confidences.

Must not know DICOM, frames of a clip or exports.
"""

"""In: ids of items, DICOM files. Out: analyses of ultrasound as jobs, their results and exports.

Every response says: candidate for review, research use, not a diagnosis. Must not know: how
candidates are found.
"""

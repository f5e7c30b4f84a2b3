"""In: ultrasound images with outlined lesions. Out: a lesion network, calibrated, with its card.

Must not know DICOM, frames of a clip or exports.
"""

"""In: frames of an ultrasound examination. Out: candidates for review, with regions and exports.

Must not know training, the catalog or HTTP, and never names a diagnosis.
"""

"""In: an analysis. Out: COCO JSON, CSV, images with outlines, DICOM SR and SEG.

Every export contains `mm.lesions.types.NOTICE`. Must not know how candidates are found.
"""

"""In: heat maps, masks, boxes and tracks with their ground truth, as arrays.
Out: numbers for pictures, pixels, regions, boxes, candidates and tracks.
Must not know: inspectors, models, data sets, files, the service.
"""

from mm.metrics.inspection.average_precision import average_precision, mean_average_precision
from mm.metrics.inspection.boxes import Boxes, Detection, box_iou, match_boxes, measure_detection
from mm.metrics.inspection.calibration import bootstrap_calibration_error, calibration_error
from mm.metrics.inspection.froc import Candidates, Froc, froc, match_regions
from mm.metrics.inspection.identity import IdentityScores, TrackedFrame, measure_identity
from mm.metrics.inspection.masks import dice, mask_iou
from mm.metrics.inspection.pimo import aupimo
from mm.metrics.inspection.pixel_counts import PixelCounts, count_pixels
from mm.metrics.inspection.pro import aupro, pixel_auroc

__all__ = [
    "Boxes",
    "Candidates",
    "Detection",
    "Froc",
    "IdentityScores",
    "PixelCounts",
    "TrackedFrame",
    "aupimo",
    "aupro",
    "average_precision",
    "bootstrap_calibration_error",
    "box_iou",
    "calibration_error",
    "count_pixels",
    "dice",
    "froc",
    "mask_iou",
    "match_boxes",
    "match_regions",
    "mean_average_precision",
    "measure_detection",
    "measure_identity",
    "pixel_auroc",
]

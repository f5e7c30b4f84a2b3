"""In: sizes of defects, and whether, or how strongly, each was detected. Out: POD curves, a90/95.

Probability of detection (POD) by size: MIL-HDBK-1823A, ASTM E2862 and E3023.
Must not know: images, inspectors.
"""

from mm.metrology.detection.hit_miss import HitMissFit, fit_hit_miss
from mm.metrology.detection.response import ResponseFit, fit_response

__all__ = ["HitMissFit", "ResponseFit", "fit_hit_miss", "fit_response"]

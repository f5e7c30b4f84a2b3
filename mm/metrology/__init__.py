"""In: masks of regions, images and scale records. Out: lengths and areas with their uncertainty.

Also the statistics of detection by size. Must not know: inspectors, files of images, the service.
"""

from mm.metrology.budget import Measured
from mm.metrology.measure import RegionMeasures, measure
from mm.metrology.scale import Scale, scale_of_length

__all__ = ["Measured", "RegionMeasures", "Scale", "measure", "scale_of_length"]

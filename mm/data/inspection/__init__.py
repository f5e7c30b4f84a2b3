"""In: folders of data sets of parts, boards, fabrics and medical images, each with a `split.json`.
Out: their images with groups, kinds and marks; a file is decoded only when its row is read.
Must not know: inspectors, models, measures of quality, training.
"""

from mm.data.inspection.deep_pcb import KINDS, BoardPair, read_deep_pcb
from mm.data.inspection.lesions import SequenceFrame, read_breast_ultrasound, read_bus_bra, read_cvc_clinicdb
from mm.data.inspection.parts import FabricStrip, read_aitex_fabric, read_magnetic_tile, read_mvtec_transistor
from mm.data.inspection.types import MarkedImage, choose_good_images, choose_images

__all__ = [
    "KINDS",
    "BoardPair",
    "FabricStrip",
    "MarkedImage",
    "SequenceFrame",
    "choose_good_images",
    "choose_images",
    "read_aitex_fabric",
    "read_breast_ultrasound",
    "read_bus_bra",
    "read_cvc_clinicdb",
    "read_deep_pcb",
    "read_magnetic_tile",
    "read_mvtec_transistor",
]

"""HEIC and HEIF images by libheif, where the package pi-heif is installed.

Importing this module registers the decoder with Pillow. Thumbnails, depth maps and auxiliary images
in a file are not read. libheif applies the transformations of the file (`irot`, `imir`, `clap`).
"""

from __future__ import annotations

from importlib.util import find_spec

HAS_HEIF = find_spec("pi_heif") is not None
"""Whether HEIC can be decoded; wheels of pi-heif do not exist for every machine."""

if HAS_HEIF:
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=2)

"""Reads the patches of examples, and keeps those that fit into memory for a further pass."""

from __future__ import annotations

from mm.errors import InvalidInput
from mm.inspection.inspector import FittedInspector
from mm.inspection.learning.examples import Example, Patches, read_patches

CACHE_BYTES = 1 << 29
"""Patches of images that are kept in memory between the passes."""


class PatchReader:
    """The patches of examples as an inspector judges them."""

    def __init__(self, inspector: FittedInspector) -> None:
        self._inspector = inspector
        self._kept: dict[int, tuple[Example, Patches]] = {}
        """By the identity of the example, which is kept so that its identity stays its own."""
        self._kept_bytes = 0

    def read(self, example: Example, copy: int = 0) -> Patches:
        """The patches of an example, or of a copy of it. Raises `InvalidInput` with its name."""
        if copy == 0 and id(example) in self._kept:
            return self._kept[id(example)][1]
        inspector = self._inspector
        try:
            patches = read_patches(example, inspector.backbone, inspector.settings, inspector.reference_HWC, copy)
        except InvalidInput as error:
            raise InvalidInput(f"{example.image}: {error}") from error
        size = patches.vectors_NC.nbytes + patches.inputs_ND.nbytes
        if copy == 0 and self._kept_bytes + size <= CACHE_BYTES:
            self._kept[id(example)] = example, patches
            self._kept_bytes += size
        return patches

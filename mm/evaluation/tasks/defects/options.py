"""Options of the task `defects`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mm.errors import InvalidInput
from mm.evaluation.tasks.types import parse_count, refuse_options
from mm.inspection.features.framing import Framing
from mm.inspection.settings import FitSettings

OPTIONS = ("backbone", "cracks", "fine", "good", "longest", "seed")
LONGEST = 256
"""Pixels of the longer side as inspected; 0 is the native size."""
SWITCH = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class DefectOptions:
    """How inspectors are fitted."""

    settings: FitSettings
    num_good: int
    """Good images of each category, from as many groups as possible; 0 is all."""

    @classmethod
    def parse(cls, options: Mapping[str, str]) -> DefectOptions:
        """Raises `InvalidInput` for an unknown option or value."""
        refuse_options("defects", options, OPTIONS)
        settings = FitSettings(
            backbone=options.get("backbone", "imagenet"),
            framing=Framing(parse_count(options, "longest", LONGEST) or None),
            has_fine_patches=_parse_switch(options, "fine"),
            has_rendered_cracks=_parse_switch(options, "cracks"),
            seed=parse_count(options, "seed", 0),
        )
        return cls(settings, parse_count(options, "good", 0))

    def describe(self) -> str:
        """All options, also those that were left out: `inspector,backbone=imagenet,...`."""
        values = {
            "backbone": self.settings.backbone, "cracks": "yes" if self.settings.has_rendered_cracks else "no",
            "fine": "yes" if self.settings.has_fine_patches else "no", "good": self.num_good or "all",
            "longest": self.settings.framing.longest or "native", "seed": self.settings.seed,
        }  # fmt: skip
        return ",".join(["inspector", *(f"{name}={value}" for name, value in values.items())])


def _parse_switch(options: Mapping[str, str], name: str) -> bool:
    value = options.get(name, "no")
    if value not in SWITCH:
        raise InvalidInput(f"The option {name} is yes or no, not '{value}'.")
    return SWITCH[value]

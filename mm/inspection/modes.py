"""The three types of inspectors: by patches, by templates, by named regions."""

from __future__ import annotations

from mm.errors import InvalidInput
from mm.inspection.inspector import FittedInspector
from mm.inspection.logical.inspector import LogicalInspector
from mm.inspection.template.inspector import TemplateInspector

AnyInspector = FittedInspector | TemplateInspector | LogicalInspector

MODES = ("patches", "template", "logical")


def require_patches(inspector: AnyInspector) -> FittedInspector:
    """The inspector if it is one by patches, which alone can be taught by marks.

    Raises `InvalidInput` for another type.
    """
    if not isinstance(inspector, FittedInspector):
        raise InvalidInput(
            f"The inspector {inspector.name} is of the type '{inspector.mode}'; this needs one of the type 'patches'. "
            "Fit another one with that mode."
        )
    return inspector

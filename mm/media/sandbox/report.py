"""What a process says of the sandbox of its decoding children, for others to show."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from mm.errors import Unavailable
from mm.media.sandbox.layers import LAYERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mm.media import MediaReader


@dataclass(frozen=True, slots=True)
class LayerReport:
    """Layers that hold, and why the others do not; `error` says why no child starts, and is empty
    where one does."""

    layers: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    error: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> LayerReport:
        """The report in `text`; one that says so where it cannot be read."""
        try:
            found = json.loads(text)
            missing = {str(layer): str(reason) for layer, reason in found["missing"].items()}
            return cls(tuple(map(str, found["layers"])), missing, str(found["error"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls(error="its report cannot be read")

    @classmethod
    def from_reader(cls, reader: MediaReader) -> LayerReport:
        """Of the children of `reader`; starts one."""
        try:
            active = reader.active_layers()
        except Unavailable as error:
            return cls(error=str(error).rstrip("."))
        return cls(tuple(active.layers), dict(active.missing))


def describe_reports(reports: Mapping[str, LayerReport]) -> str:
    """Sentences on the reports of some workers, by name: what holds in all of them, then where
    something does not."""
    decoding = {name: report for name, report in reports.items() if not report.error}
    common = [layer for layer in LAYERS if all(layer in report.layers for report in decoding.values())]
    sentences = []
    if decoding:
        workers = "1 worker decodes" if len(decoding) == 1 else f"{len(decoding)} workers decode"
        sentences.append(f"{workers} behind {', '.join(common) or 'no layer'}.")
    for layer in LAYERS:
        without = {
            name: report.missing.get(layer, "no reason") for name, report in decoding.items() if layer not in report.layers
        }
        if without:
            where = "; ".join(f"{name}: {reason}" for name, reason in sorted(without.items()))
            sentences.append(f'The layer "{layer}" is missing in {len(without)} of {len(decoding)} ({where}).')
    sentences += [f"{name} cannot decode: {report.error}." for name, report in sorted(reports.items()) if report.error]
    return " ".join(sentences)

"""Reports of the active sandbox layers, exchanged between processes as JSON."""

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
    """Active layers of a process, and the reasons why the others are missing.

    `error` is the reason why no child starts; empty where one starts.
    """

    layers: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    error: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> LayerReport:
        """Parse a report; text that is no report gives one with an `error`."""
        try:
            report = json.loads(text)
            missing = {str(layer): str(reason) for layer, reason in report["missing"].items()}
            return cls(tuple(map(str, report["layers"])), missing, str(report["error"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls(error="its report cannot be read")

    @classmethod
    def from_reader(cls, reader: MediaReader) -> LayerReport:
        """Report the layers of the children of `reader`; starts one."""
        try:
            active = reader.active_layers()
        except Unavailable as error:
            return cls(error=str(error).rstrip("."))
        return cls(tuple(active.layers), dict(active.missing))


def describe_reports(reports: Mapping[str, LayerReport]) -> str:
    """Describe the reports of workers: the layers of all of them, then each that differs."""
    decoding = {name: report for name, report in reports.items() if not report.error}
    common = [layer for layer in LAYERS if all(layer in report.layers for report in decoding.values())]
    sentences = []
    if decoding:
        workers = "1 worker decodes" if len(decoding) == 1 else f"{len(decoding)} workers decode"
        sentences.append(f"{workers} with the layers {', '.join(common) or 'none'}.")
    for layer in LAYERS:
        without = {
            name: report.missing.get(layer, "no reason reported")
            for name, report in decoding.items()
            if layer not in report.layers
        }
        if without:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in sorted(without.items()))
            sentences.append(f'The layer "{layer}" is missing in {len(without)} of {len(decoding)} ({reasons}).')
    sentences += [f"{name} cannot decode: {report.error}." for name, report in sorted(reports.items()) if report.error]
    return " ".join(sentences)

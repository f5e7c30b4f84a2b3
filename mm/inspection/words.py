"""Reads a filter of results out of words: "parts with a scratch longer than 0.3 mm"."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from mm.schemas import InspectionFilter, InspectionVerdict

_VERDICTS: dict[InspectionVerdict, str] = {
    "fail": "failed|rejected|defective|faulty",
    "pass": "passed|accepted",
    "undecided": "undecided",
}
_UNITS = {"mm": r"mm|millimet(?:er|re)s?", "um": r"µm|μm|um|micromet(?:er|re)s?|microns?", "cm": r"cm|centimet(?:er|re)s?"}
_MM = {"mm": 1.0, "um": 0.001, "cm": 10.0}
_UNIT = "|".join(f"(?P<{name}>{unit})" for name, unit in _UNITS.items())
_COMPARISONS = r"longer|larger|bigger|wider|shorter|smaller|over|above|under|below|of\s+at\s+least|of\s+at\s+most"
_SENTENCE = re.compile(
    rf"(?:(?:show|find|list|all|me|the)\s+)*"
    rf"(?:(?P<before>{'|'.join(_VERDICTS.values())})\s+)?"
    rf"(?:parts?|workpieces?|pieces?|components?|boards?|specimens?)"
    rf"(?:\s+(?:that|which)(?:\s+(?:are|were|have|has))?\s+(?P<after>{'|'.join(_VERDICTS.values())}|fail|pass))?"
    rf"(?:\s+(?:with|having|that\s+have|which\s+have)\s+(?:(?:an?|any|the|some)\s+)?(?P<kind>[\w-]+(?:\s+[\w-]+)??))?"
    rf"(?:\s+(?:that\s+(?:is|are)\s+)?(?P<size>{_COMPARISONS})"
    rf"(?:\s+than)?\s+(?P<number>\d+(?:[.,]\d+)?|[.]\d+)\s*(?:{_UNIT}))?"
    rf"\s*[.?!]?",
    re.IGNORECASE,
)
_SMALL = frozenset({"shorter", "smaller", "under", "below", "of at most"})
_ANY_DEFECT = frozenset({"defect", "flaw", "fault", "anomaly", "anomalie", "imperfection", "error"})
_DIGITS = 9
"""Significant digits of a size after conversion of its unit."""


@dataclass(frozen=True, slots=True)
class ReadFilter:
    """A filter that words gave."""

    filter: InspectionFilter
    unknown_kind: str | None
    """Words for a kind that no region has, which the filter leaves out."""


def read_filter(text: str, kinds: Collection[str]) -> ReadFilter | None:
    """The filter that an English sentence about parts describes, None for any other text.

    `kinds` are the kinds of regions that results have. A sentence is one about parts with a
    verdict, with a size in a unit of length, or with one of these kinds.
    """
    match = _SENTENCE.fullmatch(" ".join(text.split()))
    if match is None:
        return None
    verdict = _read_verdict(match["before"] or match["after"])
    kind, unknown_kind = _read_kind(match["kind"], kinds)
    lower, upper = _read_size(match)
    has_size = lower is not None or upper is not None
    is_defect = match["kind"] is not None and kind is None and unknown_kind is None
    if is_defect and verdict is None and not has_size:
        verdict = "fail"
    if verdict is None and kind is None and not has_size:
        return None
    is_wide = (match["size"] or "").lower() == "wider"
    chosen = InspectionFilter(
        verdict=verdict,
        kind=kind,
        min_length_mm=None if is_wide else lower,
        min_width_mm=lower if is_wide else None,
        max_length_mm=upper,
    )
    return ReadFilter(chosen, unknown_kind)


def _read_verdict(word: str | None) -> InspectionVerdict | None:
    if word is None:
        return None
    if word.lower() in {"fail", "pass"}:
        return "fail" if word.lower() == "fail" else "pass"
    return next(verdict for verdict, words in _VERDICTS.items() if word.lower() in words.split("|"))


def _read_kind(words: str | None, kinds: Collection[str]) -> tuple[str | None, str | None]:
    """The kind that words name; words that name none. Both None for any defect."""
    if words is None:
        return None, None
    forms = {words.lower(), words.lower().removesuffix("s"), words.lower().removesuffix("es")}
    if forms & _ANY_DEFECT:
        return None, None
    kind = next((kind for kind in kinds if kind.lower() in forms), None)
    return kind, words if kind is None else None


def _read_size(match: re.Match[str]) -> tuple[float | None, float | None]:
    """The lower and the upper bound of a size in millimetres."""
    if match["size"] is None:
        return None, None
    unit = next(name for name in _UNITS if match[name])
    size = float(f"{float(match['number'].replace(',', '.')) * _MM[unit]:.{_DIGITS}g}")
    is_small = " ".join(match["size"].lower().split()) in _SMALL
    return (None, size) if is_small else (size, None)

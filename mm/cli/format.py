"""Format values for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.embedded.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.schemas import Capture, Evidence, InspectionMatch, Item

MIN_SHARE = 0.1  # of the highest evidence score; evidence below it is not shown
HOUR = 3600
MATCH_LABELS = {"exact": "same words", "near": "similar words", "meaning": "by meaning"}
RANGE_UNITS = ((24 * 3600, "days"), (3600, "h"), (60, "min"))
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def format_clock(seconds: float, duration: float = 0.0) -> str:
    """Format seconds as `1:05` or `2:03:04`; fractions are truncated, as players do.

    With a `duration` of an hour or more, hours are always written: `0:02:30`.
    """
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours or duration >= HOUR else f"{minute}:{second:02}"


def format_span(start: float, end: float, duration: float = 0.0) -> str:
    """Format a time range of media of `duration` seconds; empty for an image, which has no time."""
    return f"{format_clock(start, duration)}-{format_clock(end, duration)}" if end > start else ""


def format_seconds_range(low: float, high: float) -> str:
    """Format a range of times in one unit: `2 to 5 min`."""
    if high < 60:
        return "less than a minute"
    seconds, unit = next(((size, name) for size, name in RANGE_UNITS if high >= 2 * size), RANGE_UNITS[-1])
    return f"{max(low / seconds, 1):.0f} to {max(high / seconds, 1):.0f} {unit}"


def format_bytes(count: float) -> str:
    """Format a size: `1.5 MB`."""
    unit = 0
    while count >= 1000 and unit < len(UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.0f} {UNITS[unit]}" if unit == 0 else f"{count:.1f} {UNITS[unit]}"


def describe_item(item: Item) -> str:
    """Kind, duration and size of an item."""
    length = [format_clock(item.duration)] if item.duration else []
    return ", ".join([item.kind, *length, format_bytes(item.size)])


def format_taken(capture: Capture | None) -> str:
    """Format the time taken, with its offset if it is known; empty if the time is unknown."""
    if capture is None or capture.taken_at is None:
        return ""
    offset = capture.taken_at.strftime("%z")  # empty, or +hhmm
    return f"{capture.taken_at:%Y-%m-%d %H:%M:%S}" + (f" {offset[:3]}:{offset[3:5]}" if offset else "")


def format_camera(capture: Capture | None) -> str:
    """Format make and model; the make once, if the model repeats it."""
    if capture is None:
        return ""
    make, model = clean(capture.make or ""), clean(capture.model or "")
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def format_languages(item: Item) -> str:
    """Format the languages of speech with their times, and say which are assumed."""
    return ", ".join(
        f"{clean(spoken.language)} {format_clock(spoken.seconds)}{'' if spoken.identified else ' (assumed)'}"
        for spoken in item.languages
    )


def format_place_name(capture: Capture | None) -> str:
    """Format the name of the place, or else its coordinates; empty if both are unknown."""
    return clean(capture.place) if capture is not None and capture.place else format_place(capture)


def format_place(capture: Capture | None) -> str:
    """Format latitude and longitude in degrees, to about a metre; empty if they are unknown."""
    if capture is None or capture.latitude is None or capture.longitude is None:
        return ""
    return f"{capture.latitude:.5f}, {capture.longitude:.5f}"


def format_text_progress(item: Item) -> str:
    """Format the number of images in which text was recognized; empty if there are none."""
    num_images = item.read_pictures + item.unread_pictures + item.failed_pictures
    return f"recognized in {item.read_pictures:,} of {num_images:,} images" if num_images else ""


def format_score(probability: float) -> str:
    """Format a probability with two decimals, with three below 0.1."""
    return f"{probability:.2f}" if probability >= 0.1 else f"{probability:.3f}"


def format_evidence(evidence: Sequence[Evidence]) -> str:
    """Kind, score and text of the evidence of a hit, without evidence of low score."""
    threshold = MIN_SHARE * max((piece.score for piece in evidence), default=0.0)
    return "; ".join(_format_piece(piece) for piece in evidence if piece.score >= threshold)


def format_match(match: InspectionMatch) -> str:
    """Verdict, p-value, kind and length of the result of an inspection."""
    length = "" if match.length_mm is None else f" {match.length_mm:.2f} mm"
    kind = "" if match.kind is None else f" {clean(match.kind)}"
    return f"{match.verdict} p={match.p_value:.3g} by {match.inspector} {match.version}{kind}{length}"


def _format_piece(evidence: Evidence) -> str:
    text = clean(evidence.text or "")
    if text:
        text = f" {text}" if evidence.kind == "sound" else f' "{text}"'
    match = "" if evidence.match in (None, "exact") else f" ({MATCH_LABELS[evidence.match]})"
    return f"{evidence.kind} {format_score(evidence.score)}{text}{match}"

"""Word and character error rates of recognizers by language, and the language they identify."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mm.metrics.bootstrap import Interval, bootstrap_sums
from mm.metrics.language.word_errors import WITHOUT_SPACES, count_edits, split_characters, split_words
from mm.models.speech.tower import SpeechTower

if TYPE_CHECKING:
    from mm.evaluation.speech.tracks import Track
    from mm.models.speech.choice import SpeechOptions
    from mm.models.speech.lines import SpeechLine
    from mm.numerics import Float64

SHOWN = 100
"""Characters of a text that are printed."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recognizer made of one track."""

    language: str
    words: str
    heard: str
    word_errors: int
    num_words: int
    character_errors: int
    num_characters: int
    seconds: float
    seconds_right: float
    """Seconds of its lines whose language is that of the track."""
    seconds_heard: float
    """Seconds of its lines."""


@dataclass(frozen=True, slots=True)
class Row:
    """One language with one recognizer. Rates are shares; above 1 more was inserted than said."""

    language: str
    recognizer: str
    num_recordings: int
    num_words: int
    minutes: float
    word_error_rate: Interval | None
    """None for a language without spaces between words."""
    character_error_rate: Interval
    is_identified: bool
    right_language: float
    """Share of the time of the lines whose language is right."""


@dataclass(frozen=True, slots=True)
class SpeechTables:
    """Rows by language and recognizer, and the worst track of each row."""

    of: str
    rows: list[Row]
    worst: list[Heard]

    def table(self) -> str:
        """Markdown tables."""
        lines = [
            f"{self.of}:",
            "",
            "| language | recognizer | recordings | words | WER, % | CER, % | language right, % |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *(_format(row) for row in self.rows),
            "",
            "The worst track of each:",
            "",
            "| language | recognizer | said | heard |",
            "| --- | --- | --- | --- |",
        ]
        for row, track in zip(self.rows, self.worst, strict=True):
            lines.append(f"| {row.language} | {row.recognizer} | {_shorten(track.words)} | {_shorten(track.heard)} |")
        return "\n".join(lines)

    def record(self) -> dict[str, object]:
        """The tables as JSON."""
        return asdict(self)


def evaluate(
    tracks: Sequence[Track], recognizers: Sequence[tuple[str, SpeechOptions]], of: str, on_row: Callable[[str], None]
) -> SpeechTables:
    """Transcribe all tracks with each recognizer, named for the table.

    A recognizer whose options name the language `*` gets that of each track. Raises as
    `SpeechTower`.
    """
    rows: list[Row] = []
    worst: list[Heard] = []
    for language in dict.fromkeys(track.language for track in tracks):
        chosen = [track for track in tracks if track.language == language]
        for name, options in recognizers:
            heard = _transcribe(chosen, options, language)
            rows.append(_summarize(heard, name, sum(track.num_recordings for track in chosen), options))
            worst.append(max(heard, key=lambda track: track.character_errors / max(track.num_characters, 1)))
            on_row(_format(rows[-1]))
    return SpeechTables(of, rows, worst)


def _transcribe(tracks: Iterable[Track], options: SpeechOptions, language: str) -> list[Heard]:
    tower = SpeechTower(replace(options, language=language) if options.language == "*" else options)
    try:
        return [_judge(track, tower.transcribe(track.waveform)) for track in tracks]
    finally:
        tower.close()


def _judge(track: Track, lines: Sequence[SpeechLine]) -> Heard:
    heard = " ".join(line.text for line in lines)
    said_words, said_characters = split_words(track.words), split_characters(track.words)
    return Heard(
        track.language,
        track.words,
        heard,
        count_edits(said_words, split_words(heard)),
        len(said_words),
        count_edits(said_characters, split_characters(heard)),
        len(said_characters),
        track.seconds,
        sum(line.end - line.start for line in lines if line.language == track.language),
        sum(line.end - line.start for line in lines),
    )


def _summarize(heard: Sequence[Heard], name: str, num_recordings: int, options: SpeechOptions) -> Row:
    sums_QK = np.array(
        [(track.word_errors, track.num_words, track.character_errors, track.num_characters) for track in heard], np.float64
    )

    def rates(sums_BK: Float64) -> Float64:
        return np.stack([sums_BK[:, 0] / np.maximum(sums_BK[:, 1], 1), sums_BK[:, 2] / np.maximum(sums_BK[:, 3], 1)], axis=1)

    by_words, by_characters = bootstrap_sums(sums_QK, rates)
    language = heard[0].language
    return Row(
        language,
        name,
        num_recordings,
        int(sums_QK[:, 1].sum()),
        sum(track.seconds for track in heard) / 60,
        None if language in WITHOUT_SPACES else by_words,
        by_characters,
        not options.language and options.model != "moonshine",
        sum(track.seconds_right for track in heard) / max(sum(track.seconds_heard for track in heard), 1e-9),
    )


def _format(row: Row) -> str:
    def rate(interval: Interval | None) -> str:
        if interval is None:
            return "-"
        return f"{100 * interval.value:.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"

    right = f"{100 * row.right_language:.0f}" if row.is_identified else "-"
    return (
        f"| {row.language} | {row.recognizer} | {row.num_recordings} | {row.num_words} | {rate(row.word_error_rate)} | "
        f"{rate(row.character_error_rate)} | {right} |"
    )


def _shorten(text: str) -> str:
    text = text.replace("|", "/")
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."

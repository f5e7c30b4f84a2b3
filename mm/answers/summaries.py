"""Summaries: an item as chapters with a sentence each, and a paragraph about all of it.

Scenes are read one after another, and at most twice `MAX_CHAPTERS` of them are kept: when there are
more, the two neighbours that are shortest together become one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mm.answers.describe import describe
from mm.answers.evidence import EvidenceMoment, format_clock
from mm.answers.words import is_content, split_words
from mm.errors import InvalidInput

MAX_CHAPTERS = 12
"""Chapters of a summary; a shorter item has one for each scene."""
MAX_TITLE_WORDS = 6
"""Words of a title that is cut; a text of one word more is not cut."""
MAX_PARAGRAPH_SENTENCES = 5
"""Sentences of a paragraph without a model: those of the longest chapters, in order."""
_QUOTATION = re.compile(r'(?P<frame>Someone says|It reads): (?P<text>".*")\.')


@dataclass(frozen=True, slots=True)
class ChapterDraft:
    """A part of an item: adjacent scenes, described by the one with the best evidence."""

    start: float
    end: float
    moment: EvidenceMoment
    """The scene that the chapter is described by."""

    @property
    def text(self) -> str:
        """A sentence about the chapter."""
        return describe(self.moment).text

    @property
    def title(self) -> str:
        """A few words: the beginning of what is seen, said, written or heard."""
        text = next((piece.text for piece in self.moment.evidence if piece.text.strip()), "")
        words = text.split()
        is_cut = len(words) > MAX_TITLE_WORDS + 1
        words = words[:MAX_TITLE_WORDS] if is_cut else words
        while is_cut and words and not is_content(words[-1].lower()):
            words.pop()
        title = " ".join(words).strip(" .,;:!?\"'")
        return title[:1].upper() + title[1:] if title else f"From {format_clock(int(self.start))}"

    @property
    def duration(self) -> float:
        return self.end - self.start


def make_chapters(scenes: Iterable[tuple[float, float, EvidenceMoment]]) -> list[ChapterDraft]:
    """Chapters of an item from its scenes, in order: start and end in seconds, and the moment.

    Raises `InvalidInput` without a scene.
    """
    chapters: list[ChapterDraft] = []
    for start, end, moment in scenes:
        chapters.append(ChapterDraft(start, end, moment))
        if len(chapters) > 2 * MAX_CHAPTERS:
            _merge_shortest(chapters)
    if not chapters:
        raise InvalidInput("The item has no scenes to summarize.")
    while len(chapters) > MAX_CHAPTERS:
        _merge_shortest(chapters)
    return chapters


def write_paragraph(chapters: Sequence[ChapterDraft]) -> str:
    """A paragraph without a model: a sentence about the length, and those of some chapters."""
    described = [chapter for chapter in chapters if _has_text(chapter)]
    longest = sorted(described, key=lambda chapter: -chapter.duration)[:MAX_PARAGRAPH_SENTENCES]
    sentences = _join_quotations([chapter.text for chapter in chapters if chapter in longest])
    span = format_clock(int(chapters[-1].end))
    count = "one part" if len(chapters) == 1 else f"{len(chapters)} parts"
    lead = f"{span} in {count}." if chapters[-1].end > 0 else ""
    return " ".join(filter(None, [lead, *dict.fromkeys(sentences)])) or "Nothing is known about its content."


def _join_quotations(sentences: Sequence[str]) -> list[str]:
    """Sentences in order, in which adjacent quotations of one kind are one sentence.

    `Someone says: "a".` and `Someone says: "b".` give `Someone says "a", then "b".`
    """
    joined: list[tuple[str, list[str]]] = []
    for sentence in dict.fromkeys(sentences):
        match = _QUOTATION.fullmatch(sentence)
        frame, text = (match["frame"], match["text"]) if match is not None else ("", sentence)
        if frame and joined and joined[-1][0] == frame:
            joined[-1][1].append(text)
        else:
            joined.append((frame, [text]))
    return [
        f"{frame} {texts[0]}{''.join(f', then {text}' for text in texts[1:])}."
        if len(texts) > 1
        else f"{frame}: {texts[0]}."
        if frame
        else texts[0]
        for frame, texts in joined
    ]


def _merge_shortest(chapters: list[ChapterDraft]) -> None:
    """Merge the two adjacent chapters that are shortest together."""
    index = min(range(len(chapters) - 1), key=lambda number: chapters[number].duration + chapters[number + 1].duration)
    left, right = chapters[index], chapters[index + 1]
    best = max((left, right), key=lambda chapter: (_has_text(chapter), _count_words(chapter), chapter.duration))
    chapters[index : index + 2] = [ChapterDraft(left.start, right.end, best.moment)]


def _has_text(chapter: ChapterDraft) -> bool:
    return any(piece.text.strip() for piece in chapter.moment.evidence)


def _count_words(chapter: ChapterDraft) -> int:
    """Content words of the sentence about a chapter, at most 8: longer is no better."""
    return min(8, sum(map(is_content, split_words(chapter.text))))

"""Checks a generated answer: citations of moments that were given, sentences that they support."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from mm.answers.answer_text import Sentence, parse_answer
from mm.answers.evidence import EvidenceMoment, Statement, format_clock
from mm.answers.prompt import Prompt
from mm.answers.words import split_words
from mm.metrics.language.word_support import WordSupport

REASON_NOTHING = "Nothing in the library matches the question."
REASON_UNLIKELY = "Only less likely moments were found; they are listed as hits."
REASON_REFUSED = "The model found no answer in the retrieved moments."
REASON_UNSUPPORTED = "No sentence of the model's answer is supported by the retrieved moments."
REMOVED = "{} of the model's sentences {} removed: the cited moments do not support {}."
_FRAME = re.compile(
    r"^(?:Someone says|It reads|This comes first|The sound is|At least):? |^It is from |^The file is named | shows that(?=:)"
    r"|(?<=\d) moments show that|^One moment shows that",
    re.IGNORECASE,
)
"""What sentences consist of beside the evidence: `Someone says: "..."`."""
_ITEM_COUNT = re.compile(
    r"^ ?(?:(\d+) (?:audio file|file|video|image)s show|One (?:audio file|file|video|image) shows) that:?", re.IGNORECASE
)
MIN_OVERLAP = 0.8
"""Words that a sentence and the text that it repeats have in common, as a fraction of both."""
MIN_QUOTED_WORDS = 3
"""Words of a repeated text, at least: shorter ones are of many moments."""
ITEM_END = "\n"
"""Ends the name of the item in the texts of `list_texts`."""

_SENTENCE_END = re.compile(r"\][.!?]?\s+(?=[^\s\[,])")
"""The end of a sentence with citations, when the next one has begun."""


@dataclass
class AnswerWriter:
    """Collects the text of a model, and passes on the sentences that the moments support.

    Citations of numbers that the prompt does not have are removed. A sentence without citations is
    given that of a moment that supports it; without one it is removed, as is a sentence with a
    content word that the cited moments lack, and one that cites no relevant moment. A sentence that
    repeats the text of one moment under the number of another is given the right number.
    """

    prompt: Prompt
    relevant: frozenset[str] | None = None
    """Ids of the moments of which each sentence must cite one; None for all."""
    statements: list[Statement] = field(default_factory=list)
    """The sentences that were passed on."""
    num_removed: int = 0
    _text: str = ""
    _num_checked: int = 0

    def feed(self, text: str) -> list[Statement]:
        """Add text. Returns the sentences that it completes: another one has begun after them."""
        self._text += text
        ends = [match.end() for match in _SENTENCE_END.finditer(self._text)]
        return self._check(self._text[: ends[-1]]) if ends else []

    def finish(self) -> list[Statement]:
        """The remaining sentences, when the text is complete."""
        return self._check(self._text)

    @property
    def reason(self) -> str | None:
        """Why a complete answer is a refusal; None for an answer."""
        if self.statements:
            return None
        return REASON_UNSUPPORTED if self.num_removed else REASON_REFUSED

    @property
    def notes(self) -> tuple[str, ...]:
        if not self.num_removed:
            return ()
        verb, pronoun = ("was", "it") if self.num_removed == 1 else ("were", "them")
        return (REMOVED.format(self.num_removed, verb, pronoun),)

    def _check(self, text: str) -> list[Statement]:
        """The sentences of a text that are supported, after those that were checked before."""
        sentences = parse_answer(text).sentences
        passed = []
        for sentence in sentences[self._num_checked :]:
            statement = self._check_sentence(sentence)
            if statement is None:
                self.num_removed += 1
            else:
                passed.append(statement)
        self._num_checked = max(self._num_checked, len(sentences))
        self.statements += passed
        return passed

    def _check_sentence(self, sentence: Sentence) -> Statement | None:
        cited = [self.prompt.moments[number - 1] for number in sentence.citations if 0 < number <= len(self.prompt.moments)]
        quoted = find_quoted(sentence.text, self.prompt.moments) if len(sentence.citations) == 1 else None
        if not cited and sentence.citations and quoted is None:
            return None
        candidates = [cited] if sentence.citations else [[moment] for moment in self.prompt.moments]
        candidates = [*filter(None, candidates), *([[quoted]] if quoted is not None else [])]
        for moments in candidates:
            if self.relevant is not None and not any(moment.id in self.relevant for moment in moments):
                continue
            if is_supported(sentence.text, list_texts(moments), len(moments)):
                return Statement(sentence.text, tuple(moment.id for moment in moments))
        return None


def find_quoted(sentence: str, moments: Sequence[EvidenceMoment]) -> EvidenceMoment | None:
    """The only moment of which a sentence repeats a text, nearly word by word; None for another.

    Nearly: the multiset of the words of the sentence and that of the text have at least
    `MIN_OVERLAP` of their words in common (Dice). Of several such moments none is returned: which
    one is meant is not known.
    """
    words = Counter(split_words(_FRAME.sub("", sentence)))
    quoted = []
    for moment in moments:
        texts = [Counter(split_words(piece.text)) for piece in moment.evidence]
        if words.total() >= MIN_QUOTED_WORDS and any(
            2 * (words & text).total() >= MIN_OVERLAP * (words.total() + text.total()) for text in texts
        ):
            quoted.append(moment)
    return quoted[0] if len(quoted) == 1 else None


def is_supported(statement: str, texts: Sequence[str], num_citations: int) -> bool:
    """Whether texts have all content words of a statement, beside those of its form.

    The number of citations is supported too: it answers how often something happens.
    """
    statement = _FRAME.sub("", statement)
    num_items = len({text.partition(ITEM_END)[0] for text in texts})
    if (counted := _ITEM_COUNT.match(statement)) is not None and int(counted[1] or 1) == num_items:
        statement = statement[counted.end() :]
    return _get_word_support()(statement, texts, num_citations)


@cache
def _get_word_support() -> WordSupport:
    return WordSupport()


def list_texts(moments: Sequence[EvidenceMoment]) -> list[str]:
    """What supports a statement about moments: their evidence, the names of their items, times."""
    return [
        f"{moment.item}{ITEM_END}{format_clock(moment.start)} {format_clock(moment.end)} {moment.scene or ''} {piece}"
        for moment in moments
        for piece in [" ".join(entry.text for entry in moment.evidence)]
    ]

"""Questions about one image, made from its captions: yes or no, what, colour, count.

As in POPE (Li et al. 2023, arXiv 2305.10355), each question of a thing that is there has one of the
same thing in an image where it is not: the answer follows neither from the thing nor the wording.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mm.data.language.clauses import parse_clause
from mm.data.language.concepts import COLOURS, KIN, NUMBERS, THINGS, find_named, stem
from mm.data.language.sources import Source, SourcePool
from mm.data.language.wording import SPLITS
from mm.data.query_texts import is_content_word
from mm.errors import InvalidInput

ImageQuestionKind = Literal["yes_no", "what", "colour", "count"]
MIN_AGREEING = 2
"""Captions of an image that must name a thing, its colour or its number."""
MAX_SAME_COUNT = 0.4
"""Largest share of one number among the answers to questions of counting."""
_ADVERSARIAL = 0.5  # share of 'no' whose thing often occurs together with what the image shows
_ONE = frozenset(("a", "an", "one"))
TEMPLATES: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {
        "yes_no": ("Is there {article} {thing} in the image?", "Can you see {article} {thing}?", "any {thing} here"),
        "what": ("What {be} {subject} doing?", "Describe what {subject} {be} doing."),
        "colour": ("What colour is the {thing}?", "colour of the {thing}"),
        "count": ("How many {plural} are there?", "count the {plural}"),
    },
    "dev": {
        "yes_no": ("Does the photo show {article} {thing}?", "Do you notice {article} {thing} somewhere?"),
        "what": ("Which action {be} {subject} in the middle of?", "action of {subject}"),
        "colour": ("Which colour does the {thing} have?", "the {thing} has what colour"),
        "count": ("What number of {plural} does the photo show?", "number of {plural}"),
    },
    "test": {
        "yes_no": ("Would you say {article} {thing} is in view?", "{thing}, yes or no?"),
        "what": ("Say what {subject} {be} up to.", "{subject}: up to what?"),
        "colour": ("Say the colour that the {thing} has.", "{thing}: which colour?"),
        "count": ("Say how many {plural} are in view.", "{plural}: how many?"),
    },
}
"""Wordings by split and kind; none is in two splits."""
_UNCOUNTED_TEXT = """
    person team ski glasses sunglasses costume uniform stairs railing drum board toy animal hose sprinkler
"""
_UNCOUNTED = frozenset(_UNCOUNTED_TEXT.split())
"""Concepts that captions name too loosely to be counted, or to be absent."""


@dataclass(frozen=True, slots=True)
class ImageQuestion:
    """A question about an image, with its short answer."""

    source: str
    """Id of the source, the image's number on Flickr."""
    split: str
    kind: ImageQuestionKind
    question: str
    answer: str
    """'yes', 'no', a colour, a number in digits, or a phrase that begins with a participle."""
    thing: str
    """The concept of the question; its subject for 'what'."""

    @property
    def sentence(self) -> str:
        """The answer as a sentence: 'Yes.', 'Running on a beach.'"""
        return f"{self.answer[:1].upper()}{self.answer[1:]}."


def draw_image_questions(pool: SourcePool, split: str, count: int, seed: int) -> list[ImageQuestion]:
    """Draw up to `count` questions of each kind; as many 'yes' as 'no' for every thing.

    Raises `InvalidInput` for an unknown split.
    """
    if split not in SPLITS:
        raise InvalidInput(f"There is no split '{split}'; there are {', '.join(SPLITS)}.")
    draw = random.Random(f"image questions {seed} {split}")
    sources = draw.sample(pool.sources, len(pool.sources))
    questions = _draw_yes_no(draw, sources, split, count)
    questions += _limit_same(_collect_counts(draw, sources, split), count)
    for collect in (_collect_actions, _collect_colours):
        questions += collect(draw, sources, split)[:count]
    return draw.sample(questions, len(questions))


def _draw_yes_no(draw: random.Random, sources: Sequence[Source], split: str, count: int) -> list[ImageQuestion]:
    present = {source.id: _find_agreed_things(source) for source in sources}
    together: dict[str, Counter[str]] = defaultdict(Counter)
    for things in present.values():
        for thing in things:
            together[thing].update(things - {thing})
    questions: list[ImageQuestion] = []
    used: set[tuple[str, str]] = set()
    for source in sources:
        for thing in sorted(present[source.id] - _UNCOUNTED):
            is_adversarial = draw.random() < _ADVERSARIAL
            absent = _find_absent(draw, sources, thing, used, together[thing] if is_adversarial else Counter())
            if absent is None or len(questions) + 2 > count:
                continue
            used.add((absent.id, thing))
            template = draw.choice(TEMPLATES[split]["yes_no"])
            text = template.format(thing=thing, article="an" if thing[0] in "aeiou" and thing != "uniform" else "a")
            questions += [
                ImageQuestion(entry.id, split, "yes_no", text, answer, thing)
                for entry, answer in ((source, "yes"), (absent, "no"))
            ]
    return questions


def _find_absent(
    draw: random.Random, sources: Sequence[Source], thing: str, used: set[tuple[str, str]], companions: Counter[str]
) -> Source | None:
    """A source without the thing; of some, the one with the most companions of the thing."""
    tried = draw.sample(sources, min(24, len(sources)))
    absent = [source for source in tried if not KIN[thing] & source.known and (source.id, thing) not in used]
    return max(absent, key=lambda source: sum(companions[term] for term in source.known), default=None)


def _find_agreed_things(source: Source) -> frozenset[str]:
    counts = Counter(term for caption in source.captions for term in find_named(caption) if term in THINGS)
    return frozenset(thing for thing, number in counts.items() if number >= MIN_AGREEING)


def _collect_actions(draw: random.Random, sources: Sequence[Source], split: str) -> list[ImageQuestion]:
    questions = []
    for source in sources:
        clause = parse_clause(draw.choice(source.captions))
        if (
            clause is None
            or clause.auxiliary == "does"
            or clause.predicate.startswith("wearing")
            or not find_named(clause.subject) & THINGS.keys()
        ):
            continue
        text = draw.choice(TEMPLATES[split]["what"]).format(subject=clause.subject, be=clause.auxiliary)
        if not find_leak(text, clause.predicate):
            questions.append(ImageQuestion(source.id, split, "what", _capitalize(text), clause.predicate, clause.subject))
    return questions


def _collect_colours(draw: random.Random, sources: Sequence[Source], split: str) -> list[ImageQuestion]:
    questions = []
    for source in sources:
        bound: dict[str, Counter[str]] = defaultdict(Counter)
        for caption in source.captions:
            for term in find_named(caption):
                colour, _, thing = term.partition(" ")
                if thing in THINGS and colour in COLOURS:
                    bound[thing][colour] += 1
        agreed = [(thing, colour) for thing, colours in sorted(bound.items()) if len(colours) == 1
                  for colour, number in colours.items() if number >= MIN_AGREEING and not _has_number(source, thing)]  # fmt: skip
        if agreed:
            thing, colour = draw.choice(agreed)
            text = draw.choice(TEMPLATES[split]["colour"]).format(thing=thing)
            questions.append(ImageQuestion(source.id, split, "colour", _capitalize(text), colour, thing))
    return questions


def _collect_counts(draw: random.Random, sources: Sequence[Source], split: str) -> list[ImageQuestion]:
    questions = []
    for source in sources:
        agreed = []
        for thing in sorted(_find_agreed_things(source) - _UNCOUNTED):
            numbers = Counter(number for caption in source.captions if (number := count_in_caption(caption, thing)) is not None)
            is_named_alone = all(not (KIN[thing] - {thing}) & find_named(caption) for caption in source.captions)
            stated = sorted(numbers.keys() - {0})
            if (
                len(stated) == 1
                and numbers[stated[0]] >= MIN_AGREEING
                and (stated[0] > 1 or (is_named_alone and 0 not in numbers))
            ):
                agreed.append((thing, stated[0]))
        if agreed:
            thing, number = draw.choice(agreed)
            text = draw.choice(TEMPLATES[split]["count"]).format(plural=find_plural(thing))
            questions.append(ImageQuestion(source.id, split, "count", _capitalize(text), str(number), thing))
    return questions


def count_in_caption(caption: str, thing: str) -> int | None:
    """The number of a thing that a caption states: 1 for 'a dog', 2 for 'two brown dogs'.

    None when it is not named, and 0, which agrees with no number, when it is named several times or
    in the plural without a number.
    """
    words = caption.lower().replace(",", " ").split()
    places = [index for index, word in enumerate(words) if word in THINGS[thing]]
    if not places:
        return None
    if len(places) > 1:
        return 0
    for word in reversed(words[max(places[0] - 3, 0) : places[0]]):
        if word in NUMBERS:
            return NUMBERS[word]
        if word in _ONE:
            return 1
        if word in ("the", "with", "and", "of", "in", "on", "is", "are", "his", "her"):
            return 0
    return 0


def find_plural(thing: str) -> str:
    """The plural that captions use: 'men', 'dogs'; with an s for others."""
    irregular = {"man": "men", "woman": "women", "child": "children", "baby": "babies", "bench": "benches", "bus": "buses"}
    return irregular.get(thing, f"{thing}es" if thing.endswith(("ss", "ch", "x")) else f"{thing}s")


def find_leak(question: str, answer: str) -> frozenset[str]:
    """Stems of content words that a question and its answer share."""
    left, right = (
        {stem(word) for word in text.lower().strip(" .?").replace(",", " ").split() if is_content_word(word)}
        for text in (question, answer)
    )
    return frozenset(left & right)


def _has_number(source: Source, thing: str) -> bool:
    """Whether a caption names several of a thing, whose colours may differ."""
    return any(count_in_caption(caption, thing) not in (None, 0, 1) for caption in source.captions)


def _limit_same(questions: Sequence[ImageQuestion], count: int) -> list[ImageQuestion]:
    """The first questions, no number being the answer of more than `MAX_SAME_COUNT` of them."""
    by_answer: dict[str, list[ImageQuestion]] = defaultdict(list)
    for question in questions:
        by_answer[question.answer].append(question)
    for size in range(min(count, len(questions)), 0, -1):
        limit = max(1, int(size * MAX_SAME_COUNT))
        if sum(min(len(group), limit) for group in by_answer.values()) >= size:
            return [question for group in by_answer.values() for question in group[:limit]][:size]
    return []


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:] if text.endswith(("?", ".")) else text

"""The hard evidence set: questions over several retrieved moments, with answers that cite them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mm.answers.evidence import REFUSAL, Statement, Turn
from mm.data.language.evidence.drafts import Draft, Maker
from mm.data.language.evidence.examples import EvidenceExample, Truth
from mm.data.language.evidence.follow_ups import MAX_ROUNDS, make_follow_up
from mm.data.language.evidence.picture_questions import (
    make_at_time,
    make_first,
    make_in_range,
    make_in_scene,
    make_neighbour,
    make_search,
    make_when_in,
)
from mm.data.language.evidence.word_questions import make_words
from mm.data.language.sources import SourcePool
from mm.data.language.typing_styles import draw_styles, type_text
from mm.data.language.wording import SPLITS, get_vocabulary, read_questions
from mm.errors import InvalidInput

MAKERS: dict[str, Callable[[Maker, str], Draft | None]] = {
    "when": make_search, "every": make_search, "which_item": make_search, "count": make_search, "count_items": make_search,
    "when_in": make_when_in, "at_time": make_at_time, "in_range": make_in_range, "in_scene": make_in_scene,
    "after": make_neighbour, "before": make_neighbour, "first": make_first,
    "said": make_words, "said_when": make_words, "read": make_words, "read_when": make_words,
}  # fmt: skip
FOLLOW_UPS = 0.25
"""Share of examples with a conversation before the question."""
_ATTEMPTS = 500


def draw_evidence_set(
    pool: SourcePool, split: str, count: int, seed: int, *, wordings: str | None = None
) -> list[EvidenceExample]:
    """Draw examples from sources, worded as in a split.

    An example depends on the sources, the wordings, the seed and its index only. `wordings` is a
    split or the path of a file as `read_questions` reads it; default: `split`. Raises
    `InvalidInput` for an unknown split or an unusable file, and when the sources are too few or
    too similar.
    """
    name = split if wordings is None else wordings
    if name in SPLITS:
        vocabulary = get_vocabulary(name)
    elif wordings is None or not Path(name).is_file():
        raise InvalidInput(f"There are no wordings '{name}'; there are those of {', '.join(SPLITS)}, or a TOML file.")
    else:
        vocabulary = replace(get_vocabulary(split), questions=read_questions(Path(name)))
        name = f"{split} with {Path(name).name}"
    return [
        _draw_example(Maker(random.Random(f"evidence {seed} {name} {index}"), pool, vocabulary), split, index)
        for index in range(count)
    ]


def _draw_example(maker: Maker, split: str, index: int) -> EvidenceExample:
    kinds = list(MAKERS)
    num_rounds = maker.draw.randint(2, MAX_ROUNDS) if maker.draw.random() < FOLLOW_UPS else 1
    for _ in range(_ATTEMPTS):
        turns: tuple[Turn, ...] = ()
        if num_rounds > 1:
            made = make_follow_up(maker, num_rounds)
            draft, turns = made if made is not None else (None, ())
        else:
            kind = kinds[index % len(kinds)]
            draft = MAKERS[kind](maker, kind)
        if draft is not None and len(draft.moments) > 1:
            return _finish(maker, draft, turns, split)
    raise InvalidInput(
        f"No question could be made from {len(maker.pool.sources)} images of '{split}': their captions are too similar."
    )


def _finish(maker: Maker, draft: Draft, turns: tuple[Turn, ...], split: str) -> EvidenceExample:
    template = maker.draw.choice(maker.vocabulary.questions[draft.kind.rpartition("/")[2]])
    styles = draw_styles(maker.draw)
    text = template.format(**draft.slots)
    question = type_text(text[:1].upper() + text[1:] if text.endswith(("?", ".")) else text, styles, maker.draw, draft.kept)
    is_refusal = draft.answer[0].text == REFUSAL
    texts = tuple(Statement(entry.text, (moment.id,)) for moment in draft.moments for entry in moment.evidence)
    supported = (() if is_refusal else draft.answer) + texts
    permitted = tuple(dict.fromkeys((*draft.right, *draft.referred)))
    truth = Truth(draft.right, permitted, is_refusal, supported, draft.count)
    return EvidenceExample(draft.kind, split, tuple(draft.moments), question, template, styles, draft.answer, truth, turns)

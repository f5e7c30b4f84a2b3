"""Questions about what was said and what is written, among moments that have other words too."""

from __future__ import annotations

from mm.answers.evidence import Kind, refuse
from mm.data.language.evidence.drafts import Draft, Maker, quote_speech, quote_writing
from mm.data.language.evidence.timelines import add_background_words, add_words, place_material

ABSENT = 0.3
"""Share of questions about a topic that no words of the kind in question name."""
_COUNTERPART = 0.6  # share with the topic in the other kind of words
NUM_MOMENTS = (4, 8)


def make_words(maker: Maker, kind: str) -> Draft | None:
    """said, said_when, read, read_when: the moment whose speech, or writing, is about a topic.

    The topic is often also in the other kind of words, in another moment, which is not the answer.
    """
    draw, vocabulary = maker.draw, maker.vocabulary
    wanted: Kind = "speech" if kind.startswith("said") else "written"
    other: Kind = "written" if wanted == "speech" else "speech"
    sources = draw.sample(maker.pool.sources, draw.randint(*NUM_MOMENTS))
    material = [(source, draw.randrange(len(source.captions))) for source in sources]
    moments = place_material(draw, vocabulary, material, draw.randint(1, 3), photos=False)
    topic, similar = draw.sample(vocabulary.topics, 2)
    sentences = {"speech": vocabulary.speech, "written": vocabulary.writing}
    target, counterpart, rival = draw.sample(range(len(moments)), 3)
    is_absent = draw.random() < ABSENT
    pattern = draw.choice(sentences[wanted])
    if not is_absent:
        moments[target] = add_words(moments[target], wanted, pattern.format(topic=topic))
    if draw.random() < _COUNTERPART:
        moments[counterpart] = add_words(moments[counterpart], other, draw.choice(sentences[other]).format(topic=topic))
    moments[rival] = add_words(moments[rival], wanted, pattern.format(topic=similar))  # the same words about another topic
    moments = add_background_words(draw, vocabulary, moments, (topic, similar))
    slots = {"topic": topic}
    if is_absent:
        return Draft(kind, slots, moments, refuse(), (), kept=(topic,))
    quote = quote_speech if wanted == "speech" else quote_writing
    return Draft(kind, slots, moments, (quote(moments[target]),), (moments[target].id,), kept=(topic,))

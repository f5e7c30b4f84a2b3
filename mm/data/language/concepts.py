"""Concepts that captions name, and whether a caption supports a query, by words alone.

A concept is an object, a person, an animal, a place or a colour, with the words that captions use
for it. `judge` has three results: a query that is neither supported nor excluded is ambiguous, and
no example is made of it. The words are the frequent ones of Flickr8k's training captions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from mm.data.query_texts import is_content_word

_THINGS_TEXT = """
    man men guy guys gentleman/woman women lady ladies/boy boys/girl girls/child children kid kids toddler toddlers/
    baby babies infant/person people someone adult adults crowd group/player players/skateboarder skateboarders/
    snowboarder snowboarders/surfer surfers/skier skiers/cyclist cyclists bicyclist bicyclists biker bikers/
    climber climbers/hiker hikers/team teams/dog dogs puppy puppies greyhound poodle/cat cats kitten/horse horses pony/
    bird birds duck ducks seagull/cow cows/animal animals/ball balls football basketball baseball/frisbee frisbees/
    stick sticks/rope ropes/toy toys/bike bikes bicycle bicycles bmx/motorcycle motorcycles motorbike motorbikes/car cars/
    truck trucks/bus buses/train trains/boat boats canoe kayak raft/skateboard skateboards/surfboard surfboards/
    snowboard snowboards/ski skis/board boards/helmet helmets/hat hats cap caps/shirt shirts/jacket jackets coat coats/
    dress dresses/sunglasses/glasses goggles/umbrella umbrellas/guitar guitars/bench benches/chair chairs/table tables/
    swing swings/slide slides/trampoline/tent tents/backpack backpacks bag bags/camera cameras/phone phones cellphone/
    book books/bottle bottles/kite kites/sled sleds/sign signs/bridge bridges/fence fences/flower flowers/
    hose/sprinkler/fountain fountains/balloon balloons/flag flags/drum drums/microphone microphones/sofa couch/bed beds/
    costume costumes/uniform uniforms/wheelchair/window windows/stairs steps/railing rail rails/ramp ramps
"""
_SCENERY_TEXT = """
    beach shore/ocean sea/water/river stream creek/lake pond/pool pools/snow snowy/grass grassy lawn/field fields/
    street streets road sidewalk/mountain mountains/hill hills/cliff cliffs/rock rocks/park parks/forest woods/sand sandy/
    tree trees/wall walls/building buildings/mud muddy/wave waves/ice/yard backyard/city/track/playground/house houses
"""
COLOURS = ("red", "blue", "green", "yellow", "white", "black", "brown", "orange", "pink", "purple", "grey", "tan")
NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_PARENTS = {
    "person": "man woman boy girl child baby player skateboarder snowboarder surfer skier cyclist climber hiker team",
    "child": "boy girl baby",
    "animal": "dog cat horse bird cow",
    "board": "skateboard surfboard snowboard",
}
_HYPERNYMS = {
    name: tuple(parent for parent, names in _PARENTS.items() if name in names.split())
    for names in _PARENTS.values()
    for name in names.split()
}
_CONFUSABLE_TEXT = """
    man boy/woman girl/boy girl baby/bike motorcycle/hat helmet/sunglasses glasses/shirt jacket dress costume uniform/
    car truck bus/ski snowboard sled/bench chair/toy stick rope/rope hose/sofa bed chair/railing fence stairs/
    ball frisbee toy/hose sprinkler fountain/brown tan orange/white grey tan/black grey/pink purple red/orange red yellow/
    blue purple green/cyclist bike/skateboarder skateboard/skier ski/snowboarder snowboard skier/surfer surfboard/
    guitar microphone drum
"""
_ROLES = ("player", "skateboarder", "snowboarder", "surfer", "skier", "cyclist", "climber", "hiker", "team")
PEOPLE = frozenset(("man", "woman", "boy", "girl", "child", "baby", "person"))
_GENERIC_WORDS_TEXT = """
    being has have does doing going something picture photo image background looking shown wearing
"""
_GENERIC_WORDS = frozenset(_GENERIC_WORDS_TEXT.split())
_ENDS_BINDING_TEXT = """
    in on at with is are while of to near by the a an his her
"""
_ENDS_BINDING = frozenset(_ENDS_BINDING_TEXT.split())
_MAX_BINDING = 4
_WORD = re.compile(r"[a-z]+")


def _parse(text: str) -> dict[str, tuple[str, ...]]:
    groups = [group.split() for group in text.split("/")]
    return {group[0]: tuple(group) for group in groups if group}


THINGS = _parse(_THINGS_TEXT)
"""Objects, people and animals by name, with the words for each."""
SCENERY = _parse(_SCENERY_TEXT)
"""Places. Captions often leave them out, so that their absence excludes nothing."""


class Support(Enum):
    """Whether a text supports a query."""

    HOLDS = "holds"
    EXCLUDED = "excluded"
    AMBIGUOUS = "ambiguous"


def stem(word: str) -> str:
    """Reduce the forms of a regular verb or noun to one: 'riding', 'rides' and 'ride' to 'rid'."""
    for suffix in ("ing", "ed", "es", "s"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    word = word.removesuffix("e") if len(word) > 3 else word
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _build_word_table() -> dict[str, str]:
    table = {word: name for group in (THINGS, SCENERY) for name, words in group.items() for word in words}
    return table | {colour: colour for colour in COLOURS} | {"gray": "grey", "golden": "tan"}


_CONCEPT_OF_WORD = _build_word_table()


def _build_kin() -> dict[str, frozenset[str]]:
    kin = {name: {name} for name in [*THINGS, *SCENERY, *COLOURS]}
    pairs = [(name, parent) for name, parents in _HYPERNYMS.items() for parent in parents]
    pairs += [(left, right) for group in _CONFUSABLE_TEXT.split("/") for left in group.split() for right in group.split()]
    pairs += [(role, person) for role in _ROLES for person in (*sorted(PEOPLE), *_ROLES)]
    for left, right in pairs:
        kin[left].add(right)
        kin[right].add(left)
    return {name: frozenset(names) for name, names in kin.items()}


KIN = _build_kin()
"""For each concept the ones that another person may name the same thing by; itself included."""


@lru_cache(maxsize=200_000)
def find_named(text: str) -> frozenset[str]:
    """The terms of a text: concepts, colours and numbers bound to things, stems of other words.

    "Two brown dogs run" gives '#2 dog', 'brown', 'dog', 'brown dog' and 'run'.
    """
    words = _WORD.findall(text.lower())
    terms: set[str] = set()
    for index, word in enumerate(words):
        if word in _CONCEPT_OF_WORD:
            concept = _CONCEPT_OF_WORD[word]
            terms.add(concept)
            if concept in COLOURS and (thing := _find_bound_concept(words[index + 1 : index + 1 + _MAX_BINDING])):
                terms.add(f"{concept} {thing}")
        elif word in NUMBERS:
            thing = _find_bound_concept(words[index + 1 : index + 1 + _MAX_BINDING])
            terms.add(f"#{NUMBERS[word]} {thing}" if thing else f"#{NUMBERS[word]}")
        elif is_content_word(word) and word not in _GENERIC_WORDS:
            terms.add(stem(word))
    return frozenset(terms)


def find_terms(text: str) -> frozenset[str]:
    """The terms of `find_named`, and their hypernyms: a text about a man is about a person."""
    named = find_named(text)
    return named | {parent for term in named for parent in _HYPERNYMS.get(term, ())}


def _find_bound_concept(words: list[str]) -> str | None:
    """The concept that a colour or a number before these words describes."""
    for word in words:
        concept = _CONCEPT_OF_WORD.get(word)
        if concept is not None and concept not in COLOURS:
            return concept
        if word in _ENDS_BINDING:
            return None
    return None


def judge(query: frozenset[str], shown: frozenset[str], known: frozenset[str]) -> Support:
    """Whether a text supports a query.

    It holds when every term of the query is among `shown`, the terms of the text. It is excluded
    when a thing or a colour of the query, under none of its names, is in `known`, the named terms
    of all texts about the same image; a colour excludes only where another colour is named.
    """
    if query and query <= shown:
        return Support.HOLDS
    has_colour = any(colour in known for colour in COLOURS)
    for term in query:
        if (term in THINGS or (term in COLOURS and has_colour)) and not KIN[term] & known:
            return Support.EXCLUDED
    return Support.AMBIGUOUS


def find_things(texts: Iterable[str]) -> frozenset[str]:
    """The concepts among `THINGS` that the texts name, without hypernyms."""
    return frozenset(term for text in texts for term in find_named(text) if term in THINGS)

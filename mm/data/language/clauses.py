"""Parses captions into a subject and what it does, and finds noun phrases in them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mm.data.language.concepts import COLOURS, PEOPLE, find_things
from mm.data.query_texts import is_content_word

MAX_SUBJECT_WORDS, MAX_PREDICATE_WORDS = 5, 7
_PARTICIPLE = re.compile(r"^(?P<subject>(?:[\w'-]+ ){1,5}?)(?:(?P<be>is|are) )?(?P<predicate>[a-z]{2,}ing\b(?: .+)?)$")
_SINGULAR = (
    "man|woman|boy|girl|dog|child|person|baby|kid|lady|guy|player|cyclist|skier|surfer|climber|hiker|skateboarder|snowboarder"
    "|puppy|cat|horse|bird"
)
_THIRD_PERSON = re.compile(
    rf"^(?P<subject>(?:an?|the|one) (?:[\w'-]+ ){{0,3}}?(?:{_SINGULAR})) (?P<verb>[a-z]{{2,}}s) (?P<rest>.+)$"
)
_NOUN_PHRASE = re.compile(
    r"\b(?:an?|two|three) (?:[a-z]+ ){0,2}?(?:[a-z]+)"
    r"(?= (?:is|are|on|in|at|with|through|over|near|by|under|and|while|to|into|from|of|that"
    r"|wearing|holding|running|jumping|playing|sitting|standing|walking)\b|$)"
)
_FINITE = re.compile(
    r"\b(?:is|are|has|have|stands?|sits?|runs?|jumps?|walks?|plays?|looks?|holds?|rides?|smiles?|poses?|leaps?|climbs?|watch(?:es)?|"
    r"swims?|catch(?:es)?|swings?|leans?|throws?|kicks?|takes?|does|do|goes|go|gets?|makes?|performs?|lays?|lies|slides?|dances?)\b"
)
_DANGLING = re.compile(r"^(?!red$|bed$|sled$|string$|swing$|building$|railing$).*(?:ing|ed)$")
_CUT = re.compile(r" (?:while|whilst|as|and|who|that|which|when|because|but|so) |[,;.:]| - ")
_DETERMINERS_TEXT = """
    a an the one two three four five some several many people
"""
_DETERMINERS = frozenset(_DETERMINERS_TEXT.split())
_BREAKS_TEXT = """
    each other one another against towards toward onto around between very together
    on at through over near by under to into from for up down across along behind beside off is are
"""
_BREAKS = frozenset(_BREAKS_TEXT.split())
_NOT_PARTICIPLES_TEXT = """
    during evening morning building ceiling clothing railing something swing king ring string wing spring thing
"""
_NOT_PARTICIPLES = frozenset(_NOT_PARTICIPLES_TEXT.split())


@dataclass(frozen=True, slots=True)
class Clause:
    """A statement as its parts: ('a brown dog', 'is', 'running through grass')."""

    subject: str
    auxiliary: str
    """'is' or 'are' before a participle, 'does' before an infinitive."""
    predicate: str
    phrase: str
    """The clause as a noun phrase: 'a brown dog running through grass', 'a dog that runs'."""

    @property
    def question(self) -> str:
        """The clause in the word order of a question: 'is a brown dog running through grass'."""
        return f"{self.auxiliary} {self.subject} {self.predicate}"


def clean_caption(caption: str) -> str:
    """A caption as a sentence without its final period: single spaces, first letter upper case."""
    text = re.sub(r"\s+([,.;:'])", r"\1", " ".join(caption.replace('"', "").split())).strip(" .!?")
    return text[:1].upper() + text[1:]


def parse_clause(caption: str) -> Clause | None:
    """Parse a caption; None when its form is none of the known ones. The predicate is shortened."""
    text = clean_caption(caption)
    text = _CUT.split(text[:1].lower() + text[1:])[0]
    third = _THIRD_PERSON.match(text)
    if third and third["verb"] not in ("has", "is", "does", "wears", "as", "this"):
        return _make(third["subject"], "does", third["verb"], third["rest"])
    match = _PARTICIPLE.match(text)
    if match is None or match["predicate"].split()[0] in _NOT_PARTICIPLES:
        return None
    subject = match["subject"].strip()
    is_plural = subject.split()[0] in ("two", "three", "four", "five", "some", "several", "many", "people")
    verb, _, rest = match["predicate"].partition(" ")
    if match["be"] is None and _FINITE.search(rest):
        return None  # 'a boy wearing glasses stands on a rope': the participle is not the verb
    return _make(subject, match["be"] or ("are" if is_plural else "is"), verb, rest)


def find_infinitive(verb: str) -> str:
    """The infinitive of a verb in the third person: 'carries' to 'carry', 'catches' to 'catch'."""
    if verb.endswith("ies") and len(verb) > 4:
        return verb[:-3] + "y"
    if re.search(r"(?:ch|sh|ss|x|go|do)es$", verb):
        return verb[:-2]
    return verb[:-1]


def find_noun_phrases(caption: str) -> list[str]:
    """Noun phrases with a content word, in order: 'a brown dog', 'two girls'."""
    phrases = [match.group() for match in _NOUN_PHRASE.finditer(clean_caption(caption).lower())]
    return [phrase for phrase in phrases if _is_noun_phrase(phrase.split())]


def _is_noun_phrase(words: list[str]) -> bool:
    """Whether the last word can be a noun and no earlier one is a person.

    'two men ride' of 'two men ride horses' is no noun phrase.
    """
    has_person_inside = bool(find_things([" ".join(words[:-1])]) & PEOPLE)
    is_verb = bool(_FINITE.fullmatch(words[-1])) and not find_things(words[-1:])
    is_other = not is_content_word(words[-1]) or words[-1].endswith("ing") or words[-1] in COLOURS
    return not (has_person_inside or is_verb or is_other)


def _make(subject: str, auxiliary: str, verb: str, rest: str) -> Clause | None:
    words = rest.split()[: MAX_PREDICATE_WORDS - 1]
    while words and (
        not is_content_word(words[-1]) or _DANGLING.search(words[-1]) or words[-1] in _BREAKS or words[-1] in COLOURS
    ):
        words.pop()
    subject_words = subject.split()
    is_clean = all(re.fullmatch(r"[a-z'-]+", word) for word in [*subject_words, verb, *words])
    is_known = bool(subject_words) and subject_words[0] in _DETERMINERS
    if not is_clean or not is_known or len(subject_words) > MAX_SUBJECT_WORDS or set(subject_words) & _BREAKS:
        return None
    tail = " ".join(["", *words])
    if auxiliary == "does":
        return Clause(subject, auxiliary, find_infinitive(verb) + tail, f"{subject} that {verb}{tail}")
    return Clause(subject, auxiliary, verb + tail, f"{subject} {verb}{tail}")

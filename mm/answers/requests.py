"""Removal of the words that request a search: 'I would like to see a dog instead' gives 'a dog'."""

from __future__ import annotations

import re

from mm.answers.words import FUNCTION_WORDS, QUESTION_WORDS, REQUEST_WORDS

_SUBJECT = re.compile(
    r"^(?:(?:please|pls|kindly|ok|okay|now|then|so|well|actually|and|maybe|hey|hm+|just|next(?: up)?)\b[,:]?\s*)*"
    r"(?:(?:could|can|would|will|may|might|do|did|have|has) (?:you|we|i)\b\s*"
    r"|(?:i|we)(?: would|'d)? (?:like|love|want|need|prefer|wish|mean|meant)(?: you)?(?: to)?\b\s*"
    r"|(?:i|we)(?:'m| am|'re| are| was| were)(?: (?:after|interested in|thinking (?:of|about)|looking for|searching for))?\b\s*"
    r"|(?:i|we)(?:'ll| will| shall)\b\s*"
    r"|(?:let us|let's|lets|let me|how about|what about|try to|need to|want to|like to|go ahead and)\b\s*"
    r"|(?:please|kindly|just|maybe|now)\b\s*)*"
)
_VERB = re.compile(
    r"^(?:pull|dig|bring|look|search|hunt|seek|fetch|grab|get|got|check|scan|browse|try|switch|turn|move|go|change|jump|display"
    r"|retrieve|list|open|load|pick|track|spot|locate|find|show|see|watch|view|know|think|discover|identify|head|filmed|recorded"
    r"|captured|shot|stored|own)(?: (?:up|out|down|over|on|through|around|back))?(?: (?:me|us))?"
    r"(?: (?:any|some|more))?(?: (?:files?|videos?|vids?|clips?|photos?"
    r"|pics?|pictures?|images?|imgs?|footage|recordings?|moments?|scenes?))?"
    r"(?P<preposition> (?:for|to|of|at|about|with))?\s+"
)
_DETERMINER = re.compile(r"(?:an?|the|any|some|one|two|three|four|five|six|my|our|his|her|their|another|for|to|of)\b")
_END = re.compile(
    r"[\s,]+(?:instead|next|now|please|pls|thanks|for (?:me|us)|this time|too|filmed|recorded|captured|shown|seen)[\s.!?]*$"
)
_MAX_VERBS = 3
_ARTICLE = re.compile(r"\ban? (?=\w)(?!(?:few|bit|lot|while)\b)")
_WORD = re.compile(r"[\w']+")
_ASKING = (
    FUNCTION_WORDS
    | QUESTION_WORDS
    | REQUEST_WORDS
    | frozenset(("where's", "what's", "there's", "i'm", "i'd", "we're", "it's", "let's"))
)


def remove_request(text: str) -> str:
    """A lower-case question without its request; unchanged when nothing else is left.

    A verb of request at the beginning is removed before a preposition or a determiner only: 'try a
    slide' gives 'a slide', and 'open window' stays.
    """
    rest = _END.sub("", text).strip()
    match = _ARTICLE.search(rest)
    if match is not None and all(word in _ASKING for word in _WORD.findall(rest[: match.start()])):
        return rest[match.start() :]
    rest = _SUBJECT.sub("", rest)
    for _ in range(_MAX_VERBS):
        match = _VERB.match(rest)
        if match is None or not (match["preposition"] or _DETERMINER.match(rest, match.end())):
            break
        rest = rest[match.end() :]
    return rest if re.search(r"\w", rest) else text

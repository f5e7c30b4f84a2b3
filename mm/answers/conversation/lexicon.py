"""Words and phrases of commands by operation, as lists that a person can extend."""

from __future__ import annotations

import re

_TALK = """
    thanks thank thx ty cheers great good nice cool perfect lovely wonderful excellent awesome super brilliant fine okay ok hm hmm
    aha wow hello hi hey bye goodbye interesting understood right alright sure yes yep yeah well neat sweet
"""
_WITH_TALK = """
    you u very much so that it is was i see got to know one all now for helps helped done let me think a the this work job
    then and we are just what needed
"""
_SELECT = """
    the one ones show me open take mean i result hit moment go with number pick play that this please select choose see want give
    let us of these those use look at and to in list my it
"""
_EARLIER = "earlier before prior sooner previously preceding beforehand backwards backward"
_LATER = "later after afterwards following subsequent subsequently onwards onward further next forwards forward"
_WITH_TIME = """
    is are was were there something anything somewhere and what about it that this any on in the further front up start beginning
    end towards toward move go a bit little much than to of then them did happen see can we i show me some one more ones maybe
    please look but
"""
_LIMIT = """
    only just search look in inside within limit restrict narrow it to care about stick nothing except alone stay stay with
    please pls i want the results from of this that file video item down now for me show are and them keep focus confine
"""
_WITHOUT = """
    without minus except excepting excluding exclude excluded excludes omit omitted omitting skip skipping no not hide hidden
    remove removed dropping ignore ignored nor leave left
"""
_WITH_WITHOUT = """
    but and the ones one those that which with out any a an of in it there should be must may can shall have has having contain
    contains show shows showing is are all everything anything please only results moments they them these some get rid filter
    take just now i want do from visible drop away
"""
_ALSO = """
    also plus too additionally as besides including include required require requires requiring must should needs need keep add
    adding both together along
"""
_WITH_ALSO = """
    and well with the ones one those that which a an any some of in it there be have has having contain contains containing show
    shows showing is are all please only results moments they them these just now i want you to where but can see do
"""
ALL_ITEMS = re.compile(
    r"\b(?:all|every|any|whole|entire|other)(?: of)?(?: the| my)? (?:files?|videos?|vids?|items?|library|recordings?"
    r"|films?|clips?|collection|media|photos?|footage)\b|\beverywhere\b|\banywhere\b"
    r"|\b(?:drop|lift|remove|cancel|end|clear|undo|without)(?: that| the| this)? (?:limit|limitation|restriction|filter)\b"
)
"""The restriction to items ends."""
BACK = re.compile(
    r"^(?:please )?(?:go|take me|bring me|return|step|get|move|switch)(?: one)?(?: step)? back\b(?! (?:from|further|in time))"
    r"|^(?:return|go|back) to before$"
    r"|^(?:undo|revert)\b|^back\b(?! (?:further|in time|of|before (?:that|this|it)))"
    r"|^(?:one|a) step back\b|^step back$"
    r"|\b(?:previous|last|former|prior|earlier) (?:lists?|results?|search|state|query|step|view|hits)\b|\bwhat i had\b"
    r"|^(?:to |back to )?what (?:we|i|you) (?:had|saw|got|were|was)\b"
    r"|^(?:just )?(?:as|like|the way|how)(?: it| we| that| i| things)?"
    r"(?: was| were| had| is)?(?: it| them)? (?:before|earlier|previously)$"
    r"|\b(?:cancel|undo|revert|reverse|take back) (?:that|it|the last|this|my last)\b"
)
"""The last change is undone."""
CLEAR = re.compile(
    r"\b(?:start|begin) (?:over|again|afresh|fresh)\b|\breset\b|\bfrom (?:scratch|zero|the start|the beginning)\b"
    r"|\bforget (?:all|everything|it all|about|that|it)\b"
    r"|\b(?:clear|wipe|delete|discard) (?:all|everything|the search|it all|it)\b"
    r"|\b(?:remove|drop|clear) (?:all|every) (?:the |of the )?(?:conditions?|filters?|restrictions?)\b|\bnew search\b"
    r"|\b(?:clear|reset|remove|drop|delete|wipe)(?: the| my| these| those)? (?:conditions|filters|restrictions)\b"
    r"|^(?:clear|scratch)$|^(?:all the way )?back to (?:zero|scratch|square one|the (?:very )?(?:start|beginning))$"
    r"|^never ?mind (?:all|everything)\b"
    r"|\b(?:\bforget|ignore|disregard) (?:what|everything|anything|all)"
    r" (?:that )?(?:i|we) (?:have )?(?:said|\basked|did|\btold|wrote|typed)\b"
)
"""Everything is forgotten."""
PHRASES = {
    "not the ones": "without", "leave out": "without", "left out": "without", "get rid of": "without", "filter out": "without",
    "take out": "without", "as well": "also", "has to": "must", "have to": "must", "in addition": "also",
    "up front": "earlier", "front": "earlier", "the beginning": "earlier", "the start": "earlier", "further on": "later",
    "the end": "later",
}  # fmt: skip
"""Phrases that are replaced by one word before the words are looked up."""

TALK, WITH_TALK = frozenset(_TALK.split()), frozenset(_WITH_TALK.split())
SELECT = frozenset(_SELECT.split())
EARLIER, LATER, WITH_TIME = frozenset(_EARLIER.split()), frozenset(_LATER.split()), frozenset(_WITH_TIME.split())
LIMIT = frozenset(_LIMIT.split())
WITHOUT, WITH_WITHOUT = frozenset(_WITHOUT.split()), frozenset(_WITH_WITHOUT.split())
ALSO, WITH_ALSO = frozenset(_ALSO.split()), frozenset(_WITH_ALSO.split())
_OTHER = """
    everywhere everything library previous cancel revert search restriction beginning conditions scratch undo
"""
COMMAND_WORDS = (
    TALK | SELECT | EARLIER | LATER | WITH_TIME | LIMIT | WITHOUT | WITH_WITHOUT | ALSO | WITH_ALSO | frozenset(_OTHER.split())
)
"""Words whose spelling is corrected."""

"""Whether texts have the words of a statement.

A statement is supported when every content word and number of it is in the texts, in any inflection
that a regular verb or noun has; words for one object are equal, and 'animal' is supported by 'dog'.
It is a test of words: a paraphrase ('speaks' for 'talks') and an irregular form ('swam') count as
unsupported, and words in a wrong relation ('the man bites the dog') as supported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm.metrics.language.ngrams import Tokens
from mm.metrics.language.objects import ObjectWords, default_object_words
from mm.metrics.language.ptb_tokenizer import tokenize

_NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve"
NUMBERS = {word: str(number) for number, word in enumerate(_NUMBER_WORDS.split())} | {"once": "1", "twice": "2"}

_FUNCTION_WORDS = """
    a an the this that these those there here it its he she they them his her their him who which what when where while as
    and or but so if then than of in on at to from by for with without into onto over under up down out off through near
    between during before after around across along against about is are was were be been being am do does did has have
    had can could will would not no yes 's n't 're 've 'll 'd 'm
"""
_REPORTING_WORDS = """
    video clip scene moment time second minute part photo picture image item file evidence shown show shows seen see sees
    appear appears appearing happen happens happening occur occurs visible found find begin begins start starts end ends
    first last next later earlier again also only both all each total times
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
_IGNORED = FUNCTION_WORDS | frozenset(_REPORTING_WORDS.split())


class WordSupport:
    """Judges statements by their words; by default with the shipped object words."""

    def __init__(self, words: ObjectWords | None = None) -> None:
        self._words = words or default_object_words()

    def __call__(self, statement: str, texts: Sequence[str], num_citations: int) -> bool:
        """Whether the texts, of which there is one or more, have all words of the statement.

        The number of citations is supported, too: it answers how often something happens.
        """
        captions = [tokenize(text) for text in texts]
        known = set(self._words.supported_by(captions)) | {str(num_citations)}
        for tokens in captions:
            known |= self._forms(tokens)
            known |= {"1"} if {"a", "an"} & set(tokens) else set()
        return bool(texts) and self._forms(tokenize(statement)) <= known

    def _forms(self, tokens: Tokens) -> set[str]:
        return {self._form(token) for token in tokens if token not in _IGNORED and re.search(r"\w", token)}

    def _form(self, token: str) -> str:
        objects = self._words.find((token,))
        return objects[0] if objects else NUMBERS.get(token) or stem(token)


def stem(word: str) -> str:
    """Remove the regular inflections of English: 'ride', 'rides' and 'riding' give 'rid'."""
    base = re.sub(r"(?<=\w\w)(?:(?<=[sxz])es|(?<=[cs]h)es|(?<!s)s)$", "", word)
    base = re.sub(r"(?<=\w\w\w)(?:ing|ed)$", "", base)
    base = re.sub(r"(?<=\w\w)e$", "", base)
    base = re.sub(r"([bdfglmnprt])\1$", r"\1", base)
    return re.sub(r"(?<=\w\w)(?:y|i)$", "i", base)

"""The PTB-like tokenizer. `EXPECTED` has what PTBTokenizer 3.4.1 gives, without punctuation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.metrics.language import tokenize

EXPECTED = {
    "A man 's hat is n't here . Two men , one dog .": "a man 's hat is n't here two men one dog",
    "She can't, won't; it's they'll we've I'm he'd": "she ca n't wo n't it 's they 'll we 've i 'm he 'd",
    "cannot gonna wanna gotta gimme lemme": "can not gon na wan na got ta gim me lem me",
    "y'all ain't O'Neill's D'Angelo": "y' all ai n't o'neill 's d'angelo",
    "\"Quoted\" 'single' (parens) [brackets] {braces}": (
        "quoted single -lrb- parens -rrb- -lsb- brackets -rsb- -lcb- braces -rcb-"
    ),
    "and/or 1/2 1,000 3.5 5:30 7pm 5:30pm $5 50% #1 @home A&W at&t": (
        "and/or 1/2 1,000 3.5 5:30 7pm 5:30 pm $ 5 50 % # 1 @home a&w at & t"
    ),
    "Mr. Smith of the U.S. at St. John's Ave. vs. Dr. Who... end.": "mr. smith of the u.s. at st. john 's ave. vs. dr. who end",
    "boys' toys o'clock rock'n'roll slip 'n' slide 'til 'em '90s 90's": (
        "boys toys o'clock rock 'n' roll slip 'n' slide 'til 'em '90s 90 's"
    ),
    "t-shirt -- dash - dash – en — em … a; b: bang! really?! what?? ***stars***": (
        "t-shirt dash dash en em a b bang really ?! what ?? *** stars ***"
    ),
    "café naïve 日本語 ½ cup £5 ¢ emoji 😀 x² C++ C# foo_bar foo@bar.com": (
        "café naïve 日本語 1/2 cup # 5 cents emoji x ² c++ c# foo_bar foo@bar.com"
    ),
    "10-year-old in a v-neck 3-on-3 9/11 4x4 no. 5 number 23.": "10-year-old in a v-neck 3-on-3 9/11 4x4 no. 5 number 23",
    "the dog.the cat and 3.the end.The dog...a cat?A bird,a girl": "the dog.the cat and 3 the end.the dog a cat?a bird a girl",
    '5\'10" tall 10 a.m. and U.S.-made a--b "it\'s"': "5 10 tall 10 a.m. and u.s.-made a b it 's",
    "“Curly” ‘quotes’ aren’t": "curly quotes are n't",
    "": "",
    " . ": "",
}


@pytest.mark.parametrize("text", EXPECTED)
def test_tokenize_splits_as_the_penn_treebank(text: str) -> None:
    assert " ".join(tokenize(text)) == EXPECTED[text]


@settings(max_examples=100)
@given(st.text(max_size=40))
def test_tokenize_of_any_text_gives_tokens_without_space_in_lower_case(text: str) -> None:
    tokens = tokenize(text)
    assert all(token and token.split() == [token] for token in tokens)
    assert all(token == token.lower() for token in tokens)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["dog", "t-shirt", "1,000", "is", "n't", "'s", "café", "-lrb-"]), max_size=8))
def test_tokenize_of_tokens_keeps_them(tokens: list[str]) -> None:
    kept = [token for token in tokens if token != "-lrb-"]
    assert tokenize(" ".join(kept)) == tuple(kept)

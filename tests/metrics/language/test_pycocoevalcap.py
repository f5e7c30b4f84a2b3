"""BLEU, ROUGE-L, CIDEr-D and the tokenizer equal those of the COCO caption evaluation."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings

from mm.metrics.language import bleu, cider_d, rouge_l, tokenize
from mm.metrics.language.bleu import count_bleu
from tests.metrics.language.plain import CORPUS, Words
from tests.metrics.language.test_ptb_tokenizer import EXPECTED
from tests.metrics.language.test_scores import split

ptbtokenizer = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer")

Corpus = list[tuple[Words, list[Words]]]


def compute(scorer: object, corpus: Corpus, **options: object) -> tuple[object, object]:
    references = {number: [" ".join(words) for words in several] for number, (_, several) in enumerate(corpus)}
    candidates = {number: [" ".join(words)] for number, (words, _) in enumerate(corpus)}
    return scorer.compute_score(references, candidates, **options)  # type: ignore[attr-defined,no-any-return]


@settings(max_examples=60, deadline=None)
@given(CORPUS)
def test_bleu_equals_pycocoevalcap(corpus: Corpus) -> None:
    from pycocoevalcap.bleu.bleu import Bleu

    corpus_scores, scores = compute(Bleu(4), corpus, verbose=0)
    assert bleu(*split(corpus)) == pytest.approx(corpus_scores, rel=1e-9, abs=1e-12)
    counts = count_bleu(*split(corpus))
    for row in range(len(corpus)):
        assert counts.score([row]) == pytest.approx([scores[n][row] for n in range(4)], rel=1e-9, abs=1e-12)  # type: ignore[arg-type,index]


@settings(max_examples=60, deadline=None)
@given(CORPUS)
def test_rouge_l_equals_pycocoevalcap(corpus: Corpus) -> None:
    from pycocoevalcap.rouge.rouge import Rouge

    mean, scores = compute(Rouge(), corpus)
    ours = rouge_l(*split(corpus))
    assert ours == pytest.approx(scores)
    assert ours.mean() == pytest.approx(mean)


@settings(max_examples=60, deadline=None)
@given(CORPUS)
def test_cider_d_equals_pycocoevalcap(corpus: Corpus) -> None:
    from pycocoevalcap.cider.cider import Cider

    mean, scores = compute(Cider(), corpus)
    ours = cider_d(*split(corpus))
    assert ours == pytest.approx(scores, abs=1e-9)
    assert ours.mean() == pytest.approx(mean, abs=1e-9)


@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
def test_tokenize_equals_java_tokenizer_of_pycocoevalcap() -> None:
    folder = Path(ptbtokenizer.__file__).parent
    main = ["edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase"]
    lines = subprocess.run(
        ["java", "-cp", str(folder / ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR), *main],
        input="\n".join(EXPECTED),
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout.splitlines()
    expected = [tuple(word for word in line.split() if word not in ptbtokenizer.PUNCTUATIONS) for line in lines]
    assert [tokenize(text) for text in EXPECTED] == expected

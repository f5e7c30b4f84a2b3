from __future__ import annotations

import random
from itertools import pairwise

import pytest

from mm.answers.summaries import MAX_CHAPTERS, make_chapters, write_paragraph
from mm.errors import InvalidInput
from tests.answers.moments import make_moment


def test_make_chapters_of_few_scenes_has_one_for_each() -> None:
    scenes = [
        (0.0, 10.0, make_moment("m1", picture="A brown dog runs through the wet grass")),
        (10.0, 25.0, make_moment("m2", speech="come here")),
        (25.0, 30.0, make_moment("m3")),
    ]

    chapters = make_chapters(scenes)

    assert [(chapter.start, chapter.end) for chapter in chapters] == [(0.0, 10.0), (10.0, 25.0), (25.0, 30.0)]
    assert [chapter.title for chapter in chapters] == ["A brown dog runs", "Come here", "From 00:25"]
    assert write_paragraph(chapters) == ('00:30 in 3 parts. A brown dog runs through the wet grass. Someone says: "come here".')


def test_write_paragraph_joins_adjacent_quotations_of_one_kind() -> None:
    texts = [{"speech": "come here"}, {"speech": "sit down"}, {"picture": "A dog sits"}, {"speech": "good"}, {"written": "EXIT"}]
    scenes = [(float(n), float(n + 1), make_moment(f"m{n}", **text)) for n, text in enumerate(texts)]

    assert write_paragraph(make_chapters(scenes)) == (
        '00:05 in 5 parts. Someone says "come here", then "sit down". A dog sits. Someone says: "good". It reads: "EXIT".'
    )


def test_chapter_title_of_seven_words_is_not_cut() -> None:
    chapters = make_chapters([(0.0, 9.0, make_moment("m1", picture="A person is riding a red motorcycle."))])

    assert chapters[0].title == "A person is riding a red motorcycle"


@pytest.mark.parametrize("seed", range(5))
def test_make_chapters_of_many_scenes_cover_the_item_without_gaps(seed: int) -> None:
    draw = random.Random(seed)
    ends = sorted(draw.sample(range(1, 100_000), 2000))
    scenes = [
        (float(start), float(end), make_moment(f"m{end}", picture=f"Scene {end}"))
        for start, end in zip([0, *ends], ends, strict=False)
    ]

    chapters = make_chapters(iter(scenes))

    assert len(chapters) == MAX_CHAPTERS
    assert (chapters[0].start, chapters[-1].end) == (0.0, float(ends[-1]))
    assert all(left.end == right.start for left, right in pairwise(chapters))


def test_make_chapters_prefers_scenes_with_evidence() -> None:
    scenes = [(float(n), float(n + 1), make_moment(f"m{n}", **({"speech": "a dog barks"} if n == 20 else {}))) for n in range(40)]

    assert sum("a dog barks" in chapter.text for chapter in make_chapters(scenes)) == 1


def test_make_chapters_without_scenes_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="no scenes"):
        make_chapters([])

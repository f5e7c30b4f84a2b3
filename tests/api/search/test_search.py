"""Search: each query component, the response, and each refusal, with real towers and index."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment, TextImage
from tests.api import media
from tests.api.conftest import QUERY_BYTES, ApiServer, add_searchable, assert_problem

if TYPE_CHECKING:
    from collections.abc import Iterator


def ask(api: ApiServer, **question: object) -> dict[str, object]:
    response = api.client.post("/v1/search", json=question)
    assert response.status_code == 200, response.text
    document: dict[str, object] = response.json()
    return document


def test_search_with_text_finds_segment_of_speech(api: ApiServer, library: dict[str, str]) -> None:
    response = ask(api, text="a recipe for apple cake", k=3)
    assert response["space"] == str(api.service.space.id)
    hits = response["hits"]
    assert isinstance(hits, list)
    best = hits[0]
    assert best["item"]["id"] == library["talk"]
    assert (best["start"], best["end"]) == (1.0, 2.0)
    speech = next(entry for entry in best["evidence"] if entry["kind"] == "speech")
    assert speech["text"] == "here is my recipe for apple cake"
    scores = [entry["score"] for entry in best["evidence"]]
    assert scores == sorted(scores, reverse=True)
    assert best["thumbnail"].endswith("?t=1.900"), "late in the best segment, so that the key frame before it is in the segment"
    assert api.client.get(best["thumbnail"]).headers["content-type"] == "image/webp"
    assert api.client.get(best["media"]).content == media.video(3.0, seed=50)


def test_search_with_image_finds_it_in_both_fields(api: ApiServer, library: dict[str, str]) -> None:
    picture = media.image(51)
    for field in ("picture", "file"):
        response = api.client.post("/v1/search", files={field: ("q.png", picture)}, data={"k": "1"})
        assert response.status_code == 200, response.text
        assert [hit["item"]["id"] for hit in response.json()["hits"]] == [library["picture"]]


def test_search_combines_image_and_text(api: ApiServer, library: dict[str, str]) -> None:
    response = api.client.post(
        "/v1/search", files={"picture": ("q.png", media.image(51))}, data={"text": "coloured blocks", "floor": "0"}
    )
    assert response.status_code == 200, response.text
    assert response.json()["hits"]


def test_search_without_lowers_score_of_matching_segment(api: ApiServer, library: dict[str, str]) -> None:
    plain = ask(api, text="a recipe for apple cake", k=1, floor=0)["hits"][0]  # type: ignore[index]
    for body in ({"without": ["my recipe for apple cake"]}, {"without": ["snow", "my recipe for apple cake"]}):
        left = ask(api, text="a recipe for apple cake", k=1, floor=0, **body)["hits"][0]  # type: ignore[index]
        assert left["score"] < plain["score"] / 2
    unchanged = ask(api, text="a recipe for apple cake", k=1, floor=0, without=["a submarine"])["hits"][0]  # type: ignore[index]
    assert unchanged["score"] == pytest.approx(plain["score"], rel=0.05)
    assert unchanged["item"]["id"] == plain["item"]["id"]


def test_search_text_is_parsed_for_what_it_excludes(api: ApiServer, library: dict[str, str]) -> None:
    typed = "coloured blocks without people, not snow"
    parsed = ask(api, text=typed, floor=0)
    assert (parsed["text"], parsed["without"]) == ("coloured blocks", ["people", "snow"])
    explicit = ask(api, text="coloured blocks", without=["people", "snow"], floor=0)
    assert [(hit["item"]["id"], hit["score"]) for hit in parsed["hits"]] == [  # type: ignore[attr-defined]
        (hit["item"]["id"], pytest.approx(hit["score"], abs=1e-9))
        for hit in explicit["hits"]  # type: ignore[attr-defined]
    ]
    for unparsed in ({"parse": False}, {"without": ["a cat"]}):
        response = ask(api, text=typed, floor=0, **unparsed)  # type: ignore[arg-type]
        assert (response["text"], response["without"]) == (typed, unparsed.get("without", []))
    form = api.client.post("/v1/search", files={"picture": ("q.png", media.image(51))}, data={"text": typed, "parse": "false"})
    assert form.json()["text"] == typed


def test_search_text_that_only_excludes_returns_images_without_it(api: ApiServer, library: dict[str, str]) -> None:
    response = ask(api, text="no people", floor=0)
    assert (response["text"], response["without"]) == (None, ["people"])
    assert {hit["evidence"][0]["kind"] for hit in response["hits"]} == {"picture"}  # type: ignore[attr-defined]


def test_search_form_accepts_also_without_and_weights(api: ApiServer, library: dict[str, str]) -> None:
    composed = {
        "text": "coloured blocks",
        "also": ["squares", "paint"],
        "without": ["people", "snow"],
        "weights": json.dumps({"picture": 2, "text": 0.5}),
        "floor": "0",
    }
    response = api.client.post("/v1/search", files={"picture": ("q.png", media.image(51))}, data=composed)
    assert response.status_code == 200, response.text
    assert response.json()["hits"][0]["item"]["id"] == library["picture"]
    refused = api.client.post("/v1/search", files={"picture": ("q.png", media.image(51))}, data={"weights": "{"})
    assert refused.status_code == 400
    assert "weights" in refused.json()["detail"]


def test_search_with_clip_and_audio_decodes_them(api: ApiServer, library: dict[str, str]) -> None:
    clip = api.client.post("/v1/search", files={"clip": ("q.mp4", media.video(1.0, seed=50))})
    assert clip.status_code == 200, clip.text
    sound = api.client.post("/v1/search", files={"sound": ("q.wav", media.audio(1.0))})
    assert sound.status_code == 200, sound.text
    assert sound.json()["hits"] == []
    assert sound.json()["heard"] is None


def test_search_without_match_returns_no_hits(api: ApiServer, library: dict[str, str]) -> None:
    response = ask(api, text="integral of x squared", floor=1.0)
    assert response["hits"] == []
    assert response["floor"] == 1.0


def test_possible_hits_follow_likely_hits(api: ApiServer, library: dict[str, str]) -> None:
    calibration = api.service.space.calibration
    assert calibration.possible is not None
    for text in ("apple", "a recipe for apple cake", "coloured blocks", "integral of x squared"):
        everything: Any = ask(api, text=text, floor=0, k=100)
        response: Any = ask(api, text=text, k=100)
        assert (response["floor"], response["likely_floor"]) == (calibration.possible, calibration.floor)
        assert (everything["floor"], everything["likely_floor"]) == (0, calibration.floor)
        for hits in (everything["hits"], response["hits"]):
            assert [hit["band"] for hit in hits] == sorted(
                (hit["band"] for hit in hits), key=["likely", "possible", "weak"].index
            )
            for band in ("likely", "possible", "weak"):
                scores = [hit["score"] for hit in hits if hit["band"] == band]
                assert scores == sorted(scores, reverse=True)
            assert all(0 <= hit["confidence"] <= 1 for hit in hits)
        expected = sorted(hit["score"] for hit in everything["hits"] if hit["score"] >= calibration.possible)
        # A product with other candidates beside it may be rounded differently in float32.
        assert sorted(hit["score"] for hit in response["hits"]) == pytest.approx(expected, rel=1e-6)


def test_search_with_one_word_finds_a_hit_that_is_not_likely(api: ApiServer, library: dict[str, str]) -> None:
    response: Any = ask(api, text="cooking")
    bands = {(hit["item"]["id"], hit["band"]) for hit in response["hits"]}
    assert {(item, band) for item, band in bands if item in library.values()} <= {
        (library["talk"], "possible"),
        (library["talk"], "weak"),
    }
    assert bands
    assert ask(api, text="cooking", floor=response["likely_floor"])["hits"] == []


def test_search_for_a_thing_that_no_item_shows_has_no_likely_hit(api: ApiServer, library: dict[str, str]) -> None:
    for text in ("giraffe", "an elephant in the zoo", "red elefant"):
        response: Any = ask(api, text=text, floor=0, k=100)
        assert response["hits"]
        assert {hit["band"] for hit in response["hits"]} <= {"possible", "weak"}


def test_bands_of_queries_that_are_not_one_text_follow_the_score(api: ApiServer, library: dict[str, str]) -> None:
    response: Any = ask(api, text="apple", also=["cake"], floor=0, k=100)
    calibration = api.service.space.calibration
    assert calibration.possible is not None
    for hit in response["hits"]:
        expected = (
            "likely" if hit["score"] >= calibration.floor else "possible" if hit["score"] >= calibration.possible else "weak"
        )
        assert (hit["band"], hit["confidence"]) == (expected, None)


def test_search_filters_restrict_hits(api: ApiServer, library: dict[str, str]) -> None:
    def items(**filters: object) -> set[str]:
        hits = ask(api, text="apple cake", floor=0.0, k=100, filters=filters)["hits"]
        assert isinstance(hits, list)
        return {hit["item"]["id"] for hit in hits}

    assert items(tags=["kitchen"]) == {library["talk"]}
    assert items(kinds=["image"]) == {library["picture"]}
    assert items(items=[library["picture"]]) == {library["picture"]}
    assert items(uploaded_after="2999-01-01T00:00:00Z") == set()
    form = {"text": "apple cake", "floor": "0", "filters": json.dumps({"tags": ["kitchen"]})}
    hits = api.client.post("/v1/search", files={key: (None, value) for key, value in form.items()}).json()["hits"]
    assert {hit["item"]["id"] for hit in hits} == {library["talk"]}


@pytest.mark.parametrize("unknown", ["0" * 32, "talk.mp4", ""])
def test_search_in_an_unknown_item_is_not_found(api: ApiServer, library: dict[str, str], unknown: str) -> None:
    body = {"text": "apple cake", "filters": {"items": [library["picture"], unknown, "1" * 32]}}
    response = api.client.post("/v1/search", json=body)
    assert_problem(response, 404, "not-found")
    assert response.json()["detail"] == f"There is no item '{unknown}' and 1 more of the ids."


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"text": ""},
        {"text": " \n"},
        {"text": "x", "k": 0},
        {"text": "x", "k": -1},
        {"text": "x", "k": 10**9},
        {"text": "x", "k": "many"},
        {"text": "x", "floor": 1.1},
        {"text": "x", "floor": "NaN"},
        {"text": "x", "filters": {"colour": "red"}},
        {"text": "x", "filters": {"kinds": ["hologram"]}},
        {"text": "x", "colour": "red"},
        {"text": ["x"]},
        {"without": ["x"]},
        {"text": "x", "also": "y"},
        {"text": "x", "without": ["y"] * 9},
        {"text": "x", "weights": {"text": 5}},
        {"text": "x", "weights": {"text": 0}},
        [],
    ],
)
def test_search_with_invalid_values_is_refused(api: ApiServer, question: object) -> None:
    assert_problem(api.client.post("/v1/search", json=question), 400, "invalid-input")


@pytest.mark.parametrize("chars", [2001, 1 << 20])
def test_search_with_long_text_is_refused(api: ApiServer, chars: int) -> None:
    for response in (
        api.client.post("/v1/search", json={"text": "x" * chars}),
        api.client.post("/v1/search", files={"text": (None, "x" * chars)}),
    ):
        assert "MM_QUERY_CHARS" in assert_problem(response, 413, "too-large")["detail"]


@pytest.mark.parametrize(
    ("field", "data", "right"),
    [("picture", "video", "clip"), ("picture", "sound", "sound"), ("clip", "picture", "picture"), ("sound", "video", "clip")],
)
def test_search_file_in_wrong_field_error_names_the_field(api: ApiServer, field: str, data: str, right: str) -> None:
    files = {"video": media.video(1.0), "sound": media.audio(0.5), "picture": media.image(1)}
    response = api.client.post("/v1/search", files={field: ("q.bin", files[data])})
    assert f"`{right}`" in assert_problem(response, 400, "invalid-input")["detail"]


def test_search_with_invalid_files_is_refused(api: ApiServer) -> None:
    def post(**files: bytes) -> object:
        return api.client.post("/v1/search", files={field: ("q.bin", data) for field, data in files.items()})

    search = api.client.post
    assert_problem(search("/v1/search", files={"picture": ("q.png", b"")}), 422, "media-error")
    assert_problem(search("/v1/search", files={"picture": ("q.png", b"no picture " * 99)}), 415, "unsupported-media")
    assert_problem(search("/v1/search", files={"sound": ("q.wav", media.audio(61.0)[: QUERY_BYTES + 1])}), 413, "too-large")
    assert_problem(search("/v1/search", files={"hologram": ("q.bin", b"x")}), 400, "invalid-input")
    two = [("picture", ("a.png", media.image(1))), ("picture", ("b.png", media.image(2)))]
    assert_problem(search("/v1/search", files=two), 400, "invalid-input")
    same = {"picture": ("a.png", media.image(1)), "file": ("b.png", media.image(2))}
    assert_problem(search("/v1/search", files=same), 400, "invalid-input")
    assert_problem(search("/v1/search", files={"filters": (None, "{"), "text": (None, "x")}), 400, "invalid-input")
    assert_problem(search("/v1/search", files=[("text", (None, "x")), ("text", (None, "y"))]), 400, "invalid-input")


@pytest.mark.parametrize("field", ["filters", "like", "weights"])
@pytest.mark.parametrize("value", ["[" * 100_000, '{"a":' * 10_000, "9" * 5000, "-" + "9" * 400, "1e999", "NaN", "{", "\x00"])
def test_search_form_with_excessive_json_is_refused(api: ApiServer, field: str, value: str) -> None:
    response = api.client.post("/v1/search", files={field: (None, value), "text": (None, "x")})
    assert field in assert_problem(response, 400, "invalid-input")["detail"]


def test_search_with_excessive_json_is_refused(api: ApiServer) -> None:
    for body in ("[" * 100_000, '{"k": ' + "9" * 5000 + "}", '{"like": {"item": "a", "time": ' + "9" * 5000 + "}}"):
        response = api.client.post("/v1/search", content=body, headers={"Content-Type": "application/json"})
        assert_problem(response, 400, "invalid-input")
    form = {"k": (None, "9" * 5000), "text": (None, "x")}
    assert_problem(api.client.post("/v1/search", files=form), 400, "invalid-input")


def test_search_with_long_clip_is_refused(api: ApiServer) -> None:
    response = api.client.post("/v1/search", files={"clip": ("q.mp4", media.video(70.0, fps=2))})
    assert "MM_QUERY_SECONDS" in assert_problem(response, 413, "too-large")["detail"]


def test_search_deletes_its_files(api: ApiServer, library: dict[str, str]) -> None:
    api.client.post("/v1/search", files={"picture": ("q.png", media.image(51))})
    assert list(api.service.scratch.iterdir()) == []


@pytest.fixture
def copy(api: ApiServer, library: dict[str, str]) -> Iterator[str]:
    """Return the id of an item that is almost identical to the image of the library."""
    store, space = api.service.store, api.service.space
    segment = store.catalog.get_segment_at(library["picture"], space.id, 0.0)
    assert segment is not None
    (entry,) = segment.evidence
    vector = store.shards.read(entry.shard_id, space.id).vectors["picture"][entry.row].astype(np.float32)
    near = vector + 0.02 * np.eye(len(vector), dtype=np.float32)[0]
    still = EncodedSegment(0.0, 0.0, 0, [EncodedEvidence("picture", 0.0, 0.0, None, near / np.linalg.norm(near))])
    item = add_searchable(api, media.image(52), "copy.png", "abstract", [still])
    yield item
    assert api.client.delete(f"/v1/media/{item}").status_code == 204
    assert api.client.delete(f"/v1/trash/{item}").status_code == 204


def test_search_merges_near_duplicates_unless_fold_is_false(api: ApiServer, library: dict[str, str], copy: str) -> None:
    def search(**fields: str) -> list[dict[str, Any]]:
        response = api.client.post("/v1/search", files={"picture": ("q.png", media.image(51))}, data=fields)
        assert response.status_code == 200, response.text
        hits: list[dict[str, Any]] = response.json()["hits"]
        return hits

    first = search()[0]
    (duplicate,) = first["alike"]
    assert first["duplicates"] == 1
    assert {first["item"]["id"], duplicate["item"]["id"]} == {library["picture"], copy}
    assert 0 < duplicate["score"] <= first["score"]
    assert api.client.get(duplicate["thumbnail"]).headers["content-type"] == "image/webp"
    separate = search(fold="false")
    assert [hit["item"]["id"] for hit in separate[:2]] == [first["item"]["id"], duplicate["item"]["id"]]
    assert all(hit["duplicates"] == 0 and hit["alike"] == [] for hit in separate)


def test_search_like_image_finds_near_duplicate(api: ApiServer, library: dict[str, str], copy: str) -> None:
    response = ask(api, like={"item": library["picture"], "time": 0}, k=1)
    (hit,) = response["hits"]  # type: ignore[misc]
    assert (hit["item"]["id"], hit["alike"]) == (copy, [])


def test_search_corrects_a_typing_error_to_a_word_of_the_library(api: ApiServer, library: dict[str, str]) -> None:
    frame = api.service.space.image.embed([np.full((96, 128, 3), 60, np.uint8)])[0]
    text = "Ferry to Zanzibar"
    evidence = [
        EncodedEvidence("picture", 0.0, 0.0, None, frame),
        EncodedEvidence("written", 0.0, 0.0, text, api.service.space.sentences.embed([text])[0]),
    ]
    item = add_searchable(api, media.image(78), "sign.png", "sign", [EncodedSegment(0.0, 0.0, 0, evidence)])
    response = ask(api, text="ferry to Zanzibor")
    assert (response["text"], response["corrections"]) == ("ferry to zanzibar", {"Zanzibor": "zanzibar"})
    assert response["hits"][0]["item"]["id"] == item  # type: ignore[index]
    typed = ask(api, text="ferry to Zanzibor", parse=False)
    assert (typed["text"], typed["corrections"]) == ("ferry to Zanzibor", {})
    assert ask(api, text="ferry to Zanzibar")["corrections"] == {}
    assert api.client.delete(f"/v1/media/{item}").status_code == 204
    assert ask(api, text="ferry to Zanzibor")["corrections"] == {}


def test_unread_text_is_reported_in_item_and_search_notes(api: ApiServer, library: dict[str, str]) -> None:
    frame = api.service.space.image.embed([np.full((96, 128, 3), 60, np.uint8)])[0]
    evidence = [EncodedEvidence("picture", 0.0, 0.0, None, frame)]
    segment = EncodedSegment(0.0, 0.0, 0, evidence, unread=[TextImage(0.0, 0.0, 0.0)])
    item = add_searchable(api, media.image(77), "unread.png", "unread", [segment])
    assert api.client.get(f"/v1/media/{item}").json()["unread_pictures"] == 1
    assert api.client.get(f"/v1/media/{library['talk']}").json()["unread_pictures"] == 0
    (note,) = [note for note in ask(api, text="a sign")["notes"] if "has not been recognized" in note]  # type: ignore[attr-defined]
    assert "in 1 of the images" in note
    by_picture = api.client.post("/v1/search", files={"picture": ("q.png", media.image(51))}).json()
    assert by_picture["notes"] == []
    assert api.client.delete(f"/v1/media/{item}").status_code == 204
    assert ask(api, text="a sign")["notes"] == []

"""`/v1/captions` and the captions of an item, with a small random language model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import numpy as np
import pytest
from click.testing import CliRunner

import mm
from api.captions.confidence import NOTE
from api.chat.media import IMAGE_PIXELS
from indexes.catalog.records import NewCaption, NewEvidence
from mm.cli.captions import format_captions, format_srt
from mm.cli.main import main
from mm.embedded.terminal import clean
from mm.errors import Conflict, InvalidInput, NotFound, TooLarge, UnsupportedMedia
from mm.generation.caption_ranking import CaptionRanking
from mm.generation.captioner import Captioner
from mm.schemas import Caption, Item
from mm.spaces.caption_confidence import measure_confidence
from tests.api import media
from tests.api.chat.conftest import chat_server, items
from tests.api.conftest import ApiServer
from tests.generation.chat import tiny

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["chat_server", "items"]

pytestmark = pytest.mark.xdist_group("captions")  # captions are stored in the middle, in one library


@pytest.fixture(scope="module")
def client(chat_server: ApiServer) -> Iterator[mm.Client]:
    with mm.Client(chat_server.url) as client:
        yield client


def store_captions(server: ApiServer, item_id: str, words: list[str], confidence: float = 0.75, least: float = 0.0) -> None:
    """Store captions of the first scenes of the only item that has none, as a worker does.

    Another test may have stored them before.
    """
    catalog, space = server.service.store.catalog, server.service.space.id
    catalog.set_caption_model("stub-1", least)
    if catalog.list_captions(item_id, space):
        return
    shard = server.service.store.shards.write(space, {"caption": np.eye(1, 384, dtype=np.float16)}, [])
    leases = catalog.lease_captions(space, "test", 60.0, 3, 10)
    (leased,) = [lease for lease in leases if lease.item_id == item_id]
    captions = [
        NewCaption(
            scene.start,
            scene.end,
            scene.frame_time,
            text,
            "stub-1",
            confidence,
            scene.segments,
            NewEvidence("caption", scene.start, scene.end, text, shard, 0),
        )
        for scene, text in zip(leased.scenes, words, strict=True)
    ]
    for lease in leases:
        assert catalog.add_captions(lease, "test", captions if lease is leased else [], None if lease is leased else 0)


def test_caption_of_an_image_item_is_written_by_the_model(
    client: mm.Client, chat_server: ApiServer, items: dict[str, str]
) -> None:
    (caption,) = client.caption(items["image"]).captions
    assert (caption.item_id, caption.start, caption.end) == (items["image"], 0.0, 0.0)
    assert caption.text
    assert caption.model == chat_server.service.chat_models.default.name
    (again,) = client.caption([items["image"], items["image"]]).captions  # equal ids are one; greedy decoding repeats
    assert again.text == caption.text
    assert again.confidence == pytest.approx(caption.confidence, rel=1e-3)  # its prompt is in the cache now
    assert client.captions(items["image"]).captions == [], "it is not stored"


def test_caption_of_an_uploaded_image_equals_that_of_the_item(client: mm.Client, items: dict[str, str]) -> None:
    (of_item,) = client.caption(items["image"]).captions
    (caption,) = client.caption(picture=media.image(51)).captions
    assert caption.item_id is None
    assert caption.text == of_item.text


def test_caption_of_an_image_equals_that_of_the_captioner_of_the_library(
    client: mm.Client, chat_server: ApiServer, items: dict[str, str]
) -> None:
    service = chat_server.service
    item = service.library.get_item(items["image"])
    image = service.query_reader.image(service.store.blobs.path(item.sha256), item.name, longest=IMAGE_PIXELS)
    features = service.space.image_maps.encode([image])
    ranking = CaptionRanking(service.space.text, service.space.caption_heads)
    captions = {}
    for name, of in (("ranked", ranking), ("most probable", None)):
        captioner = Captioner(tiny.make_search(), tiny.make_tokenizer(), tiny.TinyEmbedder(), ranking=of)
        ((_, captions[name]),) = captioner.caption(features)

    (caption,) = client.caption(items["image"]).captions

    assert caption.text == captions["ranked"].text
    expected = measure_confidence(service.space, caption.text, features[0].vector_D, captions["ranked"].logprob)
    assert caption.confidence == pytest.approx(expected, rel=1e-3)


def test_caption_of_a_video_has_one_for_each_scene(client: mm.Client, items: dict[str, str]) -> None:
    captions = client.caption(items["video"]).captions
    assert [(caption.start, caption.end) for caption in captions] == [(0.0, 1.0), (1.0, 3.0)]


def test_caption_over_the_limit_of_a_request_leaves_scenes_out_with_a_note(
    client: mm.Client, items: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.captions.plan.MAX_WRITTEN", 1)
    response = client.caption(items["video"])
    assert len(response.captions) == 1
    assert "talk.mp4 has more scenes" in response.notes[0]


def test_stored_captions_are_returned_on_items_segments_and_searches(
    client: mm.Client, chat_server: ApiServer, items: dict[str, str]
) -> None:
    store_captions(chat_server, items["video"], ["A kitchen.", "A person cooks."])
    for captions in (client.captions(items["video"]).captions, client.caption(items["video"]).captions):
        assert [(caption.start, caption.text, caption.model) for caption in captions] == [
            (0.0, "A kitchen.", "stub-1"),
            (1.0, "A person cooks.", "stub-1"),
        ]
    assert client.item(items["video"]).caption == "A kitchen."
    assert [segment.caption for segment in client.segments(items["video"]).segments] == ["A kitchen.", "A person cooks."]
    filters = mm.schemas.Filters(items=[items["video"]])
    hits = client.search("here is my recipe", filters=filters, floor=0.0).hits
    assert {hit.caption for hit in hits} <= {"A kitchen.", "A person cooks."}
    assert hits[0].item.caption == "A kitchen."


def test_improbable_captions_are_left_out_with_a_note(
    client: mm.Client, chat_server: ApiServer, items: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = chat_server.service.store.catalog
    store_captions(chat_server, items["video"], ["A kitchen.", "A person cooks."])
    catalog.set_caption_model("stub-1", 0.8)
    try:
        for response in (client.captions(items["video"]), client.caption(items["video"])):
            assert response.captions == []
            assert response.notes == [NOTE.format(2)]
        assert client.item(items["video"]).caption is None
    finally:
        catalog.set_caption_model("stub-1", 0.0)
    (caption,) = client.caption(picture=media.image(51)).captions
    assert caption.confidence is not None
    assert 0.0 < caption.confidence < 1.0
    monkeypatch.setattr("api.captions.confidence.measure_confidence", lambda *_: -1.0)
    response = client.caption(picture=media.image(51))
    assert response.captions == []
    assert response.notes == [NOTE.format(1)]


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [("audio", UnsupportedMedia, "which has no captions"), ("waiting", Conflict, "is not encoded"), ("0" * 32, NotFound, "0000")],
)
def test_caption_of_what_cannot_be_captioned_names_the_cause(
    client: mm.Client, items: dict[str, str], name: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        client.caption(items.get(name, name))


def test_caption_of_bad_requests_names_the_cause(client: mm.Client, chat_server: ApiServer) -> None:
    with pytest.raises(InvalidInput):
        client.caption([])
    with pytest.raises(InvalidInput):
        client.caption(["0" * 32] * 101)
    with pytest.raises(UnsupportedMedia, match="is no image"):
        client.caption(picture=media.audio(1.0))
    with pytest.raises(TooLarge):
        client.caption(["0" * 70_000])
    with httpx2.Client(base_url=chat_server.url) as http:
        response = http.post("/v1/captions", files={"sound": ("a.wav", media.audio(1.0))})
        assert (response.status_code, response.json()["detail"]) == (
            400,
            "The form has no file field 'sound'; its file field is picture.",
        )
        response = http.post("/v1/captions", files={"picture": ("a.png", media.image(1))}, data={"image": "a dog"})
        assert response.json()["detail"] == "The form needs one image, in the field picture, and nothing else."


def test_mm_caption_prints_captions_of_a_file_and_of_an_item(
    chat_server: ApiServer, items: dict[str, str], tmp_path: Path, client: mm.Client
) -> None:
    file = tmp_path / "blocks.png"
    file.write_bytes(media.image(51))
    (caption,) = client.caption(items["image"]).captions
    for target in (str(file), items["image"]):
        result = CliRunner().invoke(main, ["caption", target, "--url", chat_server.url])
        assert result.exit_code == 0, result.output
        assert f"\n{result.stdout}".endswith(f"\n{clean(caption.text)}\n"), "after the log of the service"


def test_format_captions_and_srt_have_the_times_of_scenes() -> None:
    captions = [
        Caption(item_id="a", start=0.0, end=61.5, text="A dog runs.", model="m"),
        Caption(item_id="a", start=61.5, end=3723.25, text="A cat sleeps.", model="m"),
    ]
    assert format_captions(captions) == "0:00 - 1:01  A dog runs.\n1:01 - 1:02:03  A cat sleeps."
    assert format_srt(captions) == (
        "1\n00:00:00,000 --> 00:01:01,500\nA dog runs.\n\n2\n00:01:01,500 --> 01:02:03,250\nA cat sleeps.\n"
    )
    assert format_captions([]) == "No captions."
    assert Item.model_fields["caption"].default is None

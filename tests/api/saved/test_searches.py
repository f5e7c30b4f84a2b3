"""Saved searches over HTTP, in both clients and on the command line, evaluated by the service."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner

import mm
from api.saved.evaluate import SearchEvaluator
from mm.cli.main import main
from mm.errors import Conflict, InvalidInput, NotFound
from mm.schemas import Filters, SavedMatch, SavedSearch, SearchWebhook
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from mm.webhooks.signing import parse_secret, sign
from tests.api import media
from tests.api.conftest import ApiServer, KeyedServer, add_searchable, assert_problem
from tests.receiver import run_receiver
from tests.waiting import wait_for

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
SPEECH = "the lighthouse keeper feeds his parrot at noon"
WORDS = "the lighthouse keeper feeds his parrot"
Talk = Callable[..., str]


@pytest.fixture
def client(api: ApiServer) -> Iterator[mm.Client]:
    with mm.Client(api.url) as client:
        yield client
        for search in client.searches.list():
            client.searches.delete(search.id)


@pytest.fixture
def talk(api: ApiServer) -> Iterator[Talk]:
    """Adds searchable videos in which a sentence is spoken in the second half."""
    added: list[str] = []

    def add(seed: int, speech: str = SPEECH, name: str = "talk.mp4") -> str:
        vector = api.service.space.text.embed([speech])[0]
        spoken = EncodedEvidence("speech", 1.1, 1.9, speech, vector)
        segments = [EncodedSegment(0.0, 1.0, 0, []), EncodedSegment(1.0, 2.0, 1, [spoken])]
        added.append(add_searchable(api, media.video(2.0, seed=seed), name, "saved", segments))
        return added[-1]

    yield add
    for item in added:
        api.client.delete(f"/v1/media/{item}")
        api.client.delete(f"/v1/trash/{item}")


def wait_until_evaluated(api: ApiServer) -> None:
    """Wait until no search is left to be evaluated."""
    space = api.service.space.id
    wait_for(lambda: not api.service.store.catalog.list_evaluations(space, 1), "the evaluation of all searches")


def list_matches(client: mm.Client, search: SavedSearch) -> list[SavedMatch]:
    return client.searches.matches(search.id).matches


def test_new_item_that_matches_is_listed_once_with_the_score_and_band_of_a_search(
    client: mm.Client, api: ApiServer, talk: Talk
) -> None:
    talk(901)
    search = client.searches.save("  Parrots ", WORDS, filters=Filters(kinds=["video"]))
    assert (search.name, search.band, search.enabled, search.webhook, search.matches) == ("Parrots", "likely", True, None, 0)
    new = talk(902)
    talk(903, "a recipe for apple cake with cinnamon")
    wait_until_evaluated(api)
    (match,) = list_matches(client, search)
    response = client.search(WORDS, filters=Filters(kinds=["video"]), fold=False)
    hit = next(hit for hit in response.hits if hit.item.id == new)
    assert (match.item.id, match.band, match.score) == (new, hit.band, pytest.approx(hit.score))
    assert (match.start, match.end, match.best_start, match.best_end) == (hit.start, hit.end, hit.best_start, hit.best_end)
    assert match.thumbnail == hit.thumbnail
    assert (client.searches.get(search.id).unread, match.read, match.delivery) == (1, False, "none")
    assert client.searches.mark_read(search.id, until=match.id).unread == 0
    client.edit(new, name="parrot.mp4")  # new evidence: it is evaluated again
    wait_until_evaluated(api)
    assert [(each.id, each.read) for each in list_matches(client, search)] == [(match.id, True)]


def test_search_excludes_filters_and_takes_the_least_band(client: mm.Client, api: ApiServer, talk: Talk) -> None:
    of_images = client.searches.save("images", WORDS, filters=Filters(kinds=["image"]))
    tagged = client.searches.save("tagged", WORDS, filters=Filters(tags=["saved"]))
    other = client.searches.save("other", "a recipe for apple cake", band="weak")
    item = talk(904)
    wait_until_evaluated(api)
    assert list_matches(client, of_images) == []
    assert [match.item.id for match in list_matches(client, tagged)] == [item]
    listed = {hit.item.id for hit in client.search("a recipe for apple cake", k=100, fold=False).hits}
    assert {match.item.id for match in list_matches(client, other)} == listed & {item}


def test_match_in_trash_is_hidden_until_restored_and_leaves_when_deleted_for_good(
    client: mm.Client, api: ApiServer, talk: Talk
) -> None:
    search = client.searches.save("parrots", WORDS)
    item = talk(905)
    wait_until_evaluated(api)
    client.delete(item)
    assert list_matches(client, search) == []
    assert client.searches.get(search.id).unread == 0
    client.restore(item)
    wait_until_evaluated(api)
    assert [match.item.id for match in list_matches(client, search)] == [item]
    client.delete(item)
    client.delete_for_good(item)
    assert list_matches(client, search) == []


def test_disabled_search_matches_nothing_and_deleted_one_leaves_its_items(client: mm.Client, api: ApiServer, talk: Talk) -> None:
    search = client.searches.save("parrots", WORDS)
    assert not client.searches.edit(search.id, enabled=False, name="Birds").enabled
    item = talk(906)
    client.searches.edit(search.id, enabled=True)
    wait_until_evaluated(api)
    assert list_matches(client, search) == []
    client.searches.delete(search.id)
    with pytest.raises(NotFound, match="no saved search"):
        client.searches.matches(search.id)
    assert client.item(item).id == item


def test_search_that_fails_keeps_its_position_and_stops_no_other(
    client: mm.Client, api: ApiServer, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = SearchEvaluator._find_matches

    def fail(self: SearchEvaluator, evaluation: object, space: object) -> object:
        if getattr(evaluation, "name", "") == "broken":
            raise InvalidInput("It is broken.")
        return find(self, evaluation, space)  # type: ignore[arg-type]

    monkeypatch.setattr(SearchEvaluator, "_find_matches", fail)
    broken = client.searches.save("broken", WORDS)
    whole = client.searches.save("whole", WORDS)
    item = talk(907)
    wait_for(lambda: len(list_matches(client, whole)) == 1, "the match of the other search")
    assert list_matches(client, broken) == []
    left = api.service.store.catalog.list_evaluations(api.service.space.id, 9)
    assert [(evaluation.name, evaluation.item_ids) for evaluation in left] == [("broken", [item])]
    monkeypatch.undo()
    talk(908, "something else entirely about ships")  # a commit
    wait_until_evaluated(api)
    assert [match.item.id for match in list_matches(client, broken)] == [item]


def test_more_items_than_are_searched_at_once_all_match(
    client: mm.Client, api: ApiServer, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.saved.evaluate.BATCH", 2)
    monkeypatch.setattr("api.saved.evaluate.CONTEXT", 1)
    monkeypatch.setattr("api.saved.evaluate.HITS_PER_ITEM", 1)
    search = client.searches.save("parrots", WORDS)
    items = {talk(seed) for seed in range(910, 915)}
    wait_until_evaluated(api)
    assert {match.item.id for match in list_matches(client, search)} == items


def test_webhook_that_is_down_gets_every_match_signed_in_order_when_it_is_up(
    client: mm.Client, api: ApiServer, talk: Talk
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    webhook = SearchWebhook(url=f"http://127.0.0.1:{port}/hook?token=hidden", secret=SECRET)
    search = client.searches.save("parrots", WORDS, webhook=webhook)
    assert search.webhook == "127.0.0.1"
    items = [talk(seed) for seed in (920, 921)]
    wait_until_evaluated(api)
    wait_for(lambda: client.searches.get(search.id).error != "", "the failed attempt")
    state = client.searches.get(search.id)
    assert (state.matches, state.waiting) == (2, 2)
    assert "hidden" not in state.model_dump_json()
    with run_receiver(port) as receiver:
        receiver.statuses = [503]
        wait_for(lambda: client.searches.get(search.id).waiting == 0, "the delivery")
    sent = [json.loads(body) for _, body in receiver.requests]
    assert [message["data"]["item"] for message in sent] == [items[0], *items], "503 is tried again, then the next"
    assert {message["type"] for message in sent} == {"search.matched"}
    for headers, body in receiver.requests:
        signature = sign(parse_secret(SECRET), headers["webhook-id"], int(headers["webhook-timestamp"]), body)
        assert headers["webhook-signature"] == signature
    ids = [headers["webhook-id"] for headers, _ in receiver.requests]
    assert ids[0] == ids[1] != ids[2]
    assert {match.delivery for match in list_matches(client, search)} == {"sent"}
    assert client.searches.get(search.id).error == ""


def test_webhook_that_refuses_a_match_gets_the_next_and_redirects_are_not_followed(
    client: mm.Client, api: ApiServer, talk: Talk
) -> None:
    with run_receiver() as receiver:
        receiver.statuses = [422, 307]
        search = client.searches.save("parrots", WORDS, webhook=SearchWebhook(url=receiver.url, secret=SECRET))
        talk(930)
        talk(931)
        wait_for(lambda: client.searches.get(search.id).matches == 2 and client.searches.get(search.id).waiting == 0, "delivery")
    assert [match.delivery for match in list_matches(client, search)] == ["sent", "refused"]
    assert len(receiver.requests) == 3
    assert "422" in client.searches.get(search.id).error


@pytest.mark.parametrize(
    "body",
    [
        {"name": " ", "text": "a"},
        {"name": "x"},
        {"name": "x", "text": " "},
        {"name": "x", "without": ["a"]},
        {"name": "x", "text": "a", "band": "sure"},
        {"name": "x", "text": "a", "filters": {"items": ["0" * 32]}},
        {"name": "x", "text": "a", "filters": {"album": "a"}},
        {"name": "x", "text": "a", "filters": {"inspection": {}}},
        {"name": "x", "text": "a", "webhook": {"url": "file:///etc/passwd", "secret": SECRET}},
        {"name": "x", "text": "a", "webhook": {"url": "http://[::1/", "secret": SECRET}},
        {"name": "x", "text": "a", "webhook": {"url": "http://a\x00b/", "secret": SECRET}},
        {"name": "x", "text": "a", "webhook": {"url": "https://example.com", "secret": "short"}},
        {"name": "x", "text": "a", "webhook": {"url": "https://example.com", "secret": "whsec_é"}},
    ],
)
def test_invalid_search_is_refused_and_not_saved(client: mm.Client, api: ApiServer, body: object) -> None:
    assert_problem(api.client.post("/v1/searches", json=body), 400, "invalid-input")
    assert client.searches.list() == []


def test_name_in_use_and_unknown_searches_are_refused(client: mm.Client, api: ApiServer) -> None:
    client.searches.save("parrots", WORDS)
    with pytest.raises(Conflict, match="already"):
        client.searches.save("parrots", WORDS)
    saved = client.searches.list()[0].id
    assert_problem(api.client.post(f"/v1/searches/{saved}/read", json={"until": 2**63}), 400, "invalid-input")
    assert_problem(api.client.get("/v1/searches/unknown"), 404, "not-found")
    assert_problem(api.client.get("/v1/searches/unknown/matches"), 404, "not-found")
    assert_problem(api.client.post("/v1/searches/unknown/read", json={}), 404, "not-found")
    assert_problem(api.client.patch("/v1/searches/unknown", json={"enabled": True}), 404, "not-found")
    assert_problem(api.client.delete("/v1/searches/unknown"), 404, "not-found")


def test_asynchronous_client_has_the_same_searches(client: mm.Client, api: ApiServer, talk: Talk) -> None:
    async def save() -> str:
        async with mm.AsyncClient(api.url) as other:
            return (await other.searches.save("async", WORDS, without=["a cat"])).id

    async def read(search_id: str) -> tuple[list[str], int]:
        async with mm.AsyncClient(api.url) as other:
            page = await other.searches.matches(search_id)
            return [match.item.id for match in page.matches], (await other.searches.mark_read(search_id)).unread

    saved = asyncio.run(save())
    item = talk(940)
    wait_until_evaluated(api)
    assert asyncio.run(read(saved)) == ([item], 0)
    assert client.searches.get(saved).query.without == ["a cat"]


def test_commands_save_list_show_read_disable_and_delete(client: mm.Client, api: ApiServer, talk: Talk) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["searches", *arguments, "--url", api.url])
        assert result.exit_code == code, result.output
        return "".join(line for line in result.output.splitlines(keepends=True) if "[info " not in line)  # logs of the service

    run("save", "Parrots", WORDS, "--kind", "video")
    run("save", "none", code=2)
    run("save", "none", WORDS, "--webhook", "https://example.com", code=2)
    item = talk(950, name="parrot talk.mp4")
    wait_until_evaluated(api)
    assert "Parrots" in run("list")
    shown = run("show", "Parrots")
    assert "parrot talk.mp4" in shown
    assert "1 of 1 matches unread" in shown
    assert json.loads(run("show", "Parrots", "--json"))["item"]["id"] == item
    assert "0 of 1 matches are unread" in run("read", "Parrots")
    assert "parrot talk.mp4" not in run("show", "Parrots", "--unread")
    assert "disabled" in run("disable", "Parrots")
    assert "likely" in run("enable", "Parrots")
    assert "items stay" in run("rm", "Parrots")
    assert client.searches.list() == []


def test_searches_need_the_scope_write_to_change_and_a_webhook_the_scope_admin(keyed: KeyedServer) -> None:
    read, write, admin, http = keyed.key("read")[1], keyed.key("write")[1], keyed.key("admin")[1], keyed.running.client
    body: dict[str, object] = {"name": "scoped", "text": "a parrot"}
    assert_problem(http.post("/v1/searches", json=body, headers=read), 403, "forbidden")
    hooked = body | {"webhook": {"url": "http://127.0.0.1:1/", "secret": SECRET}}
    assert_problem(http.post("/v1/searches", json=hooked, headers=write), 403, "forbidden")
    saved = http.post("/v1/searches", json=hooked, headers=admin)
    assert saved.status_code == 201
    assert saved.headers["location"] == f"/v1/searches/{saved.json()['id']}"
    assert SECRET not in saved.text
    listed = [search["name"] for search in http.get("/v1/searches", headers=read).json()["searches"]]
    assert listed.count("scoped") == 1  # the service is shared with other tests
    assert http.get("/v1/searches").status_code == 401
    audit = http.get("/v1/audit", params={"action": "search.create"}, headers=admin).text
    assert saved.json()["id"] in audit
    assert SECRET not in audit
    assert http.delete(saved.headers["location"], headers=write).status_code == 204

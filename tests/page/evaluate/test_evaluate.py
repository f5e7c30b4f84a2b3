"""The view of evaluations: check, start and progress, runs over time, one run, a comparison."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from mm.evaluation.runs.statistics import measure
from mm.evaluation.runs.store import RunStore
from mm.schemas import ItemRecord
from mm.settings import Settings
from tests.api.evaluations.photos import write_set
from tests.api.inspection.conftest import InspectionServer, run_inspection_server
from tests.graphs import with_graphs
from tests.media_files import Clicks, Track, steady, write
from tests.page.evaluate.runs import make_run
from tests.page.page_driver import PageDriver, open_page, reuse_page, use_layout
from tests.page.test_layout import assert_accessible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

    from mm.schemas import Run

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("page")]

BEFORE, AFTER = [2] * 12, [1] * 10 + [2] * 2
"""Ranks of the items of two runs."""


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[InspectionServer]:
    """A service with a folder of photos, without a worker process: the test performs its tasks."""
    root = tmp_path_factory.mktemp("sets")
    write_set(root / "photos")
    (root / "empty").mkdir()
    settings = Settings(home=with_graphs(tmp_path_factory.mktemp("evaluate"), graphs), import_root=root, threads=1)
    with run_inspection_server(settings) as server:
        yield server


@pytest.fixture(scope="module")
def opened(evaluations: InspectionServer, browser: Browser) -> Iterator[PageDriver]:
    """One page for all tests: a new browser context loads all its modules again."""
    with open_page(browser, evaluations.api.url) as driver:
        yield driver


@pytest.fixture
def page(opened: PageDriver, evaluations: InspectionServer) -> Iterator[Page]:
    """The page in its first state. Fails if its console has errors."""
    with reuse_page(opened, evaluations.api.url):
        yield opened.page


@pytest.fixture(scope="module")
def measured(evaluations: InspectionServer) -> list[Run]:
    """Two runs, the second with better ranks."""
    root = evaluations.api.service.settings.import_root
    assert root is not None
    return [make_run("before", root / "photos", 3, BEFORE), make_run("after", root / "photos", 4, AFTER)]


@pytest.fixture
def runs(evaluations: InspectionServer, measured: list[Run]) -> Iterator[RunStore]:
    """The service keeps two runs."""
    store = RunStore(evaluations.api.service.settings.root)
    for run in measured:
        store.add(run)
    yield store
    for run in measured:
        if store.has(run.id):
            store.remove(run.id)


def go(page: Page, fragment: str) -> None:
    page.goto(page.url.partition("#")[0].rstrip("/") + "/" + fragment)


def check(page: Page) -> None:
    with page.expect_response("**/v1/evaluations/check"):
        page.locator("#new-evaluation").get_by_role("button", name=re.compile("^Check")).click()


def test_folder_is_checked_evaluated_cancelled_and_evaluated_again(page: Page, evaluations: InspectionServer) -> None:
    page.click("#open-evaluate")
    expect(page.locator("#evaluate .empty")).to_contain_text("Nothing is evaluated yet.")
    page.select_option("#evaluation-set", "flickr8k")
    expect(page.locator("#evaluation-split")).to_have_value("dev")
    page.fill("#evaluation-folder", "absent")
    check(page)
    expect(page.locator("#evaluation-folder-error")).to_have_text("There is no folder 'absent' below MM_IMPORT_ROOT.")
    expect(page.locator("#evaluation-folder")).to_be_focused()
    page.locator("#folders").get_by_role("button", name="empty").click()
    check(page)
    expect(page.locator("#check-result")).to_contain_text("The folder cannot be evaluated as flickr8k.")
    expect(page.locator("#check-result .problems .error")).to_contain_text("captions.jsonl")
    expect(page.locator("#how-to-get")).to_contain_text("Request the set from its authors")
    page.get_by_role("button", name="Up, out of empty").click()
    page.locator("#folders").get_by_role("button", name="photos").click()
    expect(page.locator("#check-result")).to_have_count(0)
    check(page)
    expect(page.locator("#check-result")).to_contain_text("5 files can be evaluated; 1 file of the annotations is missing.")
    expect(page.locator("#check-result .warning")).to_contain_text("5.png")
    page.get_by_role("button", name="Evaluate 5 files").click()
    row = page.locator("#evaluations li")
    expect(row).to_contain_text("Waiting for a worker")
    page.get_by_role("button", name="Cancel flickr8k").click()
    expect(row).to_contain_text("Cancelled.")
    page.get_by_role("button", name="Start again: flickr8k").click()
    expect(row).to_contain_text("Waiting for a worker")
    catalog = evaluations.api.service.store.catalog
    catalog.update_job(catalog.list_evaluation_jobs(1)[0].id, state="running", progress=0.5, stage="encoded 3 of 6")
    expect(row).to_contain_text("Evaluating 50 % · encoded 3 of 6")
    page.reload()  # the evaluation is followed again
    expect(row).to_contain_text("Evaluating 50 %")
    evaluations.work()
    page.locator(".toast").get_by_role("button", name="Open").click()
    expect(page.locator("#measures tbody tr").first).to_contain_text("text to image, R@1")
    expect(page.locator("#evaluations")).to_have_count(0)
    page.click("#left-out summary")
    expect(page.locator("#left-out li")).to_have_text([re.compile("^4.png"), "5.png The file is missing."])
    expect(page.locator("#signature")).to_contain_text("set:flickr8k-1|split:dev|task:retrieval|method:lite")
    for run in evaluations.client.evaluations.runs().data:
        evaluations.client.evaluations.delete_run(run.id)


def test_failed_evaluation_shows_its_reason(page: Page, evaluations: InspectionServer) -> None:
    evaluations.client.evaluations.create("flickr8k", "photos", strict=True)
    evaluations.work()
    page.click("#open-evaluate")
    expect(page.locator("#evaluations .error")).to_contain_text("1 file of the annotations is missing: 5.png")
    expect(page.get_by_role("button", name="Start again: flickr8k")).to_be_visible()


def test_runs_are_compared_item_by_item(page: Page, runs: RunStore) -> None:
    go(page, "#view=evaluate")
    expect(page.locator(".runs li h5")).to_have_text(["after", "before"])
    expect(page.locator(".runs li").first).to_contain_text("text to image, R@1")
    expect(page.locator(".runs li").first).to_contain_text("83.3 %")
    expect(page.locator(".history")).to_have_attribute(
        "aria-label", re.compile(r"R@1 over 2 runs: 0\.0.% on 3 Nov 2025, .* 83\.3.% on 4 Nov")
    )
    expect(page.locator("#compare")).to_be_disabled()
    page.get_by_label("Compare after").check()
    page.get_by_label("Compare before").check()
    expect(page.locator(".history .marked-point")).to_have_count(2)
    page.click("#compare")
    expect(page.locator("#run-title")).to_be_focused()
    expect(page.locator("#comparison-title")).to_have_text("Compared with before")
    rows = page.locator("#differences li")
    expect(rows.nth(0)).to_contain_text("Better")
    expect(rows.nth(0)).to_contain_text("+83.3")
    expect(rows.nth(1)).to_contain_text("Undecided")
    expect(rows.nth(2)).to_contain_text("not paired")
    expect(page.locator("#better li").first).to_contain_text("text to image, rank 2 → 1")
    expect(page.locator("#report")).to_have_attribute("href", "/v1/evaluations/runs/after/report?baseline=before")
    page.click("#swap")
    expect(rows.nth(0)).to_contain_text("Worse")
    expect(page.locator("#worse li").first).to_contain_text("rank 1 → 2")
    page.go_back()
    expect(page.locator("#run-title")).to_have_text("after")
    page.go_back()
    expect(page.locator(".runs li")).to_have_count(2)
    expect(page.get_by_role("button", name="after", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#measures")).to_be_visible()


def test_open_run_shows_items_with_images_and_is_deleted_after_confirmation(page: Page, runs: RunStore) -> None:
    go(page, "#view=evaluate&run=after")
    expect(page.locator("#simulated")).to_contain_text("The files are simulated")
    expect(page.locator("#measures tbody tr").nth(1)).to_have_text(re.compile(r"loss\s*1\s*0\.\S+ to 1\.\S+"))
    first = page.locator("#worst li").first
    expect(first).to_contain_text("text to image, rank 2")
    first.locator("img").first.scroll_into_view_if_needed()
    page.wait_for_function(
        "[...document.querySelectorAll('#worst img')].some((image) => image.complete && image.naturalWidth > 0)"
    )
    page.locator("#best").scroll_into_view_if_needed()
    expect(page.locator("#best .no-image").first).to_contain_text("4.png")
    page.click("#delete-run")
    page.locator("#run .confirm").get_by_role("button", name="Cancel").click()
    assert runs.has("after")
    page.click("#delete-run")
    page.locator("#run .danger").click()
    expect(page.locator(".runs li h5")).to_have_text(["before"])
    assert not runs.has("after")
    go(page, "#view=evaluate&run=after")
    expect(page.locator("#run .error")).to_contain_text("There is no run 'after'. Latest runs: before.")


def test_videos_and_sounds_of_items_play_where_the_item_starts(
    page: Page, evaluations: InspectionServer, measured: list[Run]
) -> None:
    root = evaluations.api.service.settings.import_root
    assert root is not None
    write(root / "photos" / "clip.webm", Track(steady(10, 60), codec="libvpx"))
    write(root / "photos" / "sound.wav", audio=Clicks([0.5], 3.0, codec="pcm_s16le"))
    items = [
        ItemRecord(id="clip", group="clip", values={"loss": 1.0}, path="clip.webm", start=2.0, end=5.0),
        ItemRecord(id="sound", group="sound", values={"loss": 0.5}, path="sound.wav", answer_path="clip.webm"),
    ]
    outcome = measured[0].outcome.model_copy(update={"items": items, "measures": [measure("loss", "mean", "loss", items)]})
    store = RunStore(evaluations.api.service.settings.root)
    store.add(measured[0].model_copy(update={"id": "played", "outcome": outcome}))
    go(page, "#view=evaluate&run=played")
    video, sound = page.get_by_label("clip.webm").first, page.get_by_label("sound.wav")
    expect(video).to_have_attribute("preload", "none")
    for player, seconds in ((sound, 3.0), (page.locator("video[src*='item=clip']"), 6.0)):
        player.evaluate("(player) => { player.muted = true; player.play(); }")
        page.wait_for_function(f"(player) => Math.abs(player.duration - {seconds}) < 0.2", arg=player.element_handle())
    page.wait_for_function("(player) => player.currentTime >= 2", arg=page.locator("video[src*='item=clip']").element_handle())
    expect(page.locator("video[src*='of=answer']")).to_have_attribute("poster", re.compile("of=answer"))
    store.remove("played")
    for name in ("clip.webm", "sound.wav"):
        (root / "photos" / name).unlink()


def test_options_of_the_task_are_sent_by_name(page: Page, evaluations: InspectionServer) -> None:
    bodies: list[dict[str, object]] = []

    def serve(route: Route) -> None:
        bodies.append(route.request.post_data_json)
        route.fulfill(json={"problems": [], "num_files": 1, "num_missing": 0})

    page.route("**/v1/evaluations/check", serve)
    go(page, "#view=evaluate")
    page.get_by_text("More settings").click()
    page.fill("#evaluation-options", "pool")
    page.get_by_role("button", name="Check the folder").click()
    expect(page.locator("#evaluation-options-error")).to_have_text("“pool” is not of the form name=value.")
    page.fill("#evaluation-options", "pool=mean, spans = scenes=2")
    check(page)
    expect(page.locator("#check-result")).to_contain_text("1 file can be evaluated.")
    (body,) = bodies
    assert body["options"] == {"pool": "mean", "spans": "scenes=2"}


def test_folders_that_the_service_refuses_are_explained(page: Page) -> None:
    problem = {"status": 403, "detail": "Import from folders of the server is disabled; set MM_IMPORT_ROOT."}
    page.route("**/v1/evaluations/folders*", lambda route: route.fulfill(json=problem, status=403))
    go(page, "#view=evaluate")
    expect(page.locator("#evaluation-folder-error")).to_have_text(problem["detail"])


def test_ticks_enclose_the_range_with_round_values(page: Page) -> None:
    script = """async (ranges) => {
        const { chooseTicks } = await import('/static/evaluate/history.js');
        return ranges.map(([low, high]) => chooseTicks(low, high));
    }"""
    ranges = [(0.0, 0.375), (0.361, 0.3683), (12.0, 12.0), (0.0, 0.0), (-3.0, 180.0)]
    for ticks, (low, high) in zip(page.evaluate(script, ranges), ranges, strict=True):
        assert ticks[0] <= low <= high <= ticks[-1]
        assert 2 <= len(ticks) <= 7
        steps = [b - a for a, b in itertools.pairwise(ticks)]
        assert steps == pytest.approx([steps[0]] * len(steps))


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_evaluations_fit_their_width_and_are_accessible(
    opened: PageDriver, page: Page, runs: RunStore, width: int, theme: str
) -> None:
    with use_layout(opened, width, theme):
        go(page, "#view=evaluate")
        expect(page.locator(".history")).to_be_visible()
        assert_accessible(opened, "evaluate", width, theme)
        if width < 900:
            page.get_by_text("New evaluation").click()
        page.select_option("#evaluation-set", "flickr8k")
        page.fill("#evaluation-folder", "photos")
        page.get_by_text("More settings").click()
        check(page)
        expect(page.locator("#check-result")).to_be_visible()
        assert_accessible(opened, "evaluate-check", width, theme)
        go(page, "#view=evaluate&run=before")
        expect(page.locator("#worst li").first).to_be_visible()
        assert_accessible(opened, "evaluate-run", width, theme)
        go(page, "#view=evaluate&run=after&baseline=before")
        expect(page.locator("#differences")).to_be_visible()
        assert_accessible(opened, "evaluate-comparison", width, theme)

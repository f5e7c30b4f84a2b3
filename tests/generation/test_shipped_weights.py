"""The shipped weights, as they are served: a caption equals the reference's, an answer cites."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm.answers.ask import Asker
from mm.answers.evidence import Evidence, EvidenceMoment
from mm.answers.prompt import estimate_tokens
from mm.cli.demo.dataset import PHOTOS
from mm.evaluation.language.answers import ExampleLibrary, answer_with
from mm.generation.beam.paged import PagedHypotheses
from mm.generation.beam.search import BeamSearch
from mm.generation.builtin_captioner import load_captioner
from mm.generation.captioner import Captioner
from mm.generation.chat.models import ChatModels
from mm.generation.runners.reference_runner import ReferenceRunner
from mm.generation.vocabulary import make_vocabulary
from mm.models.language.checkpoint.file import SHIPPED, load_additions
from mm.models.language.export.merged_model import load_merged_model
from mm.models.language.smollm2 import find_smollm2
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary
from mm.settings import Settings
from mm.spaces import load_space
from tests.graphs import with_graphs

pytestmark = [
    pytest.mark.skipif(not SHIPPED.is_file(), reason="the trained weights of the language model are not installed"),
    pytest.mark.xdist_group("shipped language model"),
]


@pytest.fixture
def settings(tmp_path: Path, graphs: Path) -> Settings:
    return Settings(home=with_graphs(tmp_path, graphs), threads=1)


def test_caption_of_a_photo_by_the_graph_equals_that_of_the_reference(settings: Settings) -> None:
    with Image.open(PHOTOS["motorcycle"].locate()) as photo:
        images = load_space("lite", settings).image_maps.encode([np.asarray(photo.convert("RGB"))])
    model = load_merged_model(find_smollm2(), SHIPPED)
    tokenizer = LanguageTokenizer(read_vocabulary(model.base))
    search = BeamSearch(
        PagedHypotheses(ReferenceRunner(model.config, model.weights, 16, 8), 16, 8, 1), make_vocabulary(tokenizer), width=1
    )
    reference = Captioner(search, tokenizer, load_additions(SHIPPED).prefix)
    (number, caption), *_ = load_captioner(settings, SHIPPED, width=1).caption(images)
    assert caption.text == dict(reference.caption(images))[number].text
    assert "motorcycle" in caption.text


def test_answer_of_the_model_cites_the_moment_that_holds_it(settings: Settings) -> None:
    captions = ("A black dog runs through the snow.", "A man in a red shirt climbs a rock.")
    moments = tuple(
        EvidenceMoment(f"m{number}", "VID_0001.mp4", 10 * number, 10 * number + 10, number, (Evidence("picture", text),), "v")
        for number, text in enumerate(captions, start=1)
    )
    prepared = Asker(ExampleLibrary(moments), estimate_tokens).prepare("Where does a man climb a rock?", [])
    with ChatModels(settings) as models:
        (statement,) = answer_with(models.default)(prepared)
    assert statement.cites == ("m2",)

"""`mm eval everyday`: what people type, by kind of question."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.evaluation.kept_reports import keeps_runs, print_reports


@click.command("everyday")
@click.option(
    "--root", "roots", type=options.FOLDER, multiple=True, required=True,
    help="Folder of flickr8k, coco_captions, tuxpaint or imagenet_samples; repeatable. Questions to other sets are left out.",
)  # fmt: skip
@click.option("--plain", is_flag=True, help="Without heads of words and corrections; scores as probabilities.")
@click.option("--shipped", is_flag=True, help="Use the shipped probabilities, which were fitted to these questions too.")
@click.option("--fit", "fitted", type=options.NEW_FILE, help="Fit the probabilities to all questions, and write bands.json here.")
@click.option("--translated", is_flag=True, help="Search for the questions in ten other languages; a row for each language.")
@click.option("--diagram", type=options.NEW_FILE, help="Write the reliability diagram, SVG, here.")
@keeps_runs
@options.as_json
def everyday(
    roots: tuple[Path, ...],
    plain: bool,
    shipped: bool,
    fitted: Path | None,
    translated: bool,
    diagram: Path | None,
    as_json: bool,
) -> None:
    """Search as people type, by kind of question: right hits, bands, calibration.

    Probabilities are those of a fit without the questions of a source, in five folds.
    """
    from contextlib import closing
    from dataclasses import replace

    from mm.cli.evaluation.spaces import open_space
    from mm.data.everyday.questions import read_questions, read_translations
    from mm.data.sets.catalog import DATASETS
    from mm.errors import InvalidInput
    from mm.evaluation.evaluate_set import open_cache
    from mm.evaluation.everyday.diagram import draw_reliability
    from mm.evaluation.everyday.fit import LIKELY, cross_fit, fit_bands
    from mm.evaluation.everyday.libraries import load_libraries, rank_questions
    from mm.evaluation.everyday.measures import measure, measure_languages
    from mm.evaluation.runs.signature import hash_weights
    from mm.files import write_atomic
    from mm.spaces.text_queries.bands import compute_confidences

    if translated and diagram is not None:
        raise click.UsageError("--diagram draws kinds of English questions; it cannot be used with --translated.")
    questions = read_questions(DATASETS / "everyday")
    translations = read_translations(DATASETS / "everyday", questions)
    with open_space("lite") as opened:
        space = opened.space
        with closing(open_cache(opened.settings)) as cache:
            hashes = hash_weights(opened.weights)
            libraries = load_libraries(roots, questions, space, opened.reader, opened.settings, hashes, cache)
        space = replace(space, has_word_heads=False) if plain else space
        english, others = (list(rank_questions(space, each, libraries)) for each in (questions, translations))
        rankings = [*english, *others]
        if plain:
            confidences, likely = [each.scores_H for each in rankings], space.calibration.floor
        elif shipped:
            calibration = space.band_calibration
            if calibration is None:
                raise InvalidInput(f"The space {space.id} has no bands.json.")
            fits = [calibration.find_fit(is_english=each.is_english) for each in rankings]
            confidences = [compute_confidences(fit, each.features_HF) for fit, each in zip(fits, rankings, strict=True)]
            likely = calibration.likely
        else:
            confidences = cross_fit(rankings)
            likely = LIKELY
        if fitted is not None:
            written = fit_bands(rankings, space.calibration.image_weights).model_dump_json(indent=2)
            write_atomic(fitted, (written + "\n").encode())
        own = slice(len(english), None) if translated else slice(len(english))
        rankings, confidences = rankings[own], confidences[own]
        if diagram is not None:
            write_atomic(diagram, draw_reliability(rankings, confidences).encode())
        sizes = ", ".join(f"{len(library.ids_N):,} pictures of {library.name}" for library in libraries)
        num_searched = len({each.question.id for each in rankings})
        task = "translated-bands" if translated else "bands"
        title = f"{num_searched} questions to {sizes}; likely from {likely:g}, in percent"
        report = (measure_languages if translated else measure)(rankings, confidences, likely, title)
        print_reports(report, as_json, set_name="everyday", task=task, root=roots[0], split="dev", weights=opened.weights)

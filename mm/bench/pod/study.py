"""`mm bench pod`: the study over several seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mm.bench.pod.detector import Detector, MatchedFilters
from mm.bench.pod.report import PodReport, draw_chart, merge_false_calls, summarize
from mm.bench.pod.run import Study, Trial, count_false_calls, fit_detector, run_trials, split
from mm.bench.pod.surfaces import generate_surfaces, read_surfaces
from mm.metrics.chart import Chart

CreateDetector = Callable[[], Detector]


def run(
    study: Study, num_seeds: int, folder: Path | None = None, create_detector: CreateDetector = MatchedFilters
) -> tuple[PodReport, Chart]:
    """Report and chart of a study, on the images of a folder or on generated surfaces.

    Each seed has its own surfaces to fit to, defects and threshold; a response is a multiple of the
    threshold, so that seeds can be pooled.
    """
    trials: list[Trial] = []
    calls = []
    read = None if folder is None else read_surfaces(folder, study.crop_px)
    for seed in range(study.seed, study.seed + num_seeds):
        seeded = replace(study, seed=seed)
        surfaces = read or generate_surfaces(2 * study.num_goods, study.crop_px, seed)  # each is used once in fitting
        fitting, testing = split(surfaces)
        detector = create_detector()
        fit_detector(detector, fitting, seeded)
        for trial in run_trials(detector, testing, seeded):
            trials.append(replace(trial, response=trial.response / detector.threshold))
        calls.append(count_false_calls(detector, testing, seeded))
    name = "generated surfaces" if folder is None else f"{len(surfaces)} images of the folder {folder.name}"
    report = PodReport(detector.name, name, study, num_seeds, merge_false_calls(calls), summarize(trials, study, 1.0))
    return report, draw_chart(trials, study)

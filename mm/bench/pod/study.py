"""`mm bench pod`: the study over several seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mm.bench.pod.detector import Detector, MatchedFilters
from mm.bench.pod.report import PodReport, draw_chart, merge_false_calls, summarize
from mm.bench.pod.run import FalseCalls, Study, Trial, count_false_calls, fit_detector, run_trials, split
from mm.bench.pod.structures import measure_structures
from mm.bench.pod.surfaces import Surface, generate_surfaces, read_surfaces
from mm.evaluation.inspection.jobs import run_jobs
from mm.metrics.chart import Chart

CreateDetector = Callable[[], Detector]


def run(
    study: Study,
    num_seeds: int,
    folder: Path | None = None,
    create_detector: CreateDetector = MatchedFilters,
    num_jobs: int = 1,
) -> tuple[PodReport, Chart]:
    """Report and chart of a study, on the images of a folder or on generated surfaces.

    Each seed has its own surfaces to fit to, defects and threshold; a response is a multiple of the
    threshold, so that seeds can be pooled. With several jobs `create_detector` is pickled.
    """
    read = None if folder is None else read_surfaces(folder, study.crop_px)
    seeds = [_Seed(replace(study, seed=seed), read, create_detector) for seed in range(study.seed, study.seed + num_seeds)]
    names, trials, calls = zip(*run_jobs(_run_seed, seeds, num_jobs), strict=True)
    shown = read or generate_surfaces(study.num_goods, study.crop_px, study.seed)
    structures = measure_structures(shown, study.crop_px, study.seed)
    surfaces = "generated surfaces" if folder is None or read is None else f"{len(read)} images of the folder {folder.name}"
    pooled = [trial for each in trials for trial in each]
    report = PodReport(
        names[0], surfaces, study, num_seeds, merge_false_calls(calls), summarize(pooled, study, 1.0), tuple(structures)
    )
    return report, draw_chart(pooled, study)


@dataclass(frozen=True, slots=True, eq=False)
class _Seed:
    study: Study
    surfaces: list[Surface] | None
    """Those that were read; None generates some."""
    create_detector: CreateDetector


def _run_seed(seed: _Seed) -> tuple[str, list[Trial], FalseCalls]:
    """Name of the detector, trials with responses in multiples of the threshold, false calls."""
    study = seed.study
    surfaces = seed.surfaces or generate_surfaces(2 * study.num_goods, study.crop_px, study.seed)  # each is used once in fitting
    fitting, testing = split(surfaces)
    detector = seed.create_detector()
    fit_detector(detector, fitting, study)
    trials = [replace(trial, response=trial.response / detector.threshold) for trial in run_trials(detector, testing, study)]
    return detector.name, trials, count_false_calls(detector, testing, study)

"""Cards quote recorded runs of the shipped files, and nothing else stands in their tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from mm.cli.commands.eval_inspection import find_backbone_weights
from mm.cli.main import main
from mm.data.sets.catalog import DATASETS
from mm.errors import Corrupt
from mm.evaluation.runs.record import find_quotes, quote_run, read_record, record_run, write_record
from mm.evaluation.runs.signature import hash_weights
from mm.evaluation.runs.store import RunStore
from mm.evaluation.space_weights import list_evidence_weights, list_space_weights
from mm.inspection.template.verifier import COEFFICIENTS
from mm.lesions.segmentation.shipped import find_weights
from mm.settings import Settings
from mm.spaces.registry import WEIGHTS
from tests.evaluation.runs.test_runs import make_run

RECORDS = sorted([*WEIGHTS.glob("**/runs/*.json"), *DATASETS.glob("*/runs/*.json")])
CARDS = sorted([*WEIGHTS.glob("**/*.md"), *DATASETS.glob("*/CARD.md")])


def test_cards_quote_each_recorded_run_and_no_other_file() -> None:
    quoted = {(card.parent / path).resolve() for card in CARDS for path in find_quotes(card.read_text(encoding="utf-8"))}
    assert quoted == {path.resolve() for path in RECORDS}
    assert RECORDS


@pytest.mark.parametrize(
    "card",
    [card for card in CARDS if find_quotes(card.read_text(encoding="utf-8"))],
    ids=lambda card: f"{card.parent.name}/{card.name}",
)
def test_card_has_the_measures_of_its_recorded_runs(card: Path) -> None:
    for path, rows in find_quotes(card.read_text(encoding="utf-8")).items():
        assert rows == quote_run(read_record(card.parent / path)), path


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_recorded_run_is_of_the_shipped_files_and_not_of_a_test_split(path: Path) -> None:
    """A change of the weights needs new runs: `mm eval NAME --record FILE`, `record RUN FILE`."""
    record = read_record(path)
    signature = record.signature
    assert signature.weights == hash_weights(_list_weights(path.parents[1].name, signature.task))
    assert "--root FOLDER" in record.command
    assert signature.split != "test"
    assert not signature.is_simulated
    assert not signature.code.endswith("+"), "recorded with changed files: commit them, and run it again"


def _list_weights(card: str, task: str) -> tuple[Path, ...]:
    """The shipped files that a recorded run of this task reads."""
    if task == "lesions":
        return (find_weights(Settings()),)
    if task == "inspectors":
        return find_backbone_weights("imagenet")
    if task == "boards":
        return (COEFFICIENTS,)
    if task in ("beside-yamnet", "sounds-and-images", "fights"):
        return list_evidence_weights("lite")
    return list_space_weights(card)


def test_record_of_a_task_with_its_own_command_has_this_command_without_the_folder(tmp_path: Path) -> None:
    run = make_run("first", [1, 2])
    signature = run.signature.model_copy(update={"set_name": "bus_bra", "task": "lesions", "method": "weights=None"})
    own = run.model_copy(update={"signature": signature, "command": f"mm eval bus_bra --root '{tmp_path}/a b' --split dev"})
    assert record_run(own).command == "mm eval bus_bra --root FOLDER --split dev"
    signature = signature.model_copy(update={"set_name": "flickr8k", "task": "retrieval", "method": "lite@1,pool=max"})
    of_set = own.model_copy(update={"signature": signature})
    assert record_run(of_set).command == "mm eval flickr8k --root FOLDER --split dev --task retrieval --option pool=max"


def test_eval_record_writes_a_kept_run_and_prints_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_HOME", str(tmp_path))
    RunStore(tmp_path).add(make_run("first", [1, 2, 3]))
    result = CliRunner().invoke(main, ["eval", "record", "first", str(tmp_path / "run.json")])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[2:] == quote_run(read_record(tmp_path / "run.json"))
    (tmp_path / "file").write_text("")
    refused = CliRunner().invoke(main, ["eval", "record", "first", str(tmp_path / "file" / "run.json")])
    assert (refused.exit_code, "cannot be written" in refused.output) == (1, True)


def test_record_of_a_run_has_its_measures_and_neither_items_nor_folder(tmp_path: Path) -> None:
    run = make_run("first", [1, 2, 3])
    write_record(run, tmp_path / "run.json")
    record = read_record(tmp_path / "run.json")
    assert record == record_run(run)
    assert record.measures == run.outcome.measures
    assert "caption 0" not in (text := (tmp_path / "run.json").read_text())
    assert run.root not in text
    assert quote_run(record)[0].startswith("| R@1 | 33.3 | ")


def test_find_quotes_returns_the_first_table_after_each_link() -> None:
    card = "By a [run](runs/a.json):\n\n| a | b |\n| --- | --- |\n| x | 1 |\n| y | 2 |\n\n| z | 3 |\n| - | - |\n"
    assert find_quotes(card) == {"runs/a.json": ["| x | 1 |", "| y | 2 |"]}
    assert find_quotes("[run](runs/a.json) without a table") == {"runs/a.json": []}
    assert find_quotes("[docs](a.md)") == {}


def test_read_record_of_another_file_raises_corrupt(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(Corrupt, match="not a recorded run"):
        read_record(tmp_path / "run.json")

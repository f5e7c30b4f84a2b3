"""Adding, finding and revoking keys; the stored file contains no key."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mm.cli.main import main
from mm.errors import Conflict, Corrupt, InvalidInput, NotFound
from mm.keys import SCOPES, KeyFile

if TYPE_CHECKING:
    from pathlib import Path


def test_key_file_finds_key_until_revoked_by_another_instance(tmp_path: Path) -> None:
    maker, looker = KeyFile(tmp_path), KeyFile(tmp_path)
    assert looker.find("mm_a_b") is None
    key, secret = maker.add("laptop", "write")
    assert looker.find(secret) == key
    other, _ = maker.add("phone", "read")
    assert looker.all() == [key, other]
    assert maker.revoke("laptop") == key
    assert looker.find(secret) is None
    assert maker.revoke(other.id) == other
    assert looker.all() == []


def test_key_file_is_private_and_has_no_secret(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path)
    _, secret = keys.add("laptop", "admin")
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert secret.split("_", 2)[2] not in keys.path.read_text()
    assert not list(tmp_path.glob("*.part"))


@given(st.text(), st.integers(0, 60))
def test_key_file_find_of_other_text_returns_none(tmp_path_factory: pytest.TempPathFactory, text: str, place: int) -> None:
    keys = KeyFile(tmp_path_factory.getbasetemp() / "one")
    if not keys.all():
        keys.add("only", "read")
    assert keys.find(text) is None
    assert keys.find(f"mm_{keys.all()[0].id}_{text}") is None


def test_concurrent_key_additions_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: KeyFile(tmp_path).add(f"key {number}", "read")[0], range(8)))
    assert {key.id for key in KeyFile(tmp_path).all()} == {key.id for key in made}


def test_scope_allows_lower_scopes(tmp_path: Path) -> None:
    for place, scope in enumerate(SCOPES):
        key, _ = KeyFile(tmp_path).add(scope, scope)
        assert [key.allows(scope) for scope in SCOPES] == [index <= place for index in range(3)]


def test_key_file_with_invalid_name_or_content_raises(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path)
    keys.add("laptop", "read")
    for name in ("", " ", "x" * 65, "a\nb"):
        with pytest.raises(InvalidInput):
            keys.add(name, "read")
    with pytest.raises(Conflict):
        keys.add("laptop", "read")
    with pytest.raises(NotFound):
        keys.revoke("phone")
    keys.path.write_text('{"keys": [{}]}')
    with pytest.raises(Corrupt):
        keys.find("mm_a_b")


def test_mm_keys_accepts_every_scope() -> None:
    shown = CliRunner().invoke(main, ["keys", "add", "--help"]).output
    assert "[read|write|admin]" in shown
    assert SCOPES == ("read", "write", "admin")


def test_mm_keys_adds_lists_and_revokes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_HOME", str(tmp_path))
    run = CliRunner().invoke
    made = run(main, ["keys", "add", "laptop", "--scope", "read"])
    assert made.exit_code == 0
    assert KeyFile(tmp_path).find(made.stdout.strip()) is not None
    (listed,) = json.loads(run(main, ["keys", "list", "--json"]).stdout)
    assert (listed["name"], listed["scope"]) == ("laptop", "read")
    assert "sha256" not in listed
    assert "laptop\tread" in run(main, ["keys", "list"]).stdout
    assert json.loads(run(main, ["keys", "add", "phone", "--json"]).stdout)["scope"] == "write"
    assert run(main, ["keys", "revoke", "laptop"]).exit_code == 0
    assert run(main, ["keys", "revoke", "laptop"]).exit_code == 1

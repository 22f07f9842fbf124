"""Who may ask a service, and what is refused before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskclf.errors import InputError
from riskclf.serve.settings import TOKEN_VARIABLE, check_address, read_token

TOKEN = "abcdefgh-12345678"


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


def test_the_token_comes_from_the_file_or_else_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert read_token(None) is None
    assert read_token(file) == TOKEN
    monkeypatch.setenv(TOKEN_VARIABLE, "another-" + TOKEN)
    assert read_token(None) == "another-" + TOKEN
    assert read_token(file) == TOKEN


@pytest.mark.parametrize("token", ["", "short", "with blank 12345678", "日本語" * 8])
def test_a_weak_token_is_refused_and_not_repeated(
    token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(token, encoding="utf-8")
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    for where in (file, None):
        with pytest.raises(InputError, match="16 or more letters") as refused:
            read_token(where)
        assert not token or token not in str(refused.value)


def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no-such cannot be read \(FileNotFoundError\)"):
        read_token(tmp_path / "no-such")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_computer_needs_no_token(host: str) -> None:
    check_address(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "", "localhost.example"])
def test_any_other_address_needs_a_token(host: str) -> None:
    with pytest.raises(InputError, match="--token-file"):
        check_address(host, None)
    check_address(host, TOKEN)

from __future__ import annotations

from pathlib import Path

import pytest

from bert4rec.errors import FormatError, MissingExtraError, NotFoundError
from bert4rec.login_file import LEAST_SECRET, Login, read_login

AUTH = f"""
redirect_uri = "https://Maps.example.org/oauth2callback"
cookie_secret = "{"s" * LEAST_SECRET}"
"""
PROVIDER = """
client_id = "id"
client_secret = "secret"
server_metadata_url = "https://accounts.example.org/.well-known/openid-configuration"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "login.toml"
    path.write_text(text, "utf-8")
    return path


def login_of(*allowed: str) -> Login:
    return Login(Path("login.toml"), ("",), "https://maps.example.org", frozenset(allowed))


def test_one_provider_has_no_name_and_several_have_theirs(tmp_path: Path) -> None:
    one = read_login(written(tmp_path, f"[auth]{AUTH}{PROVIDER}[auth.client_kwargs]\na = 1"))
    assert (one.providers, one.allowed) == (("",), frozenset())
    assert (one.origin, one.host) == ("https://maps.example.org", "maps.example.org")
    (tmp_path / "two").mkdir()
    text = f"[auth]{AUTH}[auth.google]{PROVIDER}[auth.okta]{PROVIDER}"
    assert read_login(written(tmp_path / "two", text)).providers == ("google", "okta")


def test_without_a_list_whoever_the_provider_knows_is_let_in() -> None:
    assert login_of().lets_in({"sub": "1"})


@pytest.mark.parametrize(
    ("address", "is_let_in"),
    [
        ("ann@example.com", True),
        ("Ann@Example.com", True),
        ("bob@example.com", False),
        ("bob@example.org", True),
        ("bob@sub.example.org", False),
        ("bob@example.org.evil.net", False),
        ("@example.org@evil.net", False),
        ("example.org", False),
        ("", False),
        (None, False),
    ],
)
def test_let_in_are_addresses_and_whole_domains(address: str | None, is_let_in: bool) -> None:
    login = login_of("ann@example.com", "@example.org")
    assert login.lets_in({"email": address}) is is_let_in


@pytest.mark.parametrize("verified", [False, "false"])
def test_an_address_that_is_not_verified_is_in_no_list(verified: object) -> None:
    user = {"email": "bob@example.org", "email_verified": verified}
    assert not login_of("@example.org").lets_in(user)
    assert login_of("@example.org").lets_in(user | {"email_verified": True})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[auth", "it cannot be read"),
        ("", r"\[auth\] lacks redirect_uri, cookie_secret"),
        ("auth = 1", "auth is no section"),
        (f"[auth]{AUTH}", r"\[auth\] lacks client_id, client_secret, server_metadata_url"),
        (f"[auth]{AUTH}[auth.okta]\nclient_id = 'a'", r"\[auth.okta\] lacks client_secret"),
        (f"[auth]{AUTH.replace('oauth2callback', '')}{PROVIDER}", "end in /oauth2callback"),
        (f"[auth]{AUTH.replace('s' * LEAST_SECRET, 'short')}{PROVIDER}", "32 signs or more, got 5"),
        (f"[auth]{AUTH}{PROVIDER}[bert4rec]\nallow = []", r"\[bert4rec\] has no allow"),
        (f"[auth]{AUTH}{PROVIDER}[bert4rec]\nallowed = []", "should be a list"),
        (f"allowed = ['@b.c']\n[auth]{AUTH}{PROVIDER}", r"outside \[bert4rec\]"),
        (f"[auth]{AUTH}{PROVIDER}allowed = ['@b.c']", r"outside \[bert4rec\]"),
        (f"[auth]{AUTH}[auth.my_own]{PROVIDER}", "has a _ in its name"),
        (f"[auth]{AUTH.replace('https://', '')}{PROVIDER}", "should begin with https://"),
        (f"[auth]{AUTH}{PROVIDER}[bert4rec]\nallowed = 'a@b.c'", "should be a list"),
        (f"[auth]{AUTH}{PROVIDER}[bert4rec]\nallowed = ['example.org']", "should be a list"),
    ],
)
def test_what_is_missing_is_told_before_anybody_comes(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        read_login(written(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file of a login"):
        read_login(tmp_path / "login.toml")


def test_a_file_that_is_damaged_later_on_is_not_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, f"[auth]{AUTH}{PROVIDER}")
    first = read_login(path)
    path.write_text("[auth", "utf-8")
    assert read_login(path) is first


def test_a_login_names_the_extra_that_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert4rec.login_file.is_installed", lambda _: False)
    with pytest.raises(MissingExtraError, match=r"bert4rec\[login\]"):
        read_login(tmp_path / "login.toml")

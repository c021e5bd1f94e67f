from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bert4rec.errors import DeviceError, NotFoundError
from bert4rec.login_file import Login
from bert4rec.ui.server import find_app, launch_config, read_config, serve


def test_the_app_lies_beside_its_pages() -> None:
    app = find_app()
    assert app.name == "app.py"
    assert (app.parent / "pages" / "home.py").is_file()


def test_themes_and_limits_are_read_from_beside_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = read_config(find_app())
    assert config["server.fileWatcherType"] == "none"
    assert config["browser.gatherUsageStats"] is False
    assert config["theme.light.primaryColor"] != config["theme.dark.backgroundColor"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_theme_has_the_ten_colours_that_plotly_needs(theme: str) -> None:
    assert len(read_config(find_app())[f"theme.{theme}.chartCategoricalColors"]) >= 10


def test_streamlit_knows_every_setting() -> None:
    from streamlit import config

    assert not [name for name in read_config(find_app()) if name not in config.get_config_options()]


def test_an_app_without_settings_has_none(tmp_path: Path) -> None:
    assert read_config(tmp_path / "app.py") == {}


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DeviceError, match=f"port {port}"):
            serve(tmp_path / "workspace", port=port, open_browser=False)
    assert not (tmp_path / "workspace").exists()


def test_hosts_that_were_named_stay_allowed_when_the_app_is_shared() -> None:
    named = {"server.allowedHosts": ["shop.example"], "server.port": 1}
    shared = launch_config(named, "0.0.0.0", 8600)
    assert {"shop.example", "localhost"} <= set(shared["server.allowedHosts"])
    assert shared["server.port"] == 8600
    assert launch_config(named, "127.0.0.1", 8600)["server.allowedHosts"] == ["shop.example"]


def test_what_pages_send_is_packed_for_visitors_from_elsewhere() -> None:
    login = Login(Path("/etc/login.toml"), ("",), "https://maps.example.org", frozenset())
    packs = "server.enableWebsocketCompression"
    assert launch_config({}, "0.0.0.0", 8600)[packs]
    # Behind a proxy on this machine.
    assert launch_config({}, "127.0.0.1", 8600, login)[packs]
    assert packs not in launch_config({}, "127.0.0.1", 8600)


def test_with_a_login_its_file_is_the_secrets_and_its_host_is_allowed() -> None:
    login = Login(Path("/etc/login.toml"), ("",), "https://maps.example.org", frozenset())
    config = launch_config({"server.allowedHosts": ["localhost"]}, "127.0.0.1", 8600, login)
    assert config["secrets.files"] == ["/etc/login.toml"]
    assert config["server.allowedHosts"] == ["localhost", "maps.example.org"]
    assert "secrets.files" not in launch_config({}, "127.0.0.1", 8600)


def test_a_login_that_is_missing_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="login"):
        serve(tmp_path / "workspace", open_browser=False, login=tmp_path / "login.toml")
    assert not (tmp_path / "workspace").exists()

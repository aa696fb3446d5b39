"""Settings from options and from the environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import CliApp

from server.settings import Settings, is_loopback


def settings(*options: str) -> Settings:
    return CliApp.run(Settings, cli_args=list(options))


def test_only_this_machine_is_served_by_default() -> None:
    assert is_loopback(settings().host)
    assert settings().device == ["auto"]


def test_several_values_are_options_repeated_or_one_with_commas() -> None:
    assert settings("--device", "cuda:0", "--device", "cuda:1").device == ["cuda:0", "cuda:1"]
    assert settings("--model-dir", "a,b").model_dir == [Path("a"), Path("b")]


def test_options_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSPIXAR_ALLOWED_HOST", "render.example, other.example")
    monkeypatch.setenv("TRANSPIXAR_MAX_QUEUE", "5")
    assert settings().allowed_host == ["render.example", "other.example"]
    assert settings().max_queue == 5
    assert settings("--max-queue", "6").max_queue == 6


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_addresses_that_others_reach(host: str) -> None:
    assert not is_loopback(settings("--host", host).host)


@pytest.mark.parametrize(("option", "value"), [("--host", "render-box"), ("--port", "-1"), ("--keep-gb", "nan gb")])
def test_bad_values_are_refused(option: str, value: str) -> None:
    with pytest.raises(ValidationError):
        settings(option, value)

"""The server's settings: from options of the command line, then from `TRANSPIXAR_...` environment variables."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import platformdirs
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def user_data_dir() -> Path:
    """The folder for this user's data, as the system has it."""
    return platformdirs.user_data_path("transpixar", appauthor=False)


class Settings(BaseSettings):
    """Serve the API on this machine."""

    model_config = SettingsConfigDict(
        env_prefix="TRANSPIXAR_",
        cli_prog_name="python -m server serve",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
        cli_exit_on_error=False,
    )

    host: str = Field("127.0.0.1", description="loopback address to listen on")
    port: int = Field(8420, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    data_dir: Path = Field(default_factory=user_data_dir, description="folder of the finished clips")
    model_dir: list[Path] = Field([], description="a model folder besides the built-in ones; can be given repeatedly")
    cancel_grace: float = Field(10.0, gt=0, description="seconds that a worker has to obey a cancel")
    stop_with_parent: bool = Field(False, description="stop when standard input closes")

    @field_validator("host")
    @classmethod
    def _is_loopback(cls, host: str) -> str:
        # Anyone who reaches the port can use the machine, so only this machine may reach it.
        try:
            is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            is_loopback = False
        if not is_loopback:
            raise ValueError(f"{host} is no address of this machine alone; use 127.0.0.1")
        return host

"""The server's settings: from options of the command line, then from `TRANSPIXAR_...` environment variables."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def user_data_dir() -> Path:
    """The folder for this user's data, as the system has it."""
    return platformdirs.user_data_path("transpixar", appauthor=False)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def _check_address(host: str) -> str:
    try:
        is_loopback(host)
    except ValueError:
        raise ValueError(f"{host} is no IP address; use 127.0.0.1 for this machine alone, 0.0.0.0 for all") from None
    return host


def _split(value: Any) -> Any:
    # The command line joins what is given repeatedly in the same way.
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


_Item = TypeVar("_Item")
# Given repeatedly, or once with commas; in the environment with commas.
Several = Annotated[list[_Item], NoDecode, BeforeValidator(_split)]
Host = Annotated[str, AfterValidator(_check_address)]


class Settings(BaseSettings):
    """Serve the API on this machine.

    Every option can be given in the environment too: --data-dir as TRANSPIXAR_DATA_DIR, several values with commas.
    """

    model_config = SettingsConfigDict(
        env_prefix="TRANSPIXAR_",
        cli_prog_name="python -m server serve",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
        cli_exit_on_error=False,
    )

    host: Host = Field("127.0.0.1", description="address to listen on; any but a loopback address needs a token")
    port: int = Field(8420, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    data_dir: Path = Field(default_factory=user_data_dir, description="folder of the jobs, clips, uploads and models")
    model_dir: Several[Path] = Field([], description="a model folder besides the built-in ones; can be repeated")
    device: Several[str] = Field(
        ["auto"],
        min_length=1,
        description="what to compute on: auto, cpu, cuda or cuda:N; repeated, one worker process for each",
    )

    token_file: Path | None = Field(
        None,
        description="file with the token that calls must carry; made with a new token if it is not there. "
        "TRANSPIXAR_TOKEN can hold the token itself",
    )
    allowed_host: Several[str] = Field(
        [], description="a name under which the server may be called, besides those of this machine; can be repeated"
    )

    max_queue: int = Field(100, ge=1, description="jobs that may wait")
    max_clip_pixels: int = Field(4_000_000_000, ge=1, description="pixels in all frames of all clips of one job")
    max_upload_mb: float = Field(512.0, gt=0, description="size of an uploaded file in MB")
    disk_floor_gb: float = Field(2.0, ge=0, description="free disk space in GB below which nothing is taken in")
    keep_days: float = Field(0.0, ge=0, description="days after which finished jobs and clips go; 0 keeps them")
    keep_gb: float = Field(0.0, ge=0, description="GB of clips above which the oldest finished go; 0 keeps them")
    idle_unload: float = Field(
        300.0, ge=0, description="seconds without work after which the model leaves the memory; 0 keeps it"
    )
    cancel_grace: float = Field(10.0, gt=0, description="seconds that a worker has to obey a cancel")
    stop_with_parent: bool = Field(False, description="stop when standard input closes")

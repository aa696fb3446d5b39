"""Downloads the files of models from the Hugging Face hub. Nothing here imports torch.

Sizes, small files and the cache's records come from `huggingface_hub`. The weights are fetched in `transfer`, because
that library begins a file anew when it was interrupted, and these files have five gigabytes.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from huggingface_hub import DryRunFileInfo, hf_hub_url, snapshot_download
from huggingface_hub.utils import disable_progress_bars

from server.models.cache import (
    BASE_SMALL,
    BASE_WEIGHTS,
    IGNORED,
    WEIGHT_FOLDERS,
    HubPart,
    bytes_on_disk,
    hub_parts,
    presence,
    recorded_commit,
)
from server.models.description import ModelDescription
from server.models.hub_errors import DownloadError, hub_errors, is_offline, offline_error
from server.models.licences import Acceptances
from server.models.transfer import DownloadCancelled, Transfer, fetch

__all__ = ["DownloadCancelled", "DownloadError", "DownloadSize", "ask_size", "download"]

Progress = Callable[[int, int], None]
"""Takes the bytes that are on disk and the bytes there will be."""
ShouldStop = Callable[[], bool]

_DOCUMENTS = ("README.md", "LICENSE*")
_PARALLEL_FILES = 4
_PROGRESS_SECONDS = 0.25
# Left on the disk besides the model: a full disk harms more than this program.
_SPARE_BYTES = 500_000_000


@dataclass(frozen=True)
class DownloadSize:
    """What a model's files on the hub come to, and what of it is on disk, in bytes."""

    bytes_total: int
    bytes_present: int


def ask_size(description: ModelDescription, hub_folder: Path) -> DownloadSize:
    """Ask the hub what a model's files come to. Raises DownloadError."""
    total = present = 0
    for part in hub_parts(description):
        found = presence(part, hub_folder)
        if not found.complete or found.bytes_total is None:
            files = _list(part, hub_folder)
            total += sum(file.file_size or 0 for file in files)
            present += sum(bytes_on_disk(Path(file.local_path)) for file in files)
        else:
            total, present = total + found.bytes_total, present + found.bytes_present
    return DownloadSize(total, present)


def download(
    description: ModelDescription,
    hub_folder: Path,
    accepted: Acceptances,
    *,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
    offline: bool = False,
) -> None:
    """Bring all of a model's files on the hub into `hub_folder`, continuing where an earlier download stopped.

    Does nothing, not even ask the hub, when all are there. `progress` and `should_stop` are called in this thread, a
    few times a second.

    Args:
        description: the model.
        hub_folder: a folder in the hub's cache layout; made if it is not there.
        accepted: nothing is downloaded without the licences in it.
        progress: told how far the download is.
        should_stop: asked whether to end the download.
        offline: refuse instead of using the network; HF_HUB_OFFLINE does the same.

    Raises:
        LicenceError: a licence of the model is not accepted.
        DownloadError: it cannot be done; the message is a sentence that says why and what to do.
        DownloadCancelled: `should_stop` said so. What has come stays for the next time.
    """
    accepted.require(description)
    parts = [part for part in hub_parts(description) if not presence(part, hub_folder).complete]
    if not parts:
        return
    if offline or is_offline():
        raise offline_error(description.name)
    should_stop = should_stop or (lambda: False)
    with _exclusive(hub_folder, should_stop):
        files = {part: _list(part, hub_folder) for part in parts}
        _check_files(files)
        _check_space(files, hub_folder)
        for part, listed in files.items():
            _download_small_files(part, listed[0].commit_hash, hub_folder)
        _download_weights(files, progress or (lambda done, total: None), should_stop)


def download_configurations(repo: str, hub_folder: Path) -> Path:
    """Bring the configurations of a base on the hub, and return the folder that they are in. Raises DownloadError."""
    if is_offline():
        raise offline_error(repo)
    with hub_errors(repo), disable_progress_bars():
        return Path(snapshot_download(repo, cache_dir=hub_folder, allow_patterns=[*BASE_SMALL, *_DOCUMENTS]))


def _list(part: HubPart, hub_folder: Path) -> list[DryRunFileInfo]:
    """The files of a part, with their sizes, of the commit that was taken first. Raises DownloadError."""
    revision = recorded_commit(part, hub_folder) or part.revision
    with hub_errors(part.repo), disable_progress_bars():
        files = snapshot_download(
            part.repo,
            revision=revision,
            cache_dir=hub_folder,
            allow_patterns=list(part.patterns),
            ignore_patterns=list(IGNORED),
            dry_run=True,
        )
    if not files:
        raise DownloadError(
            f"The repository {part.repo} on the hub has none of the files {', '.join(part.patterns)}; choose another."
        )
    return files


def _check_files(parts: dict[HubPart, list[DryRunFileInfo]]) -> None:
    for part, files in parts.items():
        holders = {file.filename.split("/")[0] for file in files if _is_weights(file)}
        lacking = sorted(set(WEIGHT_FOLDERS) - holders) if set(BASE_WEIGHTS) <= set(part.patterns) else []
        if lacking:
            raise DownloadError(
                f"The repository {part.repo} has no safetensors weights in {' and '.join(lacking)}, and pickled ones "
                "are never loaded; choose another repository, or convert it and add the folder."
            )


def _check_space(parts: dict[HubPart, list[DryRunFileInfo]], hub_folder: Path) -> None:
    files = [file for listed in parts.values() for file in listed]
    needed = sum(max((file.file_size or 0) - bytes_on_disk(Path(file.local_path)), 0) for file in files)
    free = shutil.disk_usage(hub_folder).free
    if needed + _SPARE_BYTES > free:
        raise DownloadError(
            f"The download needs {gigabytes(needed)} and {gigabytes(_SPARE_BYTES)} to spare, but only "
            f"{gigabytes(free)} are free at {hub_folder}; make room, or choose another data folder with --data-dir."
        )


def _download_small_files(part: HubPart, commit: str, hub_folder: Path) -> None:
    """Bring configurations, card and licence, and with them the library's record of what the repository holds."""
    patterns = [pattern for pattern in part.patterns if not pattern.endswith(".safetensors")]
    with hub_errors(part.repo), disable_progress_bars():
        snapshot_download(part.repo, revision=commit, cache_dir=hub_folder, allow_patterns=[*patterns, *_DOCUMENTS])


def _download_weights(parts: dict[HubPart, list[DryRunFileInfo]], progress: Progress, should_stop: ShouldStop) -> None:
    everything = [file for files in parts.values() for file in files]
    total = sum(file.file_size or 0 for file in everything)
    transfers = [
        Transfer(
            repo=part.repo,
            url=hf_hub_url(part.repo, file.filename, revision=file.commit_hash),
            target=Path(file.local_path),
        )
        for part, files in parts.items()
        for file in files
        if not Path(file.local_path).is_file()
    ]

    def report() -> None:
        progress(min(sum(bytes_on_disk(Path(file.local_path)) for file in everything), total), total)

    report()
    stop = threading.Event()
    with ThreadPoolExecutor(_PARALLEL_FILES, thread_name_prefix="download") as pool:
        pending = {pool.submit(fetch, transfer, stop) for transfer in transfers}
        try:
            while pending:
                done, pending = wait(pending, _PROGRESS_SECONDS, FIRST_EXCEPTION)
                for finished in done:
                    finished.result()
                report()
                if pending and should_stop():
                    raise DownloadCancelled
        finally:
            # For an error too: the other files' threads would go on for minutes.
            stop.set()


@contextmanager
def _exclusive(hub_folder: Path, should_stop: ShouldStop) -> Iterator[None]:
    """Wait until no other process downloads into the folder."""
    try:
        hub_folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(hub_folder / ".download.lock")
        while True:
            if should_stop():
                raise DownloadCancelled
            try:
                lock.acquire(timeout=_PROGRESS_SECONDS)
                break
            except Timeout:
                continue
    except OSError as error:
        raise DownloadError(
            f"The folder {hub_folder} cannot be written ({error.strerror}); choose another data folder with --data-dir."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _is_weights(file: DryRunFileInfo) -> bool:
    return file.filename.endswith(".safetensors")


def gigabytes(count: int) -> str:
    """A number of bytes for a person, for example "21.4 GB"."""
    for unit, size in (("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"

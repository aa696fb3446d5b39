"""What a person is told when the Hugging Face hub cannot give a file. Nothing here imports torch."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)


class DownloadError(Exception):
    """A download that cannot be done; the message is a sentence that says why and what to do."""


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids the network."""
    return constants.is_offline_mode()


def offline_error(what: str) -> DownloadError:
    """The error of a download that offline mode forbids."""
    return DownloadError(
        f"The files of {what} are not all on this machine, and offline mode forbids to download them; leave out "
        "--offline and unset HF_HUB_OFFLINE, or copy the folder `hub` of a data folder that has them."
    )


@contextmanager
def hub_errors(repo: str) -> Iterator[None]:
    """Turn whatever goes wrong with a repository of the hub into a DownloadError."""
    try:
        yield
    except (httpx2.HTTPError, HFValidationError, OSError) as error:
        raise explain(error, repo) from error


def explain(error: BaseException, repo: str) -> DownloadError:
    """A sentence for an error of huggingface_hub, its HTTP client or the file system."""
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, OfflineModeIsEnabled):
            return offline_error(repo)
        if isinstance(cause, HfHubHTTPError):
            return DownloadError(_explain_answer(cause, repo))
        if isinstance(cause, httpx2.ProxyError):
            return DownloadError(f"The proxy does not let this program through to {constants.ENDPOINT} ({cause}).")
        if isinstance(cause, httpx2.TransportError):
            return DownloadError(
                f"{constants.ENDPOINT} cannot be reached ({_first_line(cause)}); check the network connection and "
                "start the download again, it continues where it stopped."
            )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return DownloadError("The disk is full; make room and start the download again, it continues where it stopped.")
    if isinstance(error, OSError) and error.errno is not None:
        return DownloadError(f"The download cannot be written ({error.strerror}: {error.filename}); check the folder.")
    return DownloadError(f"The download of {repo} failed ({_first_line(error)}); start it again.")


def _explain_answer(error: HfHubHTTPError, repo: str) -> str:
    page = f"{constants.ENDPOINT}/{repo}"
    status = error.response.status_code
    # Gated is a kind of not found, so it comes first.
    if isinstance(error, GatedRepoError) or status == 403:
        return (
            f"{repo} is open only to people who have accepted its conditions: accept them on {page}, then log in with "
            "`hf auth login` or set HF_TOKEN, and start the download again."
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{repo} has no such revision any more; correct `revision` in the model's transpixar.json."
    if isinstance(error, RemoteEntryNotFoundError):
        return f"{repo} has no file {str(error.response.url).rpartition('/')[2]}; correct the model's transpixar.json."
    if isinstance(error, RepositoryNotFoundError) or status in (401, 404):
        return (
            f"There is no repository {repo} on the hub, or it is private; look at {page}, and for a private one log in "
            "with `hf auth login` or set HF_TOKEN."
        )
    if status == 429:
        return f"{constants.ENDPOINT} refuses more downloads for now; wait a few minutes and start it again."
    if status >= 500:
        return f"{constants.ENDPOINT} has a problem of its own ({status}); start the download again later."
    return f"{constants.ENDPOINT} refused {repo} with the status {status}; look at {page}."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")

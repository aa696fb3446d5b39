"""Where the server keeps what it makes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from server.media.naming import partial_name

EXPORT_PREFIX = ".export-"


@dataclass(frozen=True)
class DataFolders:
    """The folders under the data directory.

    `clips/` has the finished clips, `jobs/<id>/` what goes with a job, `hub/` what was downloaded, `style_loras/` what
    its owner puts there, and `jobs.sqlite3` is the database.
    """

    root: Path

    @property
    def clips(self) -> Path:
        """The folder of the finished clips."""
        return self.root / "clips"

    @property
    def jobs(self) -> Path:
        """The folder of the jobs' folders."""
        return self.root / "jobs"

    @property
    def hub(self) -> Path:
        """The folder of the files that were downloaded from the hub."""
        return self.root / "hub"

    @property
    def style_loras(self) -> Path:
        """The folder that style LoRAs are put into."""
        return self.root / "style_loras"

    @property
    def database(self) -> Path:
        """The file of the job database."""
        return self.root / "jobs.sqlite3"

    @property
    def reserve(self) -> Path:
        """The file that sets room aside for the job database."""
        return self.root / "jobs.reserve"

    def job(self, job_id: str) -> Path:
        """The folder of a job's temporary files."""
        return self.jobs / job_id

    def preview(self, job_id: str) -> Path:
        """The file of a job's latest preview."""
        return self.job(job_id) / "preview.png"

    def export(self, job_id: str, name: str) -> Path:
        """A folder for one of a job's clips in another format."""
        return self.job(job_id) / f"{EXPORT_PREFIX}{name}"

    def create(self) -> None:
        """Make the folders. Raises OSError when that is not possible."""
        self.clips.mkdir(parents=True, exist_ok=True)
        self.jobs.mkdir(exist_ok=True)

    def remove_partial_clip(self, job_id: str) -> None:
        """Remove what a killed worker may have left of a clip."""
        shutil.rmtree(self.clips / partial_name(job_id), ignore_errors=True)

    def remove_job(self, job_id: str) -> None:
        """Remove a job's temporary files, if there are any."""
        shutil.rmtree(self.job(job_id), ignore_errors=True)

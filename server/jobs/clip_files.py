"""The files of jobs: which clips are on disk, and their removal."""

from __future__ import annotations

import logging
import os
import re
import shutil
from pathlib import Path
from uuid import uuid4

from server.files import is_full
from server.jobs.folders import EXPORT_PREFIX, DataFolders
from server.jobs.job import Clip, Job
from server.media.naming import clip_name, frame_name, partial_name, sidecar_name
from server.media.sidecar import Sidecar, SidecarError

log = logging.getLogger(__name__)

# Beside the clips, so that renaming is one step.
_TRASH_PREFIX = ".trash-"
_PARTIAL_PREFIX = partial_name("")
_JOB_ID = re.compile(r"[0-9a-f]{32}")


class ClipFiles:
    """The files under the data folder. Nothing outside the clips folder is ever taken for a clip or removed."""

    def __init__(self, folders: DataFolders) -> None:
        self._folders = folders

    def has(self, clip: Clip) -> bool:
        """Whether all files of a clip are there."""
        folder = self._inside(clip.name)
        if folder is None:
            return False
        try:
            names = {path.name for path in folder.iterdir()}
        except OSError:
            return False
        return clip.sidecar in names and all(frame_name(n) in names for n in range(1, clip.frame_count + 1))

    def size(self, job: Job) -> int:
        """How many bytes the clips of a job take."""
        total = 0
        for clip in job.clips:
            folder = self._inside(clip.name)
            if folder is not None and folder.is_dir():
                total += sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file())
        return total

    def unreported(self, job: Job) -> Clip | None:
        """The next clip of a job when it is complete on disk, though the worker did not live to report it."""
        index = len(job.clips) + 1
        if index > job.request.num_clips:
            return None
        request = job.request.of_clip(index)
        name, file = clip_name(request.prompt, request.seed, job.id), sidecar_name(request.prompt)
        folder = self._inside(name)
        if folder is None or not folder.is_dir():
            return None
        sidecar = _read_sidecar(folder / file)
        if sidecar is None or sidecar.job != job.id or sidecar.request != request:
            return None
        clip = Clip(
            index=index,
            name=name,
            sidecar=file,
            seed=request.seed,
            frame_count=sidecar.frame_count,
            # Models make whole frames a second.
            fps=round(sidecar.fps),
            width=sidecar.width,
            height=sidecar.height,
            folder=str(self._folders.clips / name),
        )
        return clip if self.has(clip) else None

    def make_room(self, job: Job) -> None:
        """Remove what stands where a job will write: half a clip, and clips that its record does not have."""
        self._folders.remove_partial_clip(job.id)
        for index in range(len(job.clips) + 1, job.request.num_clips + 1):
            request = job.request.of_clip(index)
            name = clip_name(request.prompt, request.seed, job.id)
            sidecar = _read_sidecar(self._folders.clips / name / sidecar_name(request.prompt))
            # The name has only a part of the job's id: another job's clip may bear it.
            if sidecar is not None and sidecar.job == job.id:
                self._remove_clip(name)

    def remove(self, job_id: str, clip_names: tuple[str, ...]) -> bool:
        """Remove a job's files. Returns False when something is left, for example because a program has it open."""
        self._folders.remove_job(job_id)
        self._folders.remove_partial_clip(job_id)
        left = [name for name in clip_names if not self._remove_clip(name)]
        return not left

    def sweep(self, kept: set[str]) -> None:
        """Remove the temporary folders that a killed server has left, and the previews of all but the jobs in `kept`.

        Clip folders that no job knows are left alone: somebody has put them there, or an earlier database knew them. So
        is what no job is called like.
        Only for a server that has no worker yet.
        """
        for path in self._folders.clips.iterdir():
            if path.name.startswith((_PARTIAL_PREFIX, _TRASH_PREFIX)) and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
        for path in self._folders.jobs.iterdir():
            if path.is_symlink() or not _JOB_ID.fullmatch(path.name):
                continue
            for left in [path] if path.name not in kept else path.glob(f"{EXPORT_PREFIX}*"):
                shutil.rmtree(left, ignore_errors=True)

    def _remove_clip(self, name: str) -> bool:
        folder = self._inside(name)
        if folder is None or not folder.exists():
            return True
        # A folder that exists under a clip's name is complete; this one will not be in a moment.
        trash = self._folders.clips / f"{_TRASH_PREFIX}{uuid4().hex}"
        try:
            folder.rename(trash)
        except OSError as error:
            if not is_full(error):
                log.warning("the clip %s cannot be removed now: %s", name, error)
                return False
            # Some disks need room for a new name. No record shows this clip any more.
            trash = folder
        shutil.rmtree(trash, ignore_errors=True)
        return not folder.exists()

    def _inside(self, name: str) -> Path | None:
        """The folder of this name directly in the clips folder; None for a name, or a link, that leads elsewhere."""
        clips = self._folders.clips.resolve()
        folder = clips / name
        if folder.resolve() != folder or folder.parent != clips:
            log.error("the clip folder %r is not inside %s; it is left alone", name, clips)
            return None
        return folder


def _read_sidecar(path: Path) -> Sidecar | None:
    try:
        return Sidecar.from_json(path.read_bytes())
    except (OSError, SidecarError):
        return None

"""What a report of an engine makes of its job."""

from __future__ import annotations

from server.jobs.job import Download, Job
from server.jobs.job import Preview as PreviewMark
from server.jobs.states import JobState
from server.workers.messages import (
    Cancelled,
    ClipReady,
    Downloading,
    Failed,
    Finished,
    JobReport,
    Phase,
    Planned,
    Preview,
    Step,
    Warned,
)


def apply_report(job: Job, report: JobReport) -> Job:
    """The job after a report; the same job when it says nothing new. Raises IllegalTransition for one out of order."""
    match report:
        case Phase(phase=phase):
            return job if phase == job.state else job.moved_to(JobState(phase))
        case Downloading(bytes_done=done, bytes_total=total):
            return job.downloading(Download(bytes_done=done, bytes_total=total))
        case Planned(execution=execution):
            return job.executed_as(execution)
        case Warned(warning=warning):
            return job.warned(warning)
        case Step(clip=clip, step=step, eta_seconds=eta):
            return job.at_step(clip, step, eta)
        case Preview(clip=clip, step=step):
            return job.with_preview(PreviewMark(clip=clip, step=step))
        case ClipReady(clip=clip):
            return job.with_clip(clip)
        case Finished():
            return job.succeeded()
        case Failed(error=error):
            return job.failed(error)
        case Cancelled():
            return job.moved_to(JobState.CANCELLED)

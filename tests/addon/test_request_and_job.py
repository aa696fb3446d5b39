import pytest

from blender_transpixar.core.errors import InvalidRequestError, JobFailedError, NotATransPixarServerError
from blender_transpixar.core.job import Job, JobClip, JobState
from blender_transpixar.core.request import ClipRequest

JOB = {
    "id": "ab" * 16,
    "state": "running",
    "finished": False,
    "sequence": 5,
    "created_at": "2026-01-31T12:00:00.000Z",
    "updated_at": "2026-01-31T12:00:01.000Z",
    "request": {"prompt": "fire"},
    "queue_position": None,
    "progress": {"phase": "running", "step": 3, "of": 20},
    "preview": {"url": "/v1/videos/x/preview?v=3", "step": 3},
    "error": None,
    "clips": [],
}


def test_what_is_left_to_the_model_is_not_sent():
    assert ClipRequest("fire").to_json() == {"prompt": "fire", "negative_prompt": ""}
    assert ClipRequest("fire", seed=0, num_frames=9).to_json()["seed"] == 0


def test_a_stored_request_can_be_run_again():
    request = ClipRequest("fire", seed=7, width=64, height=64, num_frames=9, steps=20, guidance=4.0, model="mini")
    assert ClipRequest.from_json(request.to_json() | {"field_of_a_newer_server": 1}) == request


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_an_empty_prompt_is_refused_before_anything_is_sent(prompt: str):
    with pytest.raises(InvalidRequestError, match="Describe an effect") as caught:
        ClipRequest(prompt)
    assert (caught.value.code, caught.value.field) == ("prompt_empty", "prompt")


def test_a_job_is_read():
    job = Job.from_json(JOB)
    assert (job.state, job.step, job.of, job.preview_step) == (JobState.RUNNING, 3, 20, 3)
    assert not job.finished


def test_a_job_tells_its_clips_in_order():
    clips = [
        {"index": 1, "name": "fire_7_abababab", "sidecar": "fire.transpixar", "seed": 7},
        {"index": 2, "name": "fire_8_abababab", "sidecar": "fire.transpixar", "seed": 8},
    ]
    job = Job.from_json(JOB | {"state": "succeeded", "finished": True, "clips": clips})
    assert job.finished
    assert job.clips[0] == JobClip(1, "fire_7_abababab", "fire.transpixar", 7)
    assert [clip.index for clip in job.clips] == [1, 2]


def test_progress_is_read_with_what_the_server_knows_of_the_end():
    progress = {"phase": "downloading", "clip": 2, "of_clips": 3, "step": 0, "of": 20, "eta_seconds": 12.5}
    job = Job.from_json(JOB | {"state": "loading", "progress": progress | {"bytes_done": 1, "bytes_total": 2}})
    assert (job.phase, job.clip, job.of_clips, job.eta_seconds) == ("downloading", 2, 3, 12.5)
    assert (job.bytes_done, job.bytes_total) == (1, 2)


def test_an_interrupted_job_may_be_taken_up_again():
    assert not Job.from_json(JOB | {"state": "interrupted"}).finished


def test_a_failed_job_carries_the_servers_sentence():
    job = Job.from_json(JOB | {"state": "failed", "error": {"code": "out_of_memory", "message": "Use a smaller size."}})
    assert isinstance(job.error, JobFailedError)
    assert (job.error.code, job.error.message) == ("out_of_memory", "Use a smaller size.")


@pytest.mark.parametrize("broken", [{}, JOB | {"state": "dancing"}, JOB | {"progress": None}, JOB | {"sequence": "x"}])
def test_what_is_no_job_is_a_typed_error(broken: dict):
    with pytest.raises(NotATransPixarServerError, match="same version"):
        Job.from_json(broken)

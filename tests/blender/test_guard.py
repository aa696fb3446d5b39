"""What nobody foresaw costs the one task that it is about: the timer, the handlers and the other tasks go on."""

from pathlib import Path

import bpy
import pytest

from blender_transpixar import registration
from blender_transpixar.bl import asset_drop, clip_queue, collect, known_clips, pump, pursuit, work_folder
from blender_transpixar.bl.inputs import RequestFiles
from blender_transpixar.bl.target import Target
from blender_transpixar.core.delivery import Delivery
from blender_transpixar.core.request import ClipRequest
from tests.addon.made_clips import write_clip
from tests.addon.real_server import MODEL_NAME
from tests.blender.test_generate import pump_until
from tests.blender.test_placing_anywhere import facts, linked_collection

SENTENCE = "Something went wrong that should not"


def raises(*_arguments: object) -> bool:
    raise RuntimeError("Error: nobody foresaw this")


def finished(tag: int) -> Delivery:
    return Delivery(tag, "png8", path=Path("somewhere"))


def test_a_task_that_cannot_be_acted_on_fails_alone(blender: None):
    broken, whole, acted = finished(-1), finished(-2), []
    pump.follow(broken, raises)
    pump.follow(whole, lambda task: bool(acted.append(task.tag)) or True)
    for _ in range(4):
        pump.tick()
    assert SENTENCE in broken.error.message
    assert (acted, whole.error) == ([-2], None)
    assert not pump._followed


def test_a_routine_that_raises_is_called_no_more_and_the_others_are(blender: None):
    called: list[str] = []

    def breaks() -> bool:
        called.append("breaks")
        return raises()

    def goes_on() -> bool:
        called.append("goes on")
        return called.count("goes on") < 3

    pump.keep_calling(breaks)
    pump.keep_calling(goes_on)
    assert pump.tick() is not None
    for _ in range(4):
        pump.tick()
    assert (called.count("breaks"), called.count("goes on")) == (1, 3)
    # It may be asked for again.
    pump.keep_calling(breaks)
    pump.tick()
    assert called.count("breaks") == 2


def test_a_generated_clip_that_cannot_be_placed_says_so_and_the_next_one_is_placed(
    connected: Path, monkeypatch: pytest.MonkeyPatch
):
    before = facts()

    def submit() -> str:
        request = ClipRequest("orange smoke", seed=7, steps=2, model=MODEL_NAME)
        return clip_queue.submit(bpy.context, request, RequestFiles(), target=Target(bpy.context)).key

    with monkeypatch.context() as broken:
        broken.setattr(Target, "place", raises)
        key = submit()
        pump_until(lambda: not pump.is_busy())
    wish = clip_queue.find(key)
    assert SENTENCE in wish.problem
    assert (wish.phase, facts()) == ("Not placed yet", before)
    submit()
    pump_until(lambda: not pump.is_busy())
    assert len(bpy.context.scene.objects) == 1


def test_a_clip_that_comes_while_a_linked_collection_is_active_is_placed(connected: Path, tmp_path: Path):
    linked_collection(tmp_path)
    request = ClipRequest("orange smoke", seed=7, steps=2, model=MODEL_NAME)
    clip_queue.submit(bpy.context, request, RequestFiles(), target=Target(bpy.context))
    pump_until(lambda: not pump.is_busy())
    (plane,) = bpy.context.scene.objects
    assert plane.users_collection == (bpy.context.scene.collection,)
    assert (len(bpy.data.meshes), len(bpy.data.materials)) == (1, 1)


def test_a_clip_that_is_placed_but_not_written_down_stands_there_once(connected: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pursuit, "note_placed", raises)
    request = ClipRequest("orange smoke", seed=7, steps=2, model=MODEL_NAME)
    clip_queue.submit(bpy.context, request, RequestFiles(), target=Target(bpy.context))
    pump_until(lambda: not pump.is_busy())
    for _ in range(3):
        pump.tick()
    assert len(bpy.context.scene.objects) == 1


@pytest.mark.parametrize(
    ("module", "inner", "handler"),
    [
        (collect, "_count", "_on_file"),
        (known_clips, "forget", "_on_load"),
        (work_folder, "find_moved", "_on_load"),
        (asset_drop, "start_dropped", "_handler"),
    ],
)
def test_a_handler_that_breaks_stops_nobody(
    blender: None, module, inner: str, handler: str, monkeypatch: pytest.MonkeyPatch
):
    class Told:
        import_items = updates = ()

    monkeypatch.setattr(module, inner, raises)
    arguments = (Told(),) if asset_drop._TELLS_OF_IMPORTS else (bpy.context.scene, Told())
    getattr(module, handler)(*arguments)


def test_every_handler_and_operator_has_the_net(blender: None):
    ours = [
        each
        for name in dir(bpy.app.handlers)
        if isinstance(handlers := getattr(bpy.app.handlers, name), list)
        for each in handlers
        if "transpixar" in getattr(each, "__module__", "")
    ]
    assert len(ours) >= 4
    assert all(hasattr(each, "__wrapped__") for each in ours)
    operators = [cls for cls in registration._CLASSES if issubclass(cls, bpy.types.Operator)]
    for cls in operators:
        for name in ("execute", "invoke"):
            assert hasattr(getattr(cls, name, None), "transpixar_guarded") or not hasattr(cls, name), (cls, name)


def test_an_operator_reports_what_it_did_not_foresee_as_a_sentence(
    blender: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("blender_transpixar.operators.placing.Sequence.open", raises)
    with pytest.raises(RuntimeError, match=SENTENCE) as caught:
        bpy.ops.transpixar.place_plane(filepath=str(write_clip(tmp_path)))
    assert "Traceback" not in str(caught.value)

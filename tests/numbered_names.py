"""Names of numbered pictures as programs write them, and what the add-on and the server make of them alike."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """Pictures in a folder, the one that is asked for, and those of its sequence in their order (empty: refused).

    `countable`: whether Blender itself counts so, which planes and the compositor need.
    """

    program: str
    names: tuple[str, ...]
    asked: str
    sequence: tuple[str, ...]
    countable: bool = True


def _all(program: str, *names: str, asked: int = 0, countable: bool = True) -> Case:
    """A folder that holds one sequence and nothing else."""
    return Case(program, tuple(sorted(names)), names[asked], names, countable)


CASES = (
    _all("Blender", "0001.png", "0002.png"),
    _all("Blender", "shot_0099.exr", "shot_0100.exr", "shot_0101.exr", asked=2),
    _all("Blender past 9999", "a_9999.png", "a_10000.png"),
    _all("Blender below 0", "a_-0002.png", "a_-0001.png", "a_0000.png", "a_0001.png", asked=1, countable=False),
    _all("Blender ##", "b_-12_x.png", "b_-11_x.png", countable=False),
    _all("Blender, no prefix", "-0001.png", "0000.png", countable=False),
    _all("Nuke %04d below 0", "a.-002.exr", "a.-001.exr", "a.0000.exr", "a.0001.exr", asked=3, countable=False),
    _all("Nuke %d", "a.8.exr", "a.9.exr", "a.10.exr"),
    _all("Nuke %d below 0", "a.-1.exr", "a.0.exr", "a.1.exr", countable=False),
    _all("After Effects", "Comp 1_00000.png", "Comp 1_00001.png"),
    _all("After Effects, kept brackets", "shot_[0001].png", "shot_[0002].png"),
    _all("a dash before the number", "shot-0001.png", "shot-0002.png"),
    _all("a dash after a letter that is not ASCII", "fumée-01.png", "fumée-02.png"),
    _all("a date", "2026-01-30.png", "2026-01-31.png"),
    _all("no separator", "a1.png", "a2.png"),
    _all("version before", "v2_sh010_0001.exr", "v2_sh010_0002.exr"),
    _all("number in the middle", "shot_0001_rgb.png", "shot_0002_rgb.png"),
    _all("two dots", "shot.0001.left.tif", "shot.0002.left.tif"),
    _all("number first", "0001 fire.png", "0002 fire.png"),
    _all("quotes and signs", '50%\'s "fire" #3 0001.png', '50%\'s "fire" #3 0002.png'),
    _all("one picture", "a_7.png"),
    _all("unequal digits", "a_01.png", "a_2.png", "a_003.png", countable=False),
    _all("zeros only once", "a_0009.png", "a_10.png", countable=False),
    Case("others beside", ("a_1.png", "a_2.png", "b_1.png", "a_1.exr"), "a_1.png", ("a_1.png", "a_2.png")),
    Case("macOS' own files", ("._a_1.png", "._a_2.png", "a_1.png", "a_2.png"), "a_1.png", ("a_1.png", "a_2.png")),
    Case("the version last", ("a_0001_v2.png", "a_0002_v2.png"), "a_0001_v2.png", ("a_0001_v2.png",)),
    Case("digits that are not ASCII", ("a_١.png", "a_1.png"), "a_1.png", ("a_1.png",)),
    Case("a gap", ("a_1.png", "a_3.png"), "a_1.png", ()),
    Case("a gap at 0", ("a_-1.png", "a_1.png"), "a_1.png", ()),
    Case("a number twice", ("a_1.png", "a_01.png"), "a_1.png", ()),
    Case("0 twice", ("a_-0.png", "a_0.png"), "a_0.png", ()),
    Case("more than Blender counts", ("a_20261126191015.png", "a_20261126191016.png"), "a_20261126191015.png", ()),
)

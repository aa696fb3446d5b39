"""Results are kept row by row, and a run goes on where another stopped."""

import json

import pytest

from server.bench.results import Results, ResultsUnusable, Row, Run

MACHINE = {"device": "a card", "torch": "2.13"}
SETTINGS = {"size": "small", "width": 128}


def results_of_one_run(**seconds: list[float]) -> Results:
    results = Results(MACHINE, SETTINGS, [Run("2026-01-31T12:00:00+00:00", [2e12, 1e12, 4e12])])
    for variant, times in seconds.items():
        results.put(Row("pair", variant, flops=10**12, run=0, wanted=3, seconds=times))
    return results


def test_what_is_saved_comes_back(tmp_path):
    results = results_of_one_run(plain=[4.0, 5.0, 3.0], exact=[1.0])
    results.save(tmp_path / "out.json")
    loaded = Results.load(tmp_path / "out.json", MACHINE, SETTINGS)
    assert loaded == results
    assert [row.is_done for row in loaded.rows] == [True, False]
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_row_says_how_far_from_the_floor_it_is(tmp_path):
    results_of_one_run(plain=[4.0, 5.0, 3.0]).save(tmp_path / "out.json")
    (row,) = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert row["median_seconds"] == 4.0
    assert row["floor_seconds"] == 0.5  # the median rate is 2e12
    assert row["times_floor"] == 8.0
    assert row["flops_per_second"] == 0.25e12


def test_rows_are_compared_round_by_round():
    results = results_of_one_run(plain=[4.0, 40.0, 6.0], exact=[2.0, 20.0, 2.0])
    assert results.ratio("pair", "plain", "exact") == 2.0


def test_rows_of_different_runs_are_not_compared():
    results = results_of_one_run(plain=[4.0], exact=[2.0])
    results.rows[1].run = 1
    assert results.ratio("pair", "plain", "exact") is None


def test_a_row_that_cannot_be_measured_is_done():
    assert Row("pair", "plain", 1, 0, 3, problem="did not fit").is_done


@pytest.mark.parametrize(
    ("machine", "settings", "said"),
    [
        ({**MACHINE, "device": "another"}, SETTINGS, "device a card and not another"),
        (MACHINE, {**SETTINGS, "width": 64}, "width 128 and not 64"),
    ],
)
def test_results_of_something_else_are_not_continued(tmp_path, machine, settings, said):
    results_of_one_run().save(tmp_path / "out.json")
    with pytest.raises(ResultsUnusable, match=said):
        Results.load(tmp_path / "out.json", machine, settings)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "other"}'])
def test_another_file_is_left_alone(tmp_path, content):
    (tmp_path / "out.json").write_text(content)
    with pytest.raises(ResultsUnusable, match="choose another file"):
        Results.load(tmp_path / "out.json", MACHINE, SETTINGS)
    assert (tmp_path / "out.json").read_text() == content

"""Curves and a table from the figures of finished arms."""

from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

from server.training.ablations.arms import ARMS, QUESTIONS
from server.training.ablations.data import read_results

_TITLES = {arm.name: arm.title for arm in ARMS}


def draw(results: Path, pictures: Path) -> list[Path]:
    """Write ablations_<question>.png: held-out error of v by step, each seed thin and their mean thick.

    Raises:
        ModuleNotFoundError: matplotlib is not installed (the extra `train` brings it).
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pictures.mkdir(parents=True, exist_ok=True)
    by_arm = _by_arm(results)
    written = []
    for question, names in QUESTIONS.items():
        figure, axes = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
        for colour, name in enumerate(name for name in names if name in by_arm):
            for axis, half in zip(axes, ("alpha", "rgb"), strict=True):
                curves = [[point[half] for point in figures["curve"]] for figures in by_arm[name]]
                steps = [point["step"] for point in by_arm[name][0]["curve"]]
                for curve in curves:
                    axis.plot(steps, curve, color=f"C{colour}", linewidth=0.6, alpha=0.5)
                axis.plot(
                    steps, [mean(values) for values in zip(*curves, strict=True)], f"C{colour}", label=_TITLES[name]
                )
                axis.set(title=f"{half} half", xlabel="step", ylabel="squared error of v")
        axes[0].legend(fontsize="small")
        path = pictures / f"ablations_{question}.png"
        figure.savefig(path, dpi=90)
        pyplot.close(figure)
        written.append(path)
    return written


def table(results: Path) -> str:
    """A Markdown table: the last errors of each arm, mean and range over the seeds, and the samples' agreement."""
    lines = ["| arm | seeds | alpha error | RGB error | soft IoU | mismatched |", "|---|---|---|---|---|---|"]
    by_arm = _by_arm(results)
    for name in (arm.name for arm in ARMS if arm.name in by_arm):
        all_figures = by_arm[name]
        ends = [figures["curve"][-1] for figures in all_figures]
        cells = [_TITLES[name], str(len(ends)), *(_spread([end[half] for end in ends]) for half in ("alpha", "rgb"))]
        for kind in ("matched", "mismatched"):
            cells.append(_spread([f["agreement"][kind] for f in all_figures if "agreement" in f]))
        lines.append(f"| {' | '.join(cells)} |")
    start = [figures["curve"][0]["rgb"] for figures in by_arm.get("no-rgb-to-alpha", [])]
    if start:
        lines.append(f"\nRGB error of the base alone: {mean(start):.4f}")
    return "\n".join(lines) + "\n"


def _by_arm(results: Path) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for figures in read_results(results):
        grouped[str(figures["name"])].append(figures)
    return grouped


def _spread(values: list[float]) -> str:
    return f"{mean(values):.4f} ({min(values):.4f} to {max(values):.4f})" if values else ""

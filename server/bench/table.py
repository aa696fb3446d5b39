"""The results as text: Markdown, so that a table goes into docs/benchmarks.md as it is."""

from __future__ import annotations

from .results import Results, Row
from .sizes import CLIP_STEPS


def render(results: Results) -> str:
    """Return the tables of what is measured so far."""
    return "\n\n".join([_heading(results), _phases(results), *_clips(results), *_remarks(results)])


def _heading(results: Results) -> str:
    machine, settings = results.machine, results.settings
    rate = results.runs[-1].matmul_rate
    threads = f", {machine['threads']} threads" if machine["threads"] else ""
    return (
        f"{machine['device']}{threads}, torch {machine['torch']}, diffusers {machine['diffusers']}, "
        f"{settings['dtype']}{', processor time' if settings['clock'] == 'cpu' else ''}; "
        f"size {settings['size']}, {settings['width']}x{settings['height']}, {settings['num_frames']} frames; "
        f"matmul {rate / 1e12:.3g} TFLOP/s measured in this run; {results.runs[-1].date[:10]}"
    )


def _phases(results: Results) -> str:
    lines = [
        "| phase | variant | seconds | TFLOP | TFLOP/s | floor, s | times floor | peak memory | n |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    return "\n".join([*lines, *(_phase(results, row) for row in results.rows)])


def _phase(results: Results, row: Row) -> str:
    floor = row.flops / results.rate_of(row)
    work = f"{row.flops / 1e12:.4g}"
    if row.problem is not None:
        return f"| {row.phase} | {row.variant} | {row.problem} | {work} | | {floor:.3g} | | | |"
    if row.median is None:
        return f"| {row.phase} | {row.variant} | not measured yet | {work} | | {floor:.3g} | | | |"
    measured = (
        f"{row.median:.3g} | {work} | {row.flops / row.median / 1e12:.3g} | {floor:.3g} | {row.median / floor:.2f}"
    )
    peak = f"{row.peak_bytes / 1e9:.2f} GB" if row.peak_bytes is not None else ""
    return f"| {row.phase} | {row.variant} | {measured} | {peak} | {len(row.seconds)} |"


def _clips(results: Results) -> list[str]:
    predictions = results.summary.get("predicted_clips", {})
    if not predictions:
        return []
    lines = [
        f"| variant | a clip of {CLIP_STEPS} steps, predicted | times floor | compared with plain |",
        "|---|--:|--:|--:|",
    ]
    plain = predictions.get("plain")
    for name, prediction in predictions.items():
        faster = f"{plain['sampling_seconds'] / prediction['sampling_seconds']:.2f}x faster" if plain else ""
        if name == "plain":
            faster = ""
        lines.append(f"| {name} | {prediction['seconds']:.4g} s | {prediction['times_floor']:.2f} | {faster} |")
    return ["\n".join(lines)]


def _remarks(results: Results) -> list[str]:
    summary, remarks = results.summary, []
    ratio = summary["plain_over_exact"].get("pair")
    if ratio is not None:
        remarks.append(f"Guidance pair, round by round: the plain method takes {ratio:.2f}x the time of the product.")
    agreement = next((run.agreement for run in reversed(results.runs) if run.agreement is not None), None)
    if agreement is not None:
        remarks.append(f"Product and plain method differ by {agreement:.1e} of the largest output.")
    remarks.append(
        f"Predicted clips are scaled from what was measured to {CLIP_STEPS} steps with guidance, each as a pair or as "
        "two passes, what is faster, and the decoding of both halves, the product's for all. The floor of a clip is "
        f"{summary['floor_seconds']:.4g} s: its operations at the measured matmul rate."
    )
    product = results.runs[-1].product
    remarks.append(
        f"Memory plan `{product['plan']}`: {product['plan_summary']} Predicted peak "
        f"{product['predicted_peak_bytes'] / 1e9:.2f} GB. Attention: {product['attention']}."
    )
    remarks.append(
        f"The text encoder is not run; it would take {summary['text_encoder_bytes'] / 1e9:.2f} GB until it is freed. "
        + _memory_remark(results)
    )
    remarks += dict.fromkeys(row.note for row in results.rows if row.note)
    return ["\n".join(f"* {remark}" for remark in remarks)]


def _memory_remark(results: Results) -> str:
    if results.machine["threads"]:
        return "Peak memory is the growth of this process while it warmed up, sampled."
    return "Peak memory is what torch had allocated on the card, weights included."

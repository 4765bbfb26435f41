"""The rows of a trial as text: one table of formats, one of classes."""

from collections.abc import Sequence

from pipeline.export.trial import Row


def as_text(rows: Sequence[Row], notes: Sequence[str] = ()) -> str:
    """The served model first; then why a format is refused, and `notes`."""
    threads = sorted(rows[0].measured.costs)
    header = ["format", "mAP", "AP50", "shift", "fallen", "MB"]
    for count in threads:
        header += [f"ms {count}t", f"CPU-ms {count}t", f"MiB {count}t"]
    lines = _aligned([header, *(_cells(row, threads) for row in rows)])
    lines += ["", "AP50 by class"]
    classes = rows[0].judgement.ap50_by_class
    lines += _aligned(
        [
            ["format", *classes],
            *([row.name, *_numbers(row, list(classes))] for row in rows),
        ]
    )
    threshold = rows[0].judgement.threshold
    if threshold is not None:
        lines += [
            "",
            f"shift: of the scores of the {rows[0].judgement.above} detections that "
            f"the served model gives from {threshold:.3f} on (best F1); fallen: "
            "how many of them are below it, or not found",
        ]
    lines += [f"{row.name} is refused: {'; '.join(row.refused)}" for row in _bad(rows)]
    return "".join(f"{line}\n" for line in [*lines, *notes])


def _bad(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.refused]


def _cells(row: Row, threads: Sequence[int]) -> list[str]:
    judged = row.judgement
    cells = [
        row.name,
        _number(judged.mean_ap),
        _number(judged.ap50),
        "-" if judged.shift is None else f"{judged.shift:+.4f}",
        str(judged.fallen),
        f"{row.measured.size_bytes / 1e6:.1f}",
    ]
    for count in threads:
        cost = row.measured.costs[count]
        cells += [f"{cost.ms:.1f}", f"{cost.cpu_ms:.1f}", f"{cost.memory_mib:.0f}"]
    return cells


def _numbers(row: Row, classes: Sequence[str]) -> list[str]:
    return [_number(row.judgement.ap50_by_class.get(name)) for name in classes]


def _number(value: float | None) -> str:
    return "-" if value is None or value < 0 else f"{value:.4f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]

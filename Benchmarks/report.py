"""The results as the Markdown tables of README.md."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

Line = dict
NONE = "–"


class Figures:
    """The lines of one run, looked up by what they say."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = list(lines)

    def values(self, side: str, field: str, measure: str, **where: object) -> list[float]:
        """A figure of every round."""
        return [
            line[field] for line in self._lines
            if line["side"] == side and line["measure"] == measure and field in line
            and all(line.get(name) == value for name, value in where.items())
        ]

    def median(self, side: str, field: str, measure: str, **where: object) -> float | None:
        """The median over the rounds, if there was any."""
        values = self.values(side, field, measure, **where)
        return statistics.median(values) if values else None

    def cell(self, side: str, field: str, measure: str, digits: int = 1, **where: object) -> str:
        """The median over the rounds, with the lowest and the highest where there were more than one."""
        values = self.values(side, field, measure, **where)
        if not values:
            return NONE
        shown = f"{statistics.median(values):,.{digits}f}"
        return shown if len(values) == 1 else f"{shown} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def _row(figures: Figures, name: str, field: str, measure: str, digits: int = 1, **where: object) -> str:
    ours, peer = (figures.cell(side, field, measure, digits, **where) for side in ("opentier", "python"))
    return f"| {name} | {ours} | {peer} |"


def _targets(figures: Figures) -> list[str]:
    starts = figures.values("opentier", "ready_ms", "start")
    measured = [
        ("search, hybrid, p95", figures.median("opentier", "p95_ms", "search", mode="hybrid"), 40, "ms"),
        ("first `delta`, p95", figures.median("opentier", "p95_ms", "first delta"), 120, "ms"),
        ("`/readyz` after the start, slowest", max(starts) if starts else None, 500, "ms"),
        ("resident memory after the queries",
         figures.median("opentier", "rss_mb", "memory", when="after the queries"), 300, "MB"),
    ]
    if all(value is None for _, value, _, _ in measured):
        return []
    rows = ["| target | limit | measured | holds |", "|---|---|---|---|"]
    for name, value, limit, unit in measured:
        if value is not None:
            rows.append(f"| {name} | {limit} {unit} | {value:,.1f} {unit} | {'yes' if value < limit else '**no**'} |")
    return [*rows, ""]


def markdown(lines: Iterable[Line]) -> str:
    """Targets, then both sides beside each other: the median over the rounds (lowest–highest)."""
    figures = Figures(lines)
    rows = [*_targets(figures), "| | OpenTier | minimal Python stack |", "|---|---|---|"]
    rows.append(_row(figures, "ingestion, documents/s", "documents_per_second", "ingestion"))
    rows.append(_row(figures, "ingestion, documents per CPU second", "documents_per_cpu_second", "ingestion"))
    for mode in ("lexical", "semantic", "hybrid"):
        for field, name in (("p50_ms", "p50, ms"), ("p95_ms", "p95, ms"), ("cpu_ms", "CPU of the server, ms")):
            rows.append(_row(figures, f"search, {mode}, {name}", field, "search", mode=mode))
    for measure in ("first delta", "whole answer"):
        for field, name in (("p50_ms", "p50, ms"), ("p95_ms", "p95, ms")):
            rows.append(_row(figures, f"{measure}, {name}", field, measure))
    rows.append(_row(figures, "one question, CPU of the server, ms", "cpu_ms", "first delta"))
    for mode in ("lexical", "hybrid"):
        name = f"search, {mode}, 4 clients, requests/s"
        rows.append(_row(figures, name, "requests_per_second", "throughput", mode=mode))
    rows.append(_row(figures, "start to `/readyz` 200, ms", "ready_ms", "start", 0))
    rows.append(_row(figures, "start to the model loaded, ms", "model_ms", "start", 0))
    rows.append(_row(figures, "memory with the model loaded, MB", "rss_mb", "memory", 0, when="model loaded"))
    rows.append(_row(figures, "memory after the queries, MB", "rss_mb", "memory", 0, when="after the queries"))
    rows.append(_row(figures, "of it anonymous, MB", "anonymous_mb", "memory", 0, when="after the queries"))
    rows.append(_row(figures, "peak memory, MB", "peak_mb", "memory", 0, when="after the queries"))
    rows.append(_row(figures, "embedder, one query of 14 tokens, ms", "query14_ms", "embedder", 2))
    for tokens in (20, 200):
        for field, name in (("per_second", "texts/s"), ("per_cpu_second", "texts per CPU second")):
            rows.append(_row(figures, f"embedder, {tokens} tokens, {name}", f"texts{tokens}_{field}", "embedder", 0))
    return "\n".join(row for row in rows if not row.endswith(f"| {NONE} | {NONE} |"))

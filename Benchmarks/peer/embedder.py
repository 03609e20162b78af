"""Measures sentence-transformers as `Embedder/` measures OpenTier's embedder: same texts, one JSON object."""

from __future__ import annotations

import json
import statistics
import time

from service import BATCH, load_model

WORDS = ["wing", "flow", "speed", "heat", "layer", "shock", "plate", "theory"]  # one token each


def text(tokens: int, number: int) -> str:
    """A text of exactly so many tokens, [CLS] and [SEP] among them; another one for another number."""
    return " ".join(WORDS[(i * 7 + i // 8 * number + number) % 8] for i in range(tokens - 2))


def main() -> None:
    model = load_model()
    assert len(model.tokenizer(text(14, 0))["input_ids"]) == 14
    embed = lambda texts: model.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
    times = []
    for number in range(110):
        start = time.perf_counter()
        embed([text(14, number)])
        times.append((time.perf_counter() - start) * 1000)
    result = {"query14_ms": round(statistics.median(times[10:]), 3)}
    for tokens, count in ((20, 256), (200, 64)):
        texts = [text(tokens, number) for number in range(count)]
        start, cpu = time.perf_counter(), time.process_time()
        embed(texts)
        result[f"texts{tokens}_per_second"] = round(count / (time.perf_counter() - start), 1)
        result[f"texts{tokens}_per_cpu_second"] = round(count / (time.process_time() - cpu), 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()

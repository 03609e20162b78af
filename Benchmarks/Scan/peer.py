"""Measures faiss's exact index and a plain C loop on one thread, with the files of `scan-benchmark`; one JSON object."""

from __future__ import annotations

import ctypes
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy

WIDTH = 384


def measured(call, queries: numpy.ndarray) -> float:
    """The median over 100 queries, in ms, after 10."""
    times = []
    for query in queries[:110]:
        start = time.perf_counter()
        call(query)
        times.append((time.perf_counter() - start) * 1000)
    return round(statistics.median(times[10:]), 2)


def main() -> None:
    folder = Path(sys.argv[1])
    chunks = numpy.fromfile(folder / "chunks.f32", dtype=numpy.float32).reshape(-1, WIDTH)
    queries = numpy.fromfile(folder / "queries.f32", dtype=numpy.float32).reshape(-1, WIDTH)
    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(WIDTH)
    flat.add(chunks)
    quantised = faiss.IndexScalarQuantizer(WIDTH, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    quantised.train(chunks)
    quantised.add(chunks)
    refined = faiss.IndexRefineFlat(quantised, faiss.swig_ptr(chunks))
    refined.k_factor = 5
    result = {"vectors": len(chunks)}
    for name, index in (("flat", flat), ("8_bit_refined", refined)):
        result[f"faiss_{name}_ms"] = measured(lambda query: index.search(query[None, :], 10), queries)
    with tempfile.TemporaryDirectory() as built:
        library = Path(built) / "loop.so"
        source = Path(__file__).with_name("loop.c")
        subprocess.run(
            ["cc", "-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", "-o", library, source], check=True)
        loop = ctypes.CDLL(str(library)).scan
        pointer = lambda array: array.ctypes.data_as(ctypes.c_void_p)
        scores = numpy.empty(len(chunks), dtype=numpy.float32)
        call = lambda query: loop(
            pointer(query), pointer(chunks), ctypes.c_size_t(len(chunks)), ctypes.c_size_t(WIDTH), pointer(scores))
        result["c_loop_ms"] = measured(call, queries)
    print(json.dumps(result))


if __name__ == "__main__":
    main()

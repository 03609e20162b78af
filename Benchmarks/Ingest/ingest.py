"""Measures ingestion with the release binary: a collection and full passages, beside a minimal Python stack, one PDF
until it is found, and large uploads at once.

Usage: Benchmarks/run ingest --collection DOCS.jsonl [--binary PATH] [--arithmetic auto|bf16|int16|f32] [--uploads N]
       [--rounds N] [--no-peer]
Prints JSON, a line a figure.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import machine  # noqa: E402
from client import Client  # noqa: E402
from processes import BenchmarkError, Service, serving  # noqa: E402

PAGES = 10
WORDS_PER_PAGE = 450
LINE_CHARACTERS = 90
MEBIBYTE = 1 << 20
UPLOAD_BYTES = 100 * MEBIBYTE
# Enough of them that the start of the process hardly counts.
LONG_DOCUMENTS = 40
WORDS_PER_DOCUMENT = 3_000
FORM_HEAD = (b'--XX\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n'
             b"Content-Type: %s\r\n\r\n")
FORM_END = b"\r\n--XX--\r\n"


def timed(command: list[str], folder: Path, **environment: str) -> tuple[list[str], dict[str, Any]]:
    """What a command writes, and what it took."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENTIER_")}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=kept | environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    # 1: some documents failed, which is counted.
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise BenchmarkError(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return lines, {
        "seconds": round(seconds, 2), "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss / 1024, 1)}


def collection(
    figure: str, binary: Path, documents: Path, arithmetic: str, folder: Path, peer: bool, rounds: int
) -> Iterator[dict[str, Any]]:
    """`opentier ingest` of a JSON Lines file into an empty data folder, and the peer's; they take turns."""
    for number in range(rounds):
        data = folder / f"{figure}-{number}"
        lines, taken = timed(
            [str(binary), "ingest", "--json", "--data", str(data), str(documents)], folder,
            OPENTIER_EMBEDDING_ARITHMETIC=arithmetic)
        told = [json.loads(line) for line in lines]
        failed = [line for line in told if "error" in line]
        if not told or len(failed) > len(told) // 100:
            raise BenchmarkError(f"{len(failed)} of {len(told)} documents failed: {failed[:1]}")
        with sqlite3.connect(data / "opentier.db") as database:
            (passages,), = database.execute("SELECT count(*) FROM document_chunks")
        yield {
            "figure": figure, "side": "opentier", "arithmetic": arithmetic, "documents": len(told) - len(failed),
            "failed": len(failed), "passages": passages, "passages_per_second": round(passages / taken["seconds"], 1),
            **taken}
        if peer:
            service = HERE.parent / "peer/service.py"
            lines, taken = timed(
                [sys.executable, str(service), "ingest", str(documents), "--data", str(folder / f"peer-{figure}-{number}")],
                folder)
            # `N documents, M passages`
            said = lines[-1].split()
            yield {
                "figure": figure, "side": "python", "documents": int(said[0]), "passages": int(said[2]),
                "passages_per_second": round(int(said[2]) / taken["seconds"], 1), **taken}


def long_documents(documents: Path, folder: Path) -> Path:
    """Documents of the collection's words that are cut into passages of the full size."""
    words = [word for line in documents.read_text().splitlines() for word in json.loads(line)["text"].split()]
    path = folder / "long.jsonl"
    with path.open("w") as file:
        for number in range(LONG_DOCUMENTS):
            start = number * WORDS_PER_DOCUMENT % max(1, len(words) - WORDS_PER_DOCUMENT)
            text = " ".join(words[start:start + WORDS_PER_DOCUMENT])
            file.write(json.dumps({"_id": f"{number}", "title": f"Document {number}", "text": f"{number}. {text}"}) + "\n")
    return path


def pdf(texts: list[str]) -> bytes:
    """A PDF of a page of text for each of `texts` (ISO 32000-1, 7.5)."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>",
               b"<< /Type /Pages /Count %d /Kids [%s] >>" % (
                   len(texts), b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(len(texts)))),
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    for index, text in enumerate(texts):
        lines, line = [], ""
        for word in text.split():
            if len(line) + len(word) > LINE_CHARACTERS:
                lines.append(line)
                line = ""
            line += word.translate({ord(character): " " for character in "()\\"}) + " "
        shown = b"".join(b"(%s) '\n" % line.encode("ascii", "replace") for line in [*lines, line])
        stream = b"BT /F1 10 Tf 12 TL 50 800 Td\n" + shown + b"ET"
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
                       b"/Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * index))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    content, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return content + b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, table, len(objects) + 1, len(content))


def upload(port: int, token: str, name: bytes, media_type: bytes, parts: Iterator[bytes], size: int) -> dict[str, Any]:
    """Sends a form with one file, part by part."""
    head = FORM_HEAD % (name, media_type)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.putrequest("POST", "/api/v1/submissions")
    connection.putheader("Authorization", f"Bearer {token}")
    connection.putheader("Content-Type", "multipart/form-data; boundary=XX")
    connection.putheader("Content-Length", str(len(head) + size + len(FORM_END)))
    connection.endheaders()
    for part in (head, *parts, FORM_END):
        connection.send(part)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise BenchmarkError(f"the upload was answered with {answer.status}: {content[:300]!r}")
    return json.loads(content)["submission"]


def sign_up(port: int) -> str:
    account = {"email": "bench@example.org", "password": "correct horse battery", "displayName": "Bench"}
    return Client(port).post("/api/v1/auth/signup", account)["session"]["token"]


def one_pdf(service: Service, token: str, documents: Path, rounds: int) -> dict[str, Any]:
    """Seconds from the first byte of the upload until a search finds the PDF's last page."""
    words = [word for line in documents.read_text().splitlines() for word in json.loads(line)["text"].split()]
    client = Client(service.port, token)
    taken = []
    for attempt in range(rounds):
        marker = f"marker{attempt}{os.getpid()}"
        start = attempt * PAGES * WORDS_PER_PAGE
        pages = [" ".join(words[start + page * WORDS_PER_PAGE:start + (page + 1) * WORDS_PER_PAGE])
                 for page in range(PAGES)]
        content = pdf([*pages[:-1], pages[-1] + " " + marker])
        begun = time.perf_counter()
        submission = upload(service.port, token, b"a.pdf", b"application/pdf", iter([content]), len(content))
        client.post(f"/api/v1/submissions/{submission['id']}/approve", {})
        query = {"query": marker, "mode": "SEARCH_MODE_LEXICAL", "limit": 1}
        while not client.post("/api/v1/search", query).get("hits"):
            if time.perf_counter() - begun > 60:
                raise BenchmarkError("the PDF is not found within 60 s")
            time.sleep(0.01)
        taken.append(time.perf_counter() - begun)
    taken.sort()
    return {"figure": "pdf", "pages": PAGES, "rounds": rounds, "median_seconds": round(taken[len(taken) // 2], 2),
            "slowest_seconds": round(taken[-1], 2)}


def uploads(service: Service, token: str, count: int) -> dict[str, Any]:
    """Uploads of 100 MiB at once, each stored; memory is looked at every 20 ms."""
    before, before_own = service.memory_megabytes(), service.memory_megabytes("RssAnon")
    peak = [before, before_own]
    block = (b"Prose of no meaning that fills a line of the file with some words.\n" * 16_000)[:MEBIBYTE]
    failures: list[BaseException] = []

    def send() -> None:
        try:
            upload(service.port, token, b"a.txt", b"text/plain", (block for _ in range(100)), UPLOAD_BYTES)
        except BaseException as failure:  # noqa: BLE001: told below
            failures.append(failure)

    threads = [threading.Thread(target=send) for _ in range(count)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        peak[0] = max(peak[0], service.memory_megabytes())
        peak[1] = max(peak[1], service.memory_megabytes("RssAnon"))
        time.sleep(0.02)
    if failures:
        raise BenchmarkError(f"{len(failures)} of {count} uploads failed: {failures[0]}")
    return {"figure": "uploads", "count": count, "mib_each": UPLOAD_BYTES // MEBIBYTE,
            "seconds": round(time.perf_counter() - start, 2), "before_mb": round(before, 1),
            "peak_mb": round(peak[0], 1), "before_own_mb": round(before_own, 1), "peak_own_mb": round(peak[1], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--binary", type=Path, default=HERE.parent.parent / ".build/release/opentier")
    parser.add_argument("--collection", type=Path, required=True, help="a JSON Lines file of documents")
    parser.add_argument("--arithmetic", default="auto")
    parser.add_argument("--uploads", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2, help="of each collection (default 2)")
    parser.add_argument("--no-peer", action="store_true", help="our side alone")
    arguments = parser.parse_args()
    binary, documents = arguments.binary.resolve(), arguments.collection.resolve()
    print(json.dumps({"machine": machine.description(HERE.parent.parent, binary)}), flush=True)
    # /var/tmp is a disk where /tmp may be memory.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        for figure, source in (("collection", documents), ("full passages", long_documents(documents, folder))):
            for line in collection(
                figure, binary, source, arguments.arithmetic, folder, not arguments.no_peer, arguments.rounds
            ):
                print(json.dumps(line), flush=True)
        os.environ["TMPDIR"] = name
        (folder / "opentier.yaml").write_text(f"embedding: {{ arithmetic: {arguments.arithmetic} }}\n")
        command = [str(binary), "serve", "--port", "{port}", "--grpc-port", "0", "--data", str(folder / "served")]
        with serving(command, folder, folder / "log") as service:
            token = sign_up(service.port)
            print(json.dumps(one_pdf(service, token, documents, 5)), flush=True)
            if arguments.uploads > 0:
                print(json.dumps(uploads(service, token, arguments.uploads)), flush=True)


if __name__ == "__main__":
    main()

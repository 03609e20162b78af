"""Files of every format become passages, and hostile ones end with a reason, in bounded time and memory."""

from __future__ import annotations

import io
import json
import random
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from files import pdf
from support import FINISHED, Account, running

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def docx(document: str | bytes, level: int = 9) -> bytes:
    """A DOCX with this as its document."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", document)
    return output.getvalue()


def document(*paragraphs: str) -> str:
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    return f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'


MAIL = (
    "From: =?utf-8?Q?J=C3=BCrgen?= <j@example.org>\r\nTo: k@example.org\r\nSubject: Zorillas\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    "The zorilla smells, caf=E9 or not.\r\n").encode()

FORMATS = {
    "PDF": ("a.pdf", pdf(["The kowari hunts at night."], ["It lives in deserts."]), "application/pdf", "kowari hunts"),
    "PDF by its bytes": ("a.txt", pdf(["The dunnart is small."]), "text/plain", "dunnart is small"),
    "DOCX": ("a.docx", docx(document("The dibbler", "It is spotted.")), "application/octet-stream", "dibbler"),
    "CSV": ("a.csv", b"animal,food\nmulgara,insects\nphascogale,nectar\n", "text/csv", "animal: mulgara"),
    "JSON Lines": ("a.jsonl", b'{"animal":"ningaui"}\n{"animal":"planigale"}\n', "application/x-ndjson", "animal: ningaui"),
    "e-mail": ("a.eml", MAIL, "message/rfc822", "zorilla smells, café"),
    "reStructuredText": ("a.rst", b"Antechinus\n==========\n\nThey die young.\n", "text/plain", "die young"),
    "code": ("a.py", b"def potoroo():\n    return 1\n", "text/x-python", "potoroo"),
}


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running(binary, tmp_path_factory.mktemp("formats")) as server:
        yield server.sign_up("ada")


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_becomes_passages_that_are_its_text(ada: Account, name: str) -> None:
    file, content, media_type, expected = FORMATS[name]
    job = ada.ingest(ada.upload(file, content, media_type, title=f"{name} {random.random()}"))
    text = ada.text(job["documentId"])
    assert expected in text.decode()
    hits = [hit for hit in ada.search(expected, limit=50) if hit["documentId"] == job["documentId"]]
    assert hits, "it is not found"
    for hit in hits:
        assert text[hit["startOffset"]:hit["endOffset"]].decode() == hit["text"]


def nested_mail() -> bytes:
    head = b"From: a@b.c\nTo: d@e.f\nSubject: x\nMIME-Version: 1.0\n"
    parts = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(10_000))
    return head + parts


LAUGHS = (
    "<!DOCTYPE x [<!ENTITY l0 'lol'>" + "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    + "]><x><t>&l9;</t></x>")

HOSTILE: dict[str, Callable[[], tuple[str, bytes]]] = {
    "an empty file": lambda: ("a.txt", b""),
    "white space": lambda: ("a.md", b" \n\t\n" * 1_000),
    "a zip bomb": lambda: ("a.docx", docx(b"<x>" + b" " * (512 << 20), level=9)),
    "a DOCX of billions of laughs": lambda: ("a.docx", docx(LAUGHS)),
    "a DOCX nested deep": lambda: ("a.docx", docx("<x>" * 100_000)),
    "half a DOCX": lambda: ("a.docx", docx(document("text"))[:-40]),
    "a DOCX without a document": lambda: ("a.docx", docx("").replace(b"word/document", b"word/dokument") + b"word/document.xml"),
    "half a PDF": lambda: ("a.pdf", pdf(["text"] * 20)[:200]),
    "a PDF of noise": lambda: ("a.pdf", b"%PDF-1.7\n" + random.Random(1).randbytes(1 << 20)),
    "a PDF without text": lambda: ("a.pdf", pdf([])),
    "an encrypted PDF": lambda: ("a.pdf", pdf(["text"]).replace(
        b"/Root", b"/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -44/O(" + b"o" * 32 + b")/U(" + b"u" * 32 + b")>>/ID[(a)(a)]/Root")),
    "a PDF whose pages are in a circle": lambda: ("a.pdf", pdf(["text"]).replace(b"/Kids[5 0 R]", b"/Kids[2 0 R]")),
    "HTML nested deep": lambda: ("a.html", b"<html>" + b"<div>" * 10_000 + b"x"),
    "HTML that never ends a tag": lambda: ("a.html", b"<html><a " + b"b='" * 500_000),
    "a line of 19 MB": lambda: ("a.txt", b"word " * (19 << 18)),
    "a word of 8 MB": lambda: ("a.txt", b"w" * (8 << 20)),
    "a program called text": lambda: ("a.txt", b"\x7fELF" + bytes(range(256)) * 1_000),
    "bytes called text": lambda: ("a.txt", random.Random(2).randbytes(100_000)),
    "UTF-8 that breaks off": lambda: ("a.txt", "Grüße".encode()[:3] + b"\xff\xfe"),
    "scripts from right to left, mixed": lambda: ("a.txt", "שלום עולם abc مرحبا \u202e def 日本語 ".encode() * 2_000),
    "a quotation that never ends": lambda: ("a.csv", b'a,b\n"' + b"x,y\n" * 100_000),
    "a table of very many columns": lambda: ("a.csv", b"a," * 1_000_000),
    "JSON nested deep": lambda: ("a.jsonl", b"[" * 1_000_000 + b"\n"),
    "half a line of JSON": lambda: ("a.jsonl", b'{"a":1}\n{"a":'),
    "an e-mail of many parts in each other": lambda: ("a.eml", nested_mail()),
    "an e-mail of one endless header": lambda: ("a.eml", b"From: a@b.c\nTo: x\nSubject: " + b"x" * (5 << 20)),
    "combining marks": lambda: ("a.txt", "a".encode() + "\u0301".encode() * 1_000_000),
}


def test_hostile_files_end_with_a_reason_in_bounded_time_and_memory(ada: Account) -> None:
    server = ada.server
    assert server.process

    def peak() -> int:
        assert server.process
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    outcomes = {}
    for name, make in HOSTILE.items():
        file, content = make()
        begun = time.monotonic()
        files = {"file": (file, content, "application/octet-stream")}
        with ada.client() as client:
            answer = client.post("/submissions", files=files, data={"title": name})
        if answer.status_code != 200:
            # What can be told at once is refused at once.
            assert answer.status_code in (400, 413), (name, answer.text)
            outcomes[name] = answer.json()["message"]
        else:
            job = ada.finished(ada.approve(answer.json()["submission"]["id"]), patience=120)
            assert job["state"] in FINISHED
            outcomes[name] = "indexed" if job["state"] == "JOB_STATE_INDEXED" else job["error"]
        assert outcomes[name], name
        assert time.monotonic() - begun < 120, name
        assert server.process.poll() is None, f"{name} ended the server"
    print(json.dumps(outcomes, indent=1), f"{peak() >> 10} MB at the most")
    indexed = {name for name, outcome in outcomes.items() if outcome == "indexed"}
    assert "scripts from right to left, mixed" in indexed
    for name in HOSTILE:
        if name not in {
            "scripts from right to left, mixed", "a word of 8 MB", "combining marks",
            "HTML that never ends a tag", "a PDF whose pages are in a circle",
        }:
            assert name not in indexed, outcomes
    assert peak() < 2_500 << 10
    # The server serves on as before.
    ada.publish("After all", "The bettong digs for truffles.")
    assert ada.search("bettong")

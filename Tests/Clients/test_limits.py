"""What reading a submission may take is set by the operator: each limit is held at its edge, with the reason."""

from __future__ import annotations

import re
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from files import pdf
from support import QUICK, Account, reads_html, running
from test_formats import docx, document

CONFIG = QUICK + """
extraction:
  maximumText: 1500
  maximumPages: 3
  docx: { maximumUnpacked: 64KiB }
  html: { maximumDepth: 40, maximumNodes: 200, memory: 2MiB, time: 5s }
  email: { maximumParts: 3, maximumDepth: 2 }
chunking: { maximumTokens: 32, overlapTokens: 0, maximumChunks: 12 }
"""


def mail(parts: int) -> bytes:
    """An e-mail of so many parts, the whole of it counted as one."""
    head = b"From: a@b.c\nTo: d@e.f\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    return head + b"--b\nContent-Type: text/plain\n\ntext\n" * (parts - 1) + b"--b--\n"


def nested_mail(depth: int) -> bytes:
    """An e-mail that is forwarded in another, so many deep."""
    head = b"From: a@b.c\nTo: d@e.f\nSubject: x\nMIME-Version: 1.0\n"
    return (head + b"Content-Type: message/rfc822\n\n") * (depth - 1) + head + b"\ntext\n"


def words(count: int) -> bytes:
    return b" ".join(b"the" for _ in range(count))


# A file at the edge, one beyond it, and what the reason says.
LIMITS: dict[str, tuple[str, bytes, bytes, str]] = {
    "text": ("a.py", b"word " * 299 + b"words", b"word " * 300 + b"x", "the text has more than 1500 bytes"),
    "pages": ("a.pdf", pdf(*[["text"]] * 3), pdf(*[["text"]] * 4), "it has 4 pages; the limit is 3"),
    "unpacked": (
        "a.docx", docx(document("text") + " " * ((64 << 10) - len(document("text")))),
        docx(document("text") + " " * ((64 << 10) - len(document("text")) + 1)), "more than 65536 bytes when it is unpacked"),
    "depth": (
        "a.html", b"<html><body>" + b"<div>" * 36 + b"text", b"<html><body>" + b"<div>" * 41 + b"text",
        "nests its elements deeper than 40 levels"),
    "nodes": (
        "a.html", b"<html><body>" + b"<p>a" * 95, b"<html><body>" + b"<p>a" * 201,
        "the page has more than 200 elements and texts"),
    "parts": ("a.eml", mail(3), mail(4), "the e-mail has more than 3 parts"),
    "depth of parts": ("b.eml", nested_mail(2), nested_mail(3), "nests its parts deeper than 2 levels"),
    "passages": ("a.txt", b"\n\n".join([words(25)] * 12), b"\n\n".join([words(25)] * 13), "it gives more than 12 passages"),
}


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running(binary, tmp_path_factory.mktemp("limits"), config=CONFIG) as server:
        yield server.sign_up("ada")


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_held_at_its_edge(binary: Path, ada: Account, name: str, unavailable: Callable[[str], None]) -> None:
    file, within, beyond, reason = LIMITS[name]
    if file.endswith(".html") and not reads_html(binary):
        unavailable("this build does not read HTML")
    kept = ada.finished(ada.approve(ada.upload(file, within, "application/octet-stream", title=f"{name} within")))
    assert kept["state"] == "JOB_STATE_INDEXED", kept
    failed = ada.finished(ada.approve(ada.upload(file, beyond, "application/octet-stream", title=f"{name} beyond")))
    assert failed["state"] == "JOB_STATE_FAILED" and reason in failed["error"], failed


def test_a_server_takes_as_many_open_files_as_it_may_have(binary: Path, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1_024, before[1]), before[1]))
    try:
        with running(binary, tmp_path) as server:
            assert server.process
            limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    [(soft, hard)] = re.findall(r"Max open files +(\d+) +(\d+)", limits)
    assert soft == hard == str(before[1])

"""Scanned pages: their text is recognised where the operator says so, and the reason is told where it is not."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from files import pdf, scanned
from support import QUICK, Account, check_quotations, clean_environment, running
from test_cli import Shell

ON = QUICK + "extraction: { ocr: { languages: [eng] } }\n"
PAGES = [["The kowari hunts at night."], [], ["The numbat eats termites."]]


@pytest.fixture(scope="module", autouse=True)
def programs(unavailable: Callable[[str], NoReturn]) -> None:
    missing = [name for name in ("pdftoppm", "tesseract") if shutil.which(name) is None]
    if missing:
        unavailable(f"not installed: {', '.join(missing)} (scripts/bootstrap --tests)")


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    # A worker that did not say that it is alive while pages are recognised would lose its job within a second.
    with running(binary, tmp_path_factory.mktemp("ocr"), config=ON + "ingestion: { lease: 1s, maximumAttempts: 3 }\n") as server:
        yield server.sign_up("ada")


def test_scanned_pages_are_found_and_cited_by_their_numbers(ada: Account) -> None:
    job = ada.ingest(ada.upload("scan.pdf", scanned(*PAGES), "application/pdf", title="Scanned notes"))
    [hit] = ada.search("numbat")
    assert hit["documentId"] == job["documentId"] and hit["text"].endswith("The numbat eats termites.")
    assert (hit["startPage"], hit["endPage"]) == (1, 3)
    check_quotations(ada, [hit])
    assert all(citation["endPage"] == 3 for citation in ada.ask("What does the numbat eat?").citations)


def test_a_long_recognition_keeps_its_lease(ada: Account) -> None:
    pages = [[f"Sentence {line} of page {number} has some words to be recognised." for line in range(40)]
             for number in range(8)]
    job = ada.finished(ada.approve(ada.upload("long.pdf", scanned(*pages), "application/pdf", title="Long")), patience=300)
    assert job["state"] == "JOB_STATE_INDEXED", job
    # It took many times the lease, in one attempt.
    assert job["attempts"] == 1
    assert b"Sentence 39 of page 7" in ada.text(job["documentId"])


def test_a_picture_is_read_too(ada: Account) -> None:
    picture = subprocess.run(
        ["pdftoppm", "-png", "-r", "150", "-"], input=pdf(["A photographed bilby."]), capture_output=True, check=True).stdout
    ada.ingest(ada.upload("photo.png", picture, "image/png", title="Photo"))
    [hit] = ada.search("photographed")
    assert hit["text"] == "A photographed bilby." and "startPage" not in hit


def test_where_it_is_off_or_the_program_is_missing_the_job_says_so(binary: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("prlimit", "pdftotext", "pdfinfo", "pdftoppm", "pdfimages"):
        program = shutil.which(name)
        assert program
        (path / name).symlink_to(program)
    for config, expected in (
        (QUICK, "the PDF has no text layer; OCR is off on this server"),
        (ON, "the PDF has no text layer; tesseract is not installed, which OCR needs (Debian: tesseract-ocr)"),
    ):
        folder = tmp_path / str(len(config))
        folder.mkdir()
        with running(binary, folder, config=config, environment={"PATH": str(path)}) as server:
            ada = server.sign_up("ada")
            job = ada.finished(ada.approve(ada.upload("scan.pdf", scanned(["Text."]), "application/pdf", title="Scan")))
            assert job["state"] == "JOB_STATE_FAILED" and job["error"] == expected
            assert job["attempts"] == 1


def test_the_doctor_knows_what_is_missing(binary: Path, tmp_path: Path) -> None:
    shell = Shell(binary, tmp_path)

    def finding(config: str) -> dict[str, object]:
        (tmp_path / "opentier.yaml").write_text(config)
        return next(item for item in shell.json("doctor") if item["name"] == "OCR")

    assert finding(QUICK) == {"name": "OCR", "ok": True, "detail": "off; extraction.ocr.languages switches it on"}
    assert finding(ON)["ok"] is True
    missing = finding(ON.replace("eng", "eng, tlh"))
    assert missing["ok"] is False and missing["detail"] == "tesseract has not the language tlh"
    run = subprocess.run(
        [binary, "doctor", "--json"], cwd=tmp_path, capture_output=True, timeout=60,
        env=clean_environment(PATH="/nowhere"))
    found = next(item for item in json.loads(run.stdout) if item["name"] == "OCR")
    assert found["ok"] is False and "tesseract-ocr" in found["detail"]

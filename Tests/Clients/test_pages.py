"""The pages of a PDF: on the wire, in an answer that is kept, and at the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from files import pdf
from postgres import Database, administrator
from support import Account, Server, check_quotations, running
from test_cli import Shell

# One page has no text, and each repeats what is no part of its text.
PAGES = [
    ["Field notes", "The kowari hunts at night and stores fat in its tail."],
    ["Field notes"],
    ["Field notes", "The dunnart fits into a spoon and eats its own weight in a day."],
    ["Field notes", "The numbat eats twenty thousand termites a day."],
    ["Field notes", "The bilby digs spirals that no fox follows."],
]
PLACES = {"kowari": 1, "dunnart": 3, "numbat": 4, "bilby": 5}


@pytest.fixture(scope="module")
def ada(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running(binary, tmp_path_factory.mktemp("pages")) as server:
        yield server.sign_up("ada")


def check_pages(ada: Account) -> None:
    """Uploads the notes; every passage, source and citation says on which pages it lies, and other formats say none."""
    job = ada.ingest(ada.upload("notes.pdf", pdf(*PAGES), "application/pdf", title="Field notes of a marsupial year"))
    ada.publish("Marsupials", "The quokka smiles.")
    for word, page in PLACES.items():
        hits = ada.search(word)
        assert hits and hits[0]["documentId"] == job["documentId"]
        assert hits[0]["startPage"] <= page <= hits[0]["endPage"]
        check_quotations(ada, hits)
        reply = ada.ask(f"What does the {word} do?")
        assert reply.end.name == "completed" and reply.citations
        for each in (*reply.sources, *reply.citations):
            if each["documentId"] == job["documentId"]:
                assert each["startPage"] <= page <= each["endPage"]
        kept = ada.messages(reply.started["conversationId"])[-1]
        assert kept["sources"] == reply.sources and kept["citations"] == reply.citations
    [quokka] = ada.search("quokka")
    assert "startPage" not in quokka and "endPage" not in quokka
    assert all("startPage" not in each for each in ada.ask("What does the quokka do?").citations)


def test_passages_and_citations_of_a_pdf_say_on_which_pages_they_lie(ada: Account) -> None:
    check_pages(ada)


def test_passages_of_a_long_pdf_are_cut_at_their_own_pages(ada: Account) -> None:
    # Each page has about as many words as a passage, so that passages begin on different pages, and some reach over two.
    pages = [[f"Animal{number} number {number} sleeps in burrow {line} of page {number}." for line in range(12)]
             for number in range(1, 13)]
    ada.ingest(ada.upload("burrows.pdf", pdf(*pages), "application/pdf", title="Burrows"))
    spans = set()
    for number in range(1, 13):
        for hit in ada.search(f"animal{number}", limit=50):
            span = (hit["startPage"], hit["endPage"])
            assert f"page {span[0]}." in hit["text"] and f"page {span[1]}." in hit["text"]
            spans.add(span)
    assert {first for first, _ in spans} | {last for _, last in spans} == set(range(1, 13))
    assert len(spans) > 6 and any(first < last for first, last in spans)


def test_production_keeps_pages_too(postgres: Database, start_replica: Callable[..., Server]) -> None:
    check_pages(administrator(start_replica(postgres.url)))


def test_the_command_line_names_the_pages(binary: Path, tmp_path: Path) -> None:
    shell = Shell(binary, tmp_path)
    shell.configure("")
    (tmp_path / "notes.pdf").write_bytes(pdf(*PAGES))
    (tmp_path / "quokka.txt").write_text("The quokka smiles.")
    shell("ingest", "notes.pdf", "quokka.txt")
    found = shell("search", "numbat", "--mode", "lexical").stdout
    assert "1. notes, pp. 1–5  " in found
    [hit] = shell.json("search", "numbat", "--mode", "lexical")
    assert (hit["startPage"], hit["endPage"]) == (1, 5)
    assert "1. quokka  " in shell("search", "quokka", "--mode", "lexical").stdout
    assert "[1] notes, pp. 1–5, bytes " in shell("ask", "What does the numbat eat?").stdout
    events = [json.loads(line) for line in shell("ask", "--json", "What does the numbat eat?").stdout.splitlines()]
    [citation] = events[-1]["completed"]["citations"]
    assert (citation["startPage"], citation["endPage"]) == (1, 5)

"""What must be true when everything is up again and all jobs have ended; most of it read in the database itself."""

from __future__ import annotations

import time

from cluster import Cluster
from journal import Journal
from load import Client

# A dead worker's job runs again within 30 s; then come the jobs that wait behind it.
SETTLE_SECONDS = 120.0

HALF_VISIBLE = """
  SELECT r.id FROM document_revisions AS r
  LEFT JOIN (SELECT revision_id, count(*) AS pieces, max(ordinal) AS last, min(ordinal) AS first
             FROM document_chunks GROUP BY revision_id) AS c ON c.revision_id = r.id
  WHERE c.pieces IS NULL OR c.first <> 0 OR c.last <> c.pieces - 1"""


def wait_for_jobs(cluster: Cluster, journal: Journal) -> float:
    """Waits until no job is open; how long it took, in seconds."""
    begun = time.monotonic()
    query = "SELECT count(*) FROM ingestion_jobs WHERE state NOT IN ('indexed', 'failed')"
    while cluster.database.value(query):
        if time.monotonic() - begun > SETTLE_SECONDS:
            left = cluster.database.rows(
                "SELECT state, attempts, lease_owner, lease_expires_at, error, count(*) FROM ingestion_jobs"
                " WHERE state NOT IN ('indexed', 'failed') GROUP BY 1, 2, 3, 4, 5 LIMIT 10")
            journal.violate(f"jobs are still open {SETTLE_SECONDS:.0f} s after everything was up: {left}")
            break
        time.sleep(0.2)
    return time.monotonic() - begun


def none(cluster: Cluster, journal: Journal, query: str, what: str) -> None:
    """A query that must find nothing."""
    found = cluster.database.rows(f"{query} LIMIT 5")
    if found:
        journal.violate(f"{what}: {found}")


def check_everything(cluster: Cluster, journal: Journal, client: Client) -> dict[str, int]:
    """Holds the database against the journal; the counts that were compared."""
    seen_meanwhile = journal.sightings
    submissions = check_submissions(cluster, journal)
    check_jobs(cluster, journal)
    check_documents(cluster, journal)
    check_vectors(cluster, journal, client)
    check_statistics(cluster, journal)
    check_events(cluster, journal)
    check_answers(cluster, journal)
    for text in journal.approved():
        answer = client.call("GET", f"/submissions/{text.submission}").json()
        if answer["text"] != text.body or answer["submission"]["jobId"] != text.job:
            journal.violate(f"{text.title} reads differently through the service: {answer}")
        if not client.look_for(text, "SEARCH_MODE_LEXICAL"):
            journal.violate(f"{text.title} is indexed and cannot be found")
    return {
        "submissions": submissions, "acknowledged": len(journal.submitted()), "approved": len(journal.approved()),
        "jobsTriedAgain": int(cluster.database.value("SELECT count(*) FROM ingestion_jobs WHERE attempts > 1")),
        "documents": int(cluster.database.value("SELECT count(*) FROM documents")),
        "chunks": int(cluster.database.value("SELECT count(*) FROM document_chunks")),
        "events": int(cluster.database.value("SELECT count(*) FROM outbox")),
        "messages": int(cluster.database.value("SELECT count(*) FROM chat_messages")),
        "answers": len(journal.answers), "seenMeanwhile": seen_meanwhile, "quotations": journal.quotations}


def check_submissions(cluster: Cluster, journal: Journal) -> int:
    """Every acknowledged submission is there, every other one wholly or not at all; how many there are."""
    stored = {
        identifier: (title, status, job, bytes.fromhex(content[2:]) if content else None)
        for identifier, title, status, job, content in cluster.database.rows(
            "SELECT s.id, s.title, s.status, s.job_id, p.bytes FROM knowledge_submissions AS s"
            " LEFT JOIN submission_payloads AS p ON p.submission_id = s.id")}
    bodies = {text.title: text.body.encode() for text in journal.texts}
    for identifier, (title, _, _, content) in stored.items():
        if content != bodies.get(title):
            journal.violate(f"submission {identifier} ({title}) is not what was handed in")
    for text in journal.submitted():
        assert text.submission
        if text.submission not in stored:
            journal.violate(f"{text.title} was acknowledged and is gone")
        elif text.job and stored[text.submission][1:3] != ("approved", text.job):
            journal.violate(f"the approval of {text.title} was acknowledged: {stored[text.submission][1:3]}")
    titles = [title for title, _, _, _ in stored.values()]
    if len(set(titles)) != len(titles):
        journal.violate("a text was handed in once and stored twice")
    return len(stored)


def check_jobs(cluster: Cluster, journal: Journal) -> None:
    none(cluster, journal, "SELECT id, state, error, attempts FROM ingestion_jobs WHERE state <> 'indexed'",
         "jobs did not end indexed")
    none(cluster, journal,
         "SELECT submission_id, count(*) FROM ingestion_jobs GROUP BY submission_id HAVING count(*) > 1",
         "a submission has more than one job")
    none(cluster, journal,
         "SELECT s.id FROM knowledge_submissions AS s LEFT JOIN ingestion_jobs AS j ON j.id = s.job_id"
         " WHERE (s.status = 'approved') <> (j.id IS NOT NULL)", "an approval and its job are not there together")
    none(cluster, journal, "SELECT id FROM ingestion_jobs WHERE lease_token IS NOT NULL", "an ended job is leased")


def check_documents(cluster: Cluster, journal: Journal) -> None:
    """Each approved submission became one document with one revision, each of its chunks the bytes that it names."""
    none(cluster, journal, HALF_VISIBLE, "a revision lacks chunks")
    none(cluster, journal,
         "SELECT s.id, count(r.id) FROM knowledge_submissions AS s"
         " LEFT JOIN document_revisions AS r ON r.submission_id = s.id"
         " GROUP BY s.id, s.status HAVING count(r.id) <> CASE WHEN s.status = 'approved' THEN 1 ELSE 0 END",
         "a submission has not the one revision that it should have")
    none(cluster, journal, "SELECT document_id FROM document_revisions GROUP BY 1 HAVING count(*) <> 1",
         "a document has not one revision")
    none(cluster, journal,
         "SELECT d.id FROM documents AS d WHERE NOT EXISTS"
         " (SELECT FROM document_revisions AS r WHERE r.document_id = d.id)", "a document has no revision")
    none(cluster, journal,
         "SELECT r.id FROM document_revisions AS r JOIN submission_payloads AS p USING (submission_id)"
         " WHERE convert_to(r.text, 'UTF8') <> p.bytes OR sha256(p.bytes) <> r.content_hash",
         "a revision is not the text of its submission")
    none(cluster, journal,
         "SELECT c.id FROM document_chunks AS c JOIN document_revisions AS r ON r.id = c.revision_id"
         " WHERE substring(convert_to(r.text, 'UTF8') FROM c.start_offset + 1 FOR c.end_offset - c.start_offset)"
         " <> convert_to(c.text, 'UTF8')", "a chunk is not the bytes that it names")


def check_vectors(cluster: Cluster, journal: Journal, client: Client) -> None:
    """With a model every chunk gets its vector, later for those that were cut while it was being loaded."""
    tables = cluster.database.rows(
        "SELECT format('%I', c.relname) AS name FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " JOIN pg_type AS t ON t.oid = a.atttypid JOIN pg_attribute AS k ON k.attrelid = c.oid"
        " WHERE c.relkind IN ('r', 'p') AND t.typname IN ('vector', 'halfvec') AND k.attname = 'chunk_id'"
        " AND NOT c.relispartition")
    if not client.has_model() or not tables:
        return
    deadline = time.monotonic() + 60
    for (table,) in tables:
        missing = f"SELECT id FROM document_chunks WHERE id NOT IN (SELECT chunk_id FROM {table})"
        while cluster.database.rows(f"{missing} LIMIT 1") and time.monotonic() < deadline:
            time.sleep(0.2)
        none(cluster, journal, missing, f"chunks have no vector in {table}")
        none(cluster, journal, f"SELECT chunk_id, count(*) FROM {table} GROUP BY 1 HAVING count(*) > 1",
             f"chunks have more than one vector in {table}")


def check_statistics(cluster: Cluster, journal: Journal) -> None:
    """What lexical search ranks by counts each chunk once."""
    none(cluster, journal,
         "SELECT c.chunks, s.chunks, c.words, s.words FROM"
         " (SELECT count(*) AS chunks, coalesce(sum(word_count), 0) AS words FROM document_chunks) AS c,"
         " (SELECT coalesce(sum(chunk_count), 0) AS chunks, coalesce(sum(word_count), 0) AS words"
         "  FROM chunk_statistics) AS s"
         " WHERE (c.chunks, c.words) <> (s.chunks, s.words)", "the statistics of chunks are off")
    none(cluster, journal,
         "SELECT c.lexemes, w.lexemes FROM"
         " (SELECT coalesce(sum(length(words)), 0) AS lexemes FROM document_chunks) AS c,"
         " (SELECT coalesce(sum(chunk_count), 0) AS lexemes FROM word_statistics) AS w"
         " WHERE c.lexemes <> w.lexemes", "the statistics of words are off")


def check_events(cluster: Cluster, journal: Journal) -> None:
    """The outbox has each event of each change once."""
    changes = {
        "submission.created": "SELECT id FROM knowledge_submissions",
        "submission.approved": "SELECT id FROM knowledge_submissions WHERE status = 'approved'",
        "document.published": "SELECT id FROM documents"}
    for kind, subjects in changes.items():
        none(cluster, journal,
             f"SELECT s.id, count(o.id) FROM ({subjects}) AS s"
             f" LEFT JOIN outbox AS o ON o.subject_id = s.id AND o.kind = '{kind}'"
             " GROUP BY s.id HAVING count(o.id) <> 1",
             f"not one event {kind}")
        expected = cluster.database.value(f"SELECT count(*) FROM ({subjects}) AS s")
        if cluster.database.value(f"SELECT count(*) FROM outbox WHERE kind = '{kind}'") != expected:
            journal.violate(f"there are events {kind} of nothing")
    none(cluster, journal, f"SELECT kind, count(*) FROM outbox WHERE kind NOT IN {tuple(changes)} GROUP BY kind",
         "there are events of what did not happen")


def check_answers(cluster: Cluster, journal: Journal) -> None:
    """Every answer that was streamed to its end is stored as it was streamed, behind its question."""
    stored = {row[0]: row[1:] for row in cluster.database.rows(
        "SELECT id, conversation_id, parent_id, role, content, finish_reason FROM chat_messages")}
    for answer in journal.answers:
        expected = (answer.conversation, answer.question, "assistant", answer.text, "stop")
        if stored.get(answer.message) != expected:
            journal.violate(f"message {answer.message} is {stored.get(answer.message)} instead of {expected}")
        if stored.get(answer.question, ("",))[0] != answer.conversation:
            journal.violate(f"question {answer.question} is gone")
    none(cluster, journal,
         "SELECT m.id FROM chat_messages AS m LEFT JOIN chat_messages AS p ON p.id = m.parent_id"
         " WHERE m.role = 'assistant' AND p.id IS NULL", "an answer has no question")

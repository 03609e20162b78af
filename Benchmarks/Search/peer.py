"""The same searches with what PostgreSQL and pgvector have by themselves: ts_rank_cd over a GIN index of to_tsvector,
and an HNSW index over vectors in single precision; no tenants, no revisions, no filters.

    python3 peer.py postgresql://…/database FOLDER [QUESTIONS]

Fills the table peer_chunks of the database when it is not there, asks the first QUESTIONS questions (all, unless said),
and prints milliseconds as JSON.
Needs psycopg (PyPI: psycopg[binary]) and numpy.
"""

import concurrent.futures
import json
import pathlib
import re
import sys
import time

import numpy
import psycopg

WIDTH, DEPTH, SKIPPED = 384, 100, 30


def vectors(file):
    return numpy.fromfile(file, dtype="<f4").reshape(-1, WIDTH)


def text(vector):
    return "[" + ",".join(map(repr, vector.tolist())) + "]"


def fill(url, folder):
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('peer_chunks')").fetchone()[0]:
            return
        connection.execute(
            f"CREATE TABLE peer_chunks (id int PRIMARY KEY, words tsvector, text text, embedding vector({WIDTH}))")
        embeddings = vectors(folder / "chunks.f32")
        with connection.cursor() as cursor, cursor.copy("COPY peer_chunks (id, text, embedding) FROM STDIN") as copy:
            for number, line in enumerate((folder / "chunks.jsonl").open()):
                chunk = json.loads(line)
                copy.write_row((number, chunk["title"] + "\n" + chunk["text"], text(embeddings[number])))
        connection.execute("UPDATE peer_chunks SET words = to_tsvector('english', text)")
        connection.execute("SET maintenance_work_mem = '1GB'")
        connection.execute("CREATE INDEX ON peer_chunks USING gin (words)")
        connection.execute("CREATE INDEX ON peer_chunks USING hnsw (embedding vector_cosine_ops)")
        connection.execute("VACUUM FULL ANALYZE peer_chunks")


def main():
    url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    fill(url, folder)
    questions = [json.loads(line)["text"] for line in (folder / "queries.jsonl").open()]
    questions = questions[: int(sys.argv[3])] if len(sys.argv) > 3 else questions
    embeddings = vectors(folder / "queries.f32")
    by_words, by_vectors = (psycopg.connect(url, autocommit=True) for _ in range(2))
    by_vectors.execute(f"SET hnsw.ef_search = {DEPTH}")
    by_words.execute("SET jit = off")

    def lexical(number):
        words = " | ".join(sorted(set(re.findall(r"\w+", questions[number]))))
        return by_words.execute(
            "SELECT id FROM peer_chunks, to_tsquery('english', %s) AS query WHERE words @@ query"
            " ORDER BY ts_rank_cd(words, query) DESC, id LIMIT %s", (words, DEPTH)).fetchall()

    def semantic(number):
        return by_vectors.execute(
            "SELECT id FROM peer_chunks ORDER BY embedding <=> %s LIMIT %s",
            (text(embeddings[number]), DEPTH)).fetchall()

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        def both(number):
            running = [pool.submit(search, number) for search in (lexical, semantic)]
            return [search.result() for search in running]

        report = {}
        for name, search in (("lexical", lexical), ("semantic", semantic), ("hybrid", both)):
            times = []
            for number in range(len(questions)):
                start = time.perf_counter()
                search(number)
                times.append((time.perf_counter() - start) * 1000)
            times = sorted(times[SKIPPED:])
            for percentile in (50, 95, 99):
                report[f"{name}_p{percentile}"] = round(times[int(len(times) * percentile / 100)], 1)
    print(json.dumps(report))


main()

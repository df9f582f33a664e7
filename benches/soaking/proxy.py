"""A server before another that speaks S3: it passes requests on, and spoils some of the answers."""

import collections
import http.client
import http.server
import random
import socket
import struct
import threading
import time

# How often each fault is taken, of those that a request allows.
FAULTS = {
    "reset before": 3, "reset after": 3, "500": 3, "503": 3, "slow down": 2, "truncated": 4, "wrong bytes": 4, "missing": 3,
    "stale": 3, "empty listing": 2, "slow": 2, "stalled": 0.3, "not XML": 1, "refused": 1,
}
READS = {"truncated", "wrong bytes", "missing", "stale"}


class Proxy(http.server.ThreadingHTTPServer):
    """Spoils a share of the requests while `rate` is not 0, and counts what it did."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: int, seed: int) -> None:
        self.upstream, self.rate = upstream, 0.0
        self.chance, self.lock = random.Random(seed), threading.Lock()
        self.done: collections.Counter = collections.Counter()
        self.requests = 0
        # The first answers to requests for what changes: catalogs, and lists.
        self.earlier: dict = {}
        super().__init__(("127.0.0.1", 0), Passing)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Whoever goes away need not hear more."""

    def fault(self, method: str, path: str) -> str | None:
        with self.lock:
            self.requests += 1
            if self.chance.random() >= self.rate:
                return None
            fits = dict(FAULTS)
            if method != "GET":
                for fault in READS:
                    del fits[fault]
            if "list-type" not in path:
                del fits["empty listing"]
            return self.chance.choices(list(fits), weights=list(fits.values()))[0]

    def count(self, fault: str) -> None:
        with self.lock:
            self.done[fault] += 1

    def faults(self) -> int:
        with self.lock:
            return self.done.total()


class Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    up: http.client.HTTPConnection | None = None

    def log_message(self, *_: object) -> None:
        pass

    def pass_on(self, body: bytes) -> tuple[int, list, bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "content-length")}
        if body or self.command in ("PUT", "POST"):
            headers["Content-Length"] = str(len(body))
        for last in (False, True):
            if self.up is None:
                self.up = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
            try:
                self.up.request(self.command, self.path, body, headers)
                answer = self.up.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (OSError, http.client.HTTPException):
                self.up.close()
                self.up = None
                if last:
                    raise
        raise AssertionError

    def reset(self) -> None:
        self.close_connection = True
        # Whoever still reads gets a reset, not an end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def answer(self, status: int, headers: list, body: bytes, sent: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        length = dict((name.lower(), value) for name, value in headers).get("content-length", "0")
        if status not in (204, 304):
            self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:sent])
        if sent is not None:
            self.wfile.flush()
            self.close_connection = True

    def error(self, status: int, code: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        self.answer(status, [("Content-Type", "application/xml")], body)

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server, fault = self.server, self.server.fault(self.command, self.path)
        errors = {"500": (500, "InternalError"), "503": (503, "ServiceUnavailable"), "slow down": (503, "SlowDown"), "refused": (403, "AccessDenied")}
        if fault in errors:
            server.count(fault)
            return self.error(*errors[fault])
        if fault == "reset before":
            server.count(fault)
            return self.reset()
        if fault in ("slow", "stalled"):
            server.count(fault)
            time.sleep(0.3 if fault == "slow" else 3)
        if fault == "not XML" and self.command == "GET":
            server.count(fault)
            return self.answer(200, [("Content-Type", "text/html"), ("ETag", '"x"'), ("Last-Modified", "Mon, 30 Nov 2026 10:00:00 GMT")], b"<html>Sign in, please</html>")
        status, headers, answered = self.pass_on(body)
        changes = self.command == "GET" and ("/catalog/" in self.path or "list-type" in self.path)
        if changes:
            with server.lock:
                earlier = server.earlier.setdefault(self.path, (status, headers, answered))
        if fault == "reset after":
            server.count(fault)
            return self.reset()
        if fault == "stale" and changes and earlier[2] != answered:
            server.count(fault)
            return self.answer(*earlier)
        if status in (200, 206) and answered:
            if fault == "missing":
                server.count(fault)
                return self.error(404, "NoSuchKey")
            if fault == "truncated":
                server.count(fault)
                return self.answer(status, headers, answered, server.chance.randrange(len(answered)))
            if fault == "wrong bytes":
                server.count(fault)
                at = server.chance.randrange(len(answered))
                answered = answered[:at] + bytes([answered[at] ^ 1 << server.chance.randrange(8)]) + answered[at + 1 :]
            if fault == "empty listing":
                server.count(fault)
                answered = b"<?xml version='1.0'?><ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>"
        self.answer(status, headers, answered)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve

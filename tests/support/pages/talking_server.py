"""A real HTTP server that speaks OpenAI's streaming protocol, and misbehaves as the model's name says.

Models: `talks` streams ANSWER; `echoes` streams the question back; `thinks` sends thoughts first; `stalls` sends two
words and then nothing; `silent` sends nothing at all; `drops` breaks the connection after two words; `ends` closes it
neatly without saying why; `errs` sends an error event; `empty` ends at once; `long` runs into the length limit;
`endless` never stops; `garbles` sends no JSON; `page` sends an HTML page; `picky` refuses `max_tokens` and
`temperature`; `hostile-asked` streams the text of
`server.texts` at `server.hostile_place`; `status-500` (or any number) refuses with it.
`recovers` fails with 503 the first time and streams the next; `slow` streams ANSWER by words, TOKENS_A_SECOND of them
for all that it answers together.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TOKENS_A_SECOND = 12
ANSWER = "Here is **an answer** with 中文, a formula $x^2$ and an end."


class TalkingServer:
    """Use as a context manager; `url` is the base_url for clients, `asked` what they have sent."""

    def __init__(self, port: int = 0) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.texts: list[str] = []
        self.hostile_place = 0
        self.failed: set[str] = set()
        self.tags: Any = {"models": [_tag("qwen2.5:0.5b", 400, "qwen2"), _tag("all-minilm:latest", 40, "bert")]}
        self.closing = threading.Event()
        self.pace = threading.Lock()
        self._server = _Quiet(("127.0.0.1", port), type("Bound", (_Handler,), {"talking": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def address(self) -> str:
        """Host and port, as Ollama's own interface has it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The base_url for OpenAI clients."""
        return f"{self.address}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Quiet(ThreadingHTTPServer):
    request_queue_size = 128  # twenty people send forty questions at one moment

    def handle_error(self, *where: Any) -> None:
        """Pass over clients that were killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*where)


def _tag(name: str, size: int, family: str) -> dict[str, Any]:
    return {"name": name, "size": size, "details": {"family": family}}


class _Handler(BaseHTTPRequestHandler):
    talking: TalkingServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._json(200, {"object": "list", "data": [{"id": "talks", "object": "model"}]})
        elif self.path == "/api/tags":
            self._json(200, self.talking.tags)
        else:
            self._json(404, {"error": {"message": "no such page"}})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.talking.asked.append(asked)
        self.talking.headers.append(dict(self.headers))
        try:
            self._answer(asked)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, asked: dict[str, Any]) -> None:
        model = str(asked["model"])
        if model.startswith("status-"):
            status = int(model.removeprefix("status-"))
            self._json(status, {"error": {"message": f"refused with {status}\nas asked"}})
        elif model == "picky" and ("max_tokens" in asked or "temperature" in asked):
            wrong = "max_tokens" if "max_tokens" in asked else "temperature"
            hint = "Use 'max_completion_tokens' instead of 'max_tokens'." if wrong == "max_tokens" else f"No '{wrong}'."
            self._json(400, {"error": {"message": hint}})
        elif model == "recovers" and model not in self.talking.failed:
            self.talking.failed.add(model)
            self._json(503, {"error": {"message": "warming up"}})
        elif model == "page":
            self._whole(200, b"<html><body>Welcome</body></html>", "text/html")
        elif model == "silent":
            self.talking.closing.wait()
            self.close_connection = True
        else:
            self._stream(model, asked)

    def _stream(self, model: str, asked: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if model == "ends":
            self.send_header("Connection", "close")
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._plain = model == "ends"
        if model in ("drops", "stalls", "ends"):
            self._words("Two words")
            if model == "stalls":
                self.talking.closing.wait()
            self.close_connection = True
            return
        if model == "endless":
            while not self.talking.closing.is_set():
                self._words("again and again ")
        if model == "errs":
            self._words("Two words")
            self._event({"error": {"message": "the model crashed"}})
        elif model == "garbles":
            self._chunk(b"data: {this is not JSON\n\n")
        elif model == "thinks":
            self._event({"choices": [{"index": 0, "delta": {"reasoning_content": "Let me think."}}]})
            self._event({"choices": []})
            self._words(ANSWER)
        elif model == "echoes":
            self._words(asked["messages"][-1]["content"])
        elif model == "hostile-asked":
            self._words(self.talking.texts[self.talking.hostile_place])
        elif model == "slow":
            for word in ANSWER.split(" "):
                with self.talking.pace:
                    time.sleep(1 / TOKENS_A_SECOND)
                self._words(f"{word} ")
        elif model != "empty":
            self._words(ANSWER)
        self._end("length" if model == "long" else "stop")

    def _words(self, text: str) -> None:
        size = max(8, len(text) // 200)
        for start in range(0, len(text), size):
            delta = {"content": text[start : start + size]}
            self._event({"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]})

    def _end(self, reason: str) -> None:
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        self._chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, content: Any) -> None:
        self._chunk(b"data: " + json.dumps(content).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(data if self._plain else b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(self, status: int, content: Any) -> None:
        self._whole(status, json.dumps(content).encode(), "application/json")

    def _whole(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

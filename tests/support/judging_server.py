"""A real server of OpenAI's protocol that judges, and misbehaves as the model's name says.

The longer answer is the better one; on top of that every model favours what it sees first by `bias` in log-odds.
`judges` gives probabilities of tokens; `writes` has none and writes its verdict; `plain` refuses to be asked for
them; `streams` sends events without being asked to; `nonsense` writes no verdict; `page` sends HTML; `stalls` sends
half a reply and then nothing; `drops` breaks off; `busy-N` refuses the first N requests with 429, `broken-N` with
500; `dies-N` answers N requests and then closes its door; `refuses` says 400 to texts with "forbidden" in them;
`status-N` always refuses with N; `pinned` is another model and says so as FastAPI does; `endless` never stops
sending, `endless-N` with status N; `raw-NAME` sends what `garbled_replies` has of that name. `revises` criticises what
is not called perfect and makes it "Better: ..."; `cuts` does so too and says that it ran into the limit.
"""

import json
import math
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from garbled_replies import GARBLED, UNUSUAL

BIAS = 1.5


class JudgingServer:
    """Use as a context manager; `url` is the base_url, `asked` the contents of the requests that were answered."""

    def __init__(self):
        self.asked, self.requests, self.headers = [], 0, []
        self.most_at_once = self.now = 0
        self.lock, self.closing = threading.Lock(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"judging": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Keep quiet."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.judging
        with server.lock:
            server.requests += 1
            number = server.requests
            server.now += 1
            server.most_at_once = max(server.most_at_once, server.now)
            server.headers.append(dict(self.headers))
        try:
            self._answer(asked, str(asked["model"]), number)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with server.lock:
                server.now -= 1

    def _answer(self, asked, model, number):
        kind, _, count = model.partition("-")
        text = asked["messages"][-1]["content"]
        if kind in ("busy", "broken") and number <= int(count):
            return self._json(429 if kind == "busy" else 500, {"error": {"message": "not now"}})
        if kind == "pinned":  # as transformers serve
            return self._json(400, {"detail": "Server is pinned to 'other'; requested 'pinned'."})
        if kind == "status":
            return self._json(int(count), {"error": {"message": "no"}})
        if kind == "dies" and number > int(count):
            self.close_connection = True
            self.connection.close()
            return None
        if kind == "refuses" and "forbidden" in text:
            return self._json(400, {"error": {"message": "this text is not allowed"}})
        if kind == "plain" and "logprobs" in asked:
            return self._json(400, {"error": {"message": "logprobs are not supported"}})
        if kind == "page":
            return self._whole(b"<html>Welcome</html>", "text/html")
        if kind in ("stalls", "drops"):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')
            self.wfile.flush()
            if kind == "stalls":
                self.judging.closing.wait()
            self.close_connection = True
            return self.connection.close()
        if kind == "raw":
            self.wfile.write({**GARBLED, **UNUSUAL}[count])
            self.close_connection = True
            return None
        if kind == "endless":
            self.send_response(int(count or 200))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.close_connection = True
            while True:
                self.wfile.write(b" " * 65536)
        if kind in ("revises", "cuts"):
            return self._revise(text, asked["max_tokens"] if kind == "cuts" else 5)
        margin = self._margin(text)
        logs = dict(zip("ABC", (margin / 2, -margin / 2, 0.3 - abs(margin) / 4), strict=True))
        total = math.log(sum(map(math.exp, logs.values())))
        logs = {letter: log - total for letter, log in logs.items()}
        winner = max(logs, key=logs.get)
        with self.judging.lock:
            self.judging.asked.append(text)
        wants = asked.get("logprobs") and kind not in ("writes", "nonsense")
        said = "I like them both." if kind == "nonsense" else winner if wants else f"Well, it is clear.\n[[{winner}]]"
        tops = [{"token": token, "logprob": log} for token, log in logs.items()]
        content = [{"token": winner, "logprob": logs[winner], "top_logprobs": tops}] if wants else None
        usage = {"prompt_tokens": len(text) // 4, "completion_tokens": 1}
        if kind == "streams":
            events = [{"choices": [{"delta": {"content": each}}]} for each in said]
            events.append({"choices": [{"delta": {}, "finish_reason": "stop", "logprobs": {"content": content}}]})
            body = "".join(f"data: {json.dumps(each)}\n\n" for each in [*events, {"choices": [], "usage": usage}])
            return self._whole(f"{body}data: [DONE]\n\n".encode(), "text/event-stream")
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        choice["logprobs"] = None if content is None else {"content": content}
        return self._json(200, {"choices": [choice], "usage": usage})

    def _revise(self, text, tokens):
        response = re.search(r"\[Response\]\n(.*?)\n\n", text, re.DOTALL).group(1)
        said = f"Better: {response}" if "[Critique]" in text else "NOTHING." if "perfect" in response else "Too short."
        with self.judging.lock:
            self.judging.asked.append(text)
        usage = {"prompt_tokens": 10, "completion_tokens": tokens}
        self._json(200, {"choices": [{"message": {"content": said}, "finish_reason": "stop"}], "usage": usage})

    @staticmethod
    def _margin(text):
        first, second = re.search(
            r"\[Response A\]\n(.*)\n\n\[Response B\]\n(.*)\n\n\[Question\]", text, re.DOTALL
        ).groups()
        return min(max((len(first) - len(second)) / 40, -4.0), 4.0) + BIAS

    def _json(self, status, content):
        self._whole(json.dumps(content).encode(), "application/json", status)

    def _whole(self, body, kind, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

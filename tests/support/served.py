"""A judge served on a free port of this machine, for tests that ask it as clients do."""

import asyncio
import http.client
import json
import socket
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import uvicorn

from stacker.learners.judges.starter_prior import starter_folder
from stacker.serve.judging_queue import JudgingQueue
from stacker.serve.request_bounds import Limits
from stacker.serve.web_app import web_app


@contextmanager
def served(folder=None, processes=1, limits=None, token=None, seconds=60.0):
    """Serve a judge; yields its port, its queue and its address."""
    limits = limits or Limits()
    queue = JudgingQueue(folder or starter_folder(), processes, limits.waiting, seconds)
    judge = queue.open()
    try:
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            web_app(queue, judge, limits, token), log_level="critical", lifespan="off", ws="none", access_log=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield SimpleNamespace(port=port, queue=queue, address=f"http://127.0.0.1:{port}")
        finally:
            server.should_exit = True
            thread.join(30)
            listener.close()
    finally:
        queue.close()


def ask(port, path, body=None, method=None, connection=None, **headers):
    """Ask once; return the status, the JSON value or text, and the headers."""
    own = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode("ascii")
    told = {"Content-Type": "application/json"} if content is not None else {}
    try:
        own.request(method or ("GET" if content is None else "POST"), path, content, told | headers)
        answer = own.getresponse()
        text = answer.read()
    finally:
        if connection is None:
            own.close()
    is_json = (answer.headers["Content-Type"] or "").startswith("application/json")
    return answer.status, json.loads(text) if is_json else text.decode("utf-8"), answer.headers

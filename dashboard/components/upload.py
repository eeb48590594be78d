"""A place to drop one file."""

import base64
import binascii
from typing import Any

import param

from dashboard.components.look import UPLOAD
from dashboard.components.part import SCRIPTS, Part


class Upload(Part):
    """A place to drop one file, sent piece by piece over the page's own connection.

    Attributes
    ----------
    label, hint : str
        What the field says, in the person's language.
    accept : str
        Endings that the browser offers, e.g. `.csv,.parquet`.
    most_bytes : int
        Larger files are refused, here and in the browser.
    too_large : str
        What is said then.
    piece : int
        Bytes sent at a time; Bokeh's connection takes messages of 20 MB at most.
    """

    # Panel's FileDropper bounds sizes in the browser alone (the server keeps what is sent), sends all pieces at once
    # without waiting for the server, decodes what calls itself text, and has its words in English only
    label = param.String()
    hint = param.String()
    accept = param.String()
    most_bytes = param.Integer(default=200_000_000)
    too_large = param.String()
    piece = param.Integer(default=512 * 1024, constant=True)
    # properties, and no messages: the first message of a component that was added later can fail to leave the browser
    sent = param.Dict(default={})
    answer = param.Dict(default={})

    _esm = SCRIPTS / "upload.js"
    _stylesheets = [UPLOAD]

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._listeners: list[Any] = []
        self._number = -1
        self._name, self._size = "", 0
        self._pieces = bytearray()
        self.param.watch(lambda event: self._take_in(event.new), "sent")

    def on_file(self, listener: Any) -> None:
        """Call `listener(name, content)` whenever a file has come whole; `content` is a bytearray."""
        self._listeners.append(listener)

    def _take_in(self, data: Any) -> None:
        if not isinstance(data, dict) or not isinstance(data.get("number"), int):
            return
        if data.get("kind") == "begin":
            self._begin(data)
        elif data.get("kind") == "piece" and data["number"] == self._number:
            self._take(data)

    def _begin(self, data: dict[str, Any]) -> None:
        size = data.get("size")
        if not isinstance(size, int) or not 0 <= size <= self.most_bytes:
            self.answer = {"number": data["number"], "refused": True}
            return
        self._number, self._size, self._name = data["number"], size, str(data.get("name", ""))[:300]
        self._pieces = bytearray()
        self._answer()

    def _take(self, data: dict[str, Any]) -> None:
        try:
            piece = base64.b64decode(str(data.get("data", "")), validate=True)
        except (binascii.Error, ValueError):
            return
        if (
            data.get("start") != len(self._pieces) or len(self._pieces) + len(piece) > self._size
        ):  # not what was announced: not this component's sender
            self._number = -1
            return
        self._pieces += piece
        self._answer()

    def _answer(self) -> None:
        whole = len(self._pieces) >= self._size
        self.answer = {"number": self._number, "received": len(self._pieces), "whole": whole}
        if whole:
            self._number = -1
            content, self._pieces = self._pieces, bytearray()
            for listener in self._listeners:
                listener(self._name, content)

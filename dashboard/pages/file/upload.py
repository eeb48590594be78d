"""A place to drop a file: sent piece by piece over the page's own connection, with its texts in any language."""

import base64
import binascii
from typing import Any

import param
from panel.custom import JSComponent

PIECE = 512 * 1024
"""Bytes sent at a time; Bokeh's connection takes messages of 20 MB at most."""


class Upload(JSComponent):
    """Receives one file.

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
    """

    label = param.String()
    hint = param.String()
    accept = param.String()
    most_bytes = param.Integer(default=200_000_000)
    too_large = param.String()
    # properties, and no messages: the first message of a component that was added later can fail to leave the browser
    sent = param.Dict(default={})
    answer = param.Dict(default={})

    _esm = f"""
    const PIECE = {PIECE};
    function base64(buffer) {{
      const bytes = new Uint8Array(buffer);
      let text = "";
      for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
      return btoa(text);
    }}
    export function render({{ model, el }}) {{
      const field = document.createElement("label");
      field.className = "drop";
      const title = document.createElement("b"), hint = document.createElement("span");
      const input = document.createElement("input"), bar = document.createElement("progress");
      input.type = "file"; input.accept = model.accept; bar.max = 1; bar.hidden = true;
      field.append(title, hint, input, bar);
      const words = () => {{ title.textContent = model.label; hint.textContent = model.hint;
                             input.setAttribute("aria-label", model.label); }};
      words(); model.on(["label", "hint"], words);
      let file = null, sent = 0, number = 0;
      async function next() {{
        const buffer = await file.slice(sent, sent + PIECE).arrayBuffer();
        model.sent = {{ kind: "piece", number, start: sent, data: base64(buffer) }};
      }}
      function begin(chosen) {{
        if (!chosen) return;
        if (chosen.size > model.most_bytes) {{ hint.textContent = model.too_large; return; }}
        file = chosen; sent = 0; number += 1; bar.hidden = false; bar.value = 0; hint.textContent = chosen.name;
        model.sent = {{ kind: "begin", number, name: chosen.name, size: chosen.size }};
      }}
      model.on("answer", () => {{
        const message = model.answer;
        if (message.number !== number || !file) return;
        if (message.refused) {{ hint.textContent = model.too_large; bar.hidden = true; file = null; return; }}
        sent = message.received; bar.value = file.size ? sent / file.size : 1;
        if (message.whole) {{ bar.hidden = true; file = null; input.value = ""; }} else next();
      }});
      input.addEventListener("change", () => begin(input.files[0]));
      for (const name of ["dragover", "dragleave", "drop"]) field.addEventListener(name, event => {{
        event.preventDefault();
        field.classList.toggle("over", name === "dragover");
        if (name === "drop") begin(event.dataTransfer.files[0]);
      }});
      el.append(field);
    }}
    """
    _stylesheets = [
        """
    .drop { display: grid; justify-items: center; gap: .25rem; padding: 1.25rem 1rem; border-radius: .75rem;
      cursor: pointer;
      border: 1.5px dashed color-mix(in srgb, currentColor 35%, transparent); text-align: center;
        overflow-wrap: anywhere; }
    .drop:hover, .drop.over, .drop:focus-within { border-color: currentColor;
      background: color-mix(in srgb, currentColor 5%, transparent); }
    .drop:focus-within { outline: 2px solid currentColor; outline-offset: 2px; }
    .drop span { font-size: .875rem; color: color-mix(in srgb, currentColor 70%, transparent); }
    .drop input { position: absolute; opacity: 0; width: 1px; height: 1px; }
    .drop progress { width: min(20rem, 100%); }
    """
    ]

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

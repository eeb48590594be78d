// A place to drop a file or to choose one; it is sent piece by piece, the next when the server has taken the last.
function base64(buffer) {
  const bytes = new Uint8Array(buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}
export function render({ model, el }) {
  const field = document.createElement("label");
  field.className = "drop";
  const title = document.createElement("b"), hint = document.createElement("span");
  const input = document.createElement("input"), bar = document.createElement("progress");
  input.type = "file"; input.accept = model.accept; bar.max = 1; bar.hidden = true;
  field.append(title, hint, input, bar);
  const words = () => { title.textContent = model.label; hint.textContent = model.hint;
                         input.setAttribute("aria-label", model.label); };
  words(); model.on(["label", "hint"], words);
  let file = null, sent = 0, number = 0;
  async function next() {
    const buffer = await file.slice(sent, sent + model.piece).arrayBuffer();
    model.sent = { kind: "piece", number, start: sent, data: base64(buffer) };
  }
  function begin(chosen) {
    if (!chosen) return;
    if (chosen.size > model.most_bytes) { hint.textContent = model.too_large; return; }
    file = chosen; sent = 0; number += 1; bar.hidden = false; bar.value = 0; hint.textContent = chosen.name;
    model.sent = { kind: "begin", number, name: chosen.name, size: chosen.size };
  }
  model.on("answer", () => {
    const message = model.answer;
    if (message.number !== number || !file) return;
    if (message.refused) { hint.textContent = model.too_large; bar.hidden = true; file = null; return; }
    sent = message.received; bar.value = file.size ? sent / file.size : 1;
    if (message.whole) { bar.hidden = true; file = null; input.value = ""; } else next();
  });
  input.addEventListener("change", () => begin(input.files[0]));
  for (const name of ["dragover", "dragleave", "drop"]) field.addEventListener(name, event => {
    event.preventDefault();
    field.classList.toggle("over", name === "dragover");
    if (name === "drop") begin(event.dataTransfer.files[0]);
  });
  el.append(field);
}

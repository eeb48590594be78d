// The bar of votes: four buttons and the keys 1 to 4. Locks at the press, before the server answers, and shows the undo
// for as long as it is possible.
export function render({ model, el }) {
  const bar = document.createElement("section");
  const line = document.createElement("p"), row = document.createElement("div");
  line.setAttribute("role", "status");
  row.className = "row";
  bar.append(line, row);
  el.append(bar);

  let count = 0, pressed = "", timer = 0;
  function press(code) {
    if (pressed) return;
    pressed = code;
    for (const each of row.querySelectorAll("button")) each.disabled = true;
    row.querySelector(`[data-code="${code}"]`)?.classList.add("pressed");
    model.press = { code, number: ++count };
  }
  function button(code, text, key) {
    const made = document.createElement("button");
    made.type = "button";
    made.dataset.code = code;
    const word = document.createElement("span");
    word.textContent = text;
    made.append(word);
    if (key) {
      const hint = document.createElement("kbd");
      hint.textContent = key;
      hint.setAttribute("aria-hidden", "true");
      made.append(hint);
      made.setAttribute("aria-keyshortcuts", key);
    }
    made.addEventListener("click", () => press(code));
    return made;
  }
  function draw() {
    clearInterval(timer);
    pressed = "";
    const words = model.words, stage = model.stage;
    if (stage === "voted" && bar.dataset.stage !== "voted") scrollTo({ top: 0, behavior: "smooth" });
    bar.dataset.stage = stage;
    bar.setAttribute("aria-label", words.label);
    line.textContent = model.line;
    line.className = model.warns ? "warns" : "";
    if (stage === "voted") {
      const next = button("next", words.next, "N");
      next.classList.add("main");
      row.replaceChildren(next);
      const end = performance.now() + 1000 * model.undo_seconds;
      if (model.undo_seconds > 0) {
        const undo = button("undo", words.undo, "U");
        row.prepend(undo);
        const word = undo.querySelector("span");
        const tick = () => {
          const left = Math.ceil((end - performance.now()) / 1000);
          if (left > 0) { word.textContent = words.undo.replace("#", left); return; }
          clearInterval(timer);
          undo.remove();
        };
        tick();
        timer = setInterval(tick, 200);
      }
    } else if (stage === "unanswered") {
      row.replaceChildren(button("next", words.other, "N"));
    } else if (stage === "unstored") {
      row.replaceChildren(button("store", words.again, ""));
    } else {
      row.replaceChildren(...model.choices.map(([code, text], place) => button(code, text, String(place + 1))));
      for (const each of row.children) each.disabled = stage !== "open";
    }
  }
  function key(event) {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const target = event.composedPath()[0];
    if (target instanceof Element && target.closest("input, textarea, select, [contenteditable]")) return;
    if (!bar.getClientRects().length) return;
    const hit = [...row.querySelectorAll("button")].find(
      each => !each.disabled && each.getAttribute("aria-keyshortcuts")?.toLowerCase() === event.key.toLowerCase());
    if (!hit) return;
    event.preventDefault();
    press(hit.dataset.code);
  }
  document.addEventListener("keydown", key);
  model.on(["stage", "line", "words", "choices", "warns", "turn"], draw);
  model.on("remove", () => { document.removeEventListener("keydown", key); clearInterval(timer); });
  draw();
}

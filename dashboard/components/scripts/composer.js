// The field for a question: grows with the text, sends on Enter (Shift+Enter makes a line), and leaves Enter alone
// while an input method is composing Chinese.
export function render({ model, el }) {
  const form = document.createElement("form");
  const field = document.createElement("textarea");
  const row = document.createElement("div"), hint = document.createElement("span");
  const send = document.createElement("button");
  const notice = document.createElement("p");
  const examples = document.createElement("div");
  row.className = "row"; hint.className = "hint"; examples.className = "examples";
  notice.className = "notice"; notice.setAttribute("role", "alert");
  send.type = "submit";
  field.rows = 1; field.spellcheck = false; field.enterKeyHint = "send"; field.dir = "auto";
  const choice = document.createElement("select"), end = document.createElement("div");
  end.className = "end";
  end.append(choice, send);
  row.append(hint, end);
  choice.addEventListener("change", () => { model.source = choice.value; });
  form.append(field, row);
  el.append(form, notice, examples);

  let count = 0;
  function fit() {
    field.style.height = "auto";
    if (field.scrollHeight) field.style.height = `${Math.min(field.scrollHeight, 260)}px`;  // out of view it has none
    const over = field.value.length > model.most;
    hint.textContent = over ? model.words.too_long.replace("#", field.value.length.toLocaleString()) : model.words.hint;
    hint.classList.toggle("over", over);
    send.disabled = model.busy || over || !field.value.trim();
  }
  function submit() {
    if (send.disabled) return;
    model.sent = { text: field.value.trim(), number: ++count };
  }
  function draw() {
    field.placeholder = model.words.placeholder;
    field.setAttribute("aria-label", model.words.placeholder);
    send.textContent = model.words.send;
    choice.hidden = !model.sources.length;
    choice.setAttribute("aria-label", model.words.source);
    choice.title = model.words.source;
    choice.replaceChildren(...model.sources.map(([code, title]) => new Option(title, code, false, code === model.source)));
    notice.textContent = model.notice;
    notice.hidden = !model.notice;
    examples.replaceChildren(...model.examples.map(text => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.textContent = text;
      chip.addEventListener("click", () => { field.value = text; fit(); submit(); });
      return chip;
    }));
    fit();
  }
  field.addEventListener("input", fit);
  field.addEventListener("keydown", event => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  form.addEventListener("submit", event => { event.preventDefault(); submit(); });
  model.on(["words", "examples", "busy", "notice", "most", "sources"], draw);
  model.on("cleared", () => { field.value = ""; fit(); });
  model.on("focused", () => field.focus({ preventScroll: true }));
  draw();
  if (matchMedia("(hover: hover)").matches) requestAnimationFrame(() => field.focus({ preventScroll: true }));
}

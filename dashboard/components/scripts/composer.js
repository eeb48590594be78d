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
  field.name = "question"; field.rows = 1; field.spellcheck = false; field.enterKeyHint = "send"; field.dir = "auto";
  const choice = document.createElement("select"), end = document.createElement("div");
  end.className = "end";
  end.append(choice, send);
  row.append(hint, end);
  choice.addEventListener("change", () => { model.source = choice.value; });
  form.append(field, row);
  const own = document.createElement("details"), ownName = document.createElement("summary");
  const ownField = document.createElement("textarea"), ownRow = document.createElement("div");
  const ownHint = document.createElement("span"), clear = document.createElement("button");
  own.className = "own"; ownRow.className = "row"; ownHint.className = "hint";
  ownField.name = "own"; ownField.rows = 3; ownField.dir = "auto"; ownField.spellcheck = false;
  clear.type = "button"; clear.className = "quiet";
  ownRow.append(ownHint, clear);
  own.append(ownName, ownField, ownRow);
  el.append(form, own, notice, examples);
  ownField.value = model.own;

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
    clearTimeout(waiting);
    model.sent = { text: field.value.trim(), own: ownField.value, number: ++count };
  }
  let waiting = 0;
  function nameOwn() {
    const told = ownField.value.trim().replace(/\s+/g, " "), words = model.words;
    ownName.textContent = told ? `${words.own_set} ${told.length > 60 ? `${told.slice(0, 60)}…` : told}` : words.own;
    clear.hidden = !told;
  }
  function ownChanged(pause) {
    nameOwn();
    clearTimeout(waiting);
    waiting = setTimeout(() => { model.own = ownField.value; }, pause);
  }
  function draw() {
    field.placeholder = model.words.placeholder;
    field.setAttribute("aria-label", model.words.placeholder);
    send.textContent = model.words.send;
    own.hidden = !model.may_own;
    ownField.maxLength = model.most_own;
    ownField.setAttribute("aria-label", model.words.own);
    ownField.placeholder = model.words.own_example;
    ownHint.textContent = model.words.own_hint;
    clear.textContent = model.words.own_clear;
    nameOwn();
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
  ownField.addEventListener("input", () => ownChanged(400));
  clear.addEventListener("click", () => { ownField.value = ""; ownChanged(0); ownField.focus(); });
  field.addEventListener("keydown", event => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  form.addEventListener("submit", event => { event.preventDefault(); submit(); });
  model.on(["words", "examples", "busy", "notice", "most", "sources", "may_own", "most_own"], draw);
  model.on("remove", () => clearTimeout(waiting));
  model.on("cleared", () => { field.value = ""; fit(); });
  model.on("focused", () => field.focus({ preventScroll: true }));
  draw();
  if (matchMedia("(hover: hover)").matches) requestAnimationFrame(() => field.focus({ preventScroll: true }));
}

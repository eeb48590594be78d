// Below two answers that have ended, before the vote: a field to ask on, both answers anew, and, where the last question
// was not answered, leaving it out. Says why where no further question is taken.
export function render({ model, el }) {
  const part = (tag, cls, ...children) => {
    const made = document.createElement(tag);
    if (cls) made.className = cls;
    made.append(...children);
    return made;
  };
  const form = part("form", "further"), field = part("textarea"), row = part("div", "row"), told = part("p", "hint");
  const anew = part("button", "quiet"), leave = part("button", "quiet"), send = part("button");
  field.rows = 1; field.name = "further"; field.spellcheck = false; field.enterKeyHint = "send"; field.dir = "auto";
  anew.type = leave.type = "button"; send.type = "submit";
  told.setAttribute("role", "status");
  row.append(told, part("div", "end", leave, anew, send));
  form.append(field, row);
  el.append(form);

  let count = 0, pressed = false;
  function press(what) {
    if (pressed) return;
    pressed = true;
    draw();
    model.press = { ...what, number: ++count };
  }
  function fit() {
    field.style.height = "auto";
    if (field.scrollHeight) field.style.height = `${Math.min(field.scrollHeight, 200)}px`;  // out of view it has none
    const over = field.value.length > model.most, words = model.words;
    const hint = over ? words.too_long.replace("#", field.value.length.toLocaleString()) : field.value ? words.hint : "";
    told.textContent = model.told || hint;
    told.classList.toggle("over", over || model.warns);
    send.disabled = pressed || over || !field.value.trim();
  }
  function submit() {
    if (!send.disabled) press({ ask: field.value.trim() });
  }
  function draw() {
    const words = model.words;
    form.setAttribute("aria-label", words.label);
    field.placeholder = words.placeholder;
    field.setAttribute("aria-label", words.placeholder);
    send.textContent = words.send; anew.textContent = words.anew; leave.textContent = words.leave_out;
    field.hidden = send.hidden = !model.can_ask;
    anew.hidden = !model.can_renew; leave.hidden = !model.can_leave;
    anew.disabled = leave.disabled = pressed;
    fit();
  }
  field.addEventListener("input", fit);
  field.addEventListener("keydown", event => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  anew.addEventListener("click", () => press({ anew: true }));
  leave.addEventListener("click", () => press({ leave: true }));
  form.addEventListener("submit", event => { event.preventDefault(); submit(); });
  model.on(["words", "most", "told", "warns", "can_ask", "can_renew", "can_leave"], draw);
  model.on("turn", () => { pressed = false; draw(); });
  model.on("cleared", () => { field.value = ""; fit(); });
  draw();
}

// Why one voted as one did: words to press and a line of one's own, each stored as it is given. Nothing waits for it.
export function render({ model, el }) {
  const card = document.createElement("section"), head = document.createElement("h2"), chips = document.createElement("div");
  const row = document.createElement("div"), field = document.createElement("input"), line = document.createElement("span");
  card.className = "decided";
  chips.className = "chips";
  row.className = "own";
  field.type = "text";
  line.setAttribute("role", "status");
  row.append(field, line);
  card.append(head, chips, row);
  el.append(card);

  let count = 0, kept = "", timer = 0;
  const chosen = () => [...chips.children].filter(each => each.ariaPressed === "true").map(each => each.dataset.code);
  function tell() {
    clearTimeout(timer);
    kept = field.value;
    model.said = { reasons: chosen(), remark: kept, number: ++count };
  }
  const keep = () => { if (field.value !== kept) tell(); };
  function draw() {
    head.textContent = model.words.label;
    card.setAttribute("aria-label", model.words.label);
    field.placeholder = model.words.own;
    field.setAttribute("aria-label", model.words.own);
    field.maxLength = model.most;
    chips.setAttribute("role", "group");
    chips.setAttribute("aria-label", model.words.label);
    chips.hidden = !model.choices.length;
    chips.replaceChildren(...model.choices.map(([code, text]) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.dataset.code = code;
      chip.textContent = text;
      chip.ariaPressed = String(model.chosen.includes(code));
      chip.addEventListener("click", () => { chip.ariaPressed = String(chip.ariaPressed !== "true"); tell(); });
      return chip;
    }));
    field.value = kept = model.remark;
  }
  function told() {
    line.textContent = model.line;
    line.className = model.warns ? "warns" : "";
  }
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(keep, 800); });
  field.addEventListener("blur", keep);
  field.addEventListener("keydown", event => {
    if (event.key === "Enter" && !event.isComposing && event.keyCode !== 229) keep();
  });
  // not when what was just given is known to the server: the line that one is writing would be lost
  model.on(["battle", "words"], draw);
  model.on(["line", "warns"], told);
  model.on("remove", () => clearTimeout(timer));
  draw();
  told();
}

// Where nobody here can answer a question: recorded ones to try, the small model to get, and models to connect.
export function render({ model, el }) {
  const part = (tag, cls, ...children) => {
    const made = document.createElement(tag);
    if (cls) made.className = cls;
    made.append(...children);
    return made;
  };
  let count = 0;
  const press = what => { model.press = { ...what, number: ++count }; };
  const button = (text, act, cls = "") => {
    const made = part("button", cls, text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  };
  const gallery = part("section"), small = part("section"), connect = part("section");
  const chips = part("div", "chips"), galleryTitle = part("h2"), smallTitle = part("h2"), connectTitle = part("h2");
  gallery.append(galleryTitle, chips);
  const fetchText = part("p"), bar = part("div", "bar"), filled = part("i"), row = part("div", "row");
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", "100");
  bar.append(filled);
  small.append(smallTitle, fetchText, bar, row);
  const found = part("div", "found"), form = part("form", "server"), field = part("input"), told = part("p", "told");
  const list = button("", () => {}), how = part("details"), summary = part("summary"), example = part("pre");
  list.type = "submit";
  field.type = "text"; field.inputMode = "url"; field.spellcheck = false; field.autocomplete = "off";
  form.append(field, list);
  form.addEventListener("submit", event => {
    event.preventDefault();
    if (field.value.trim()) press({ server: field.value.trim() });
  });
  told.setAttribute("role", "status");
  how.append(summary, example);
  connect.append(connectTitle, found, form, told, how);
  el.append(gallery, small, connect);

  function drawFetch() {
    const { state, share = 0, text = "" } = model.fetch, words = model.words;
    small.hidden = state === "none";
    smallTitle.textContent = words.small;
    fetchText.textContent = text;
    fetchText.className = state === "failed" ? "warns" : "";
    bar.hidden = state !== "running";
    filled.style.width = `${100 * share}%`;
    bar.setAttribute("aria-valuenow", Math.round(100 * share));
    bar.setAttribute("aria-label", words.small);
    const kind = `${state} ${model.may_choose}`;
    if (row.dataset.kind === kind) return;  // a button that is being pressed is not put in anew
    row.dataset.kind = kind;
    row.replaceChildren();
    if (!model.may_choose) return;
    if (state === "offered" || state === "failed") row.append(button(words.fetch, () => press({ fetch: true }), "main"));
    if (state === "running") row.append(button(words.stop, () => press({ stop: true })));
  }
  function drawFound() {
    const words = model.words;
    found.replaceChildren(...model.models.map(([code, label]) => {
      const made = button(label, () => press({ use: code }));
      made.disabled = Boolean(model.trying) || !model.may_choose;
      if (code === model.trying) made.setAttribute("aria-busy", "true");
      return made;
    }));
    form.hidden = !model.may_choose;
    list.disabled = Boolean(model.trying);
    told.textContent = model.told;
    told.hidden = !model.told;
  }
  function draw() {
    const words = model.words;
    gallery.hidden = !model.examples.length;
    galleryTitle.textContent = words.gallery;
    connectTitle.textContent = words.connect;
    field.placeholder = words.address;
    field.setAttribute("aria-label", words.address);
    list.textContent = words.list;
    summary.textContent = words.how;
    example.textContent = words.example;
    chips.replaceChildren(...model.examples.map(text => button(text, () => press({ ask: text }))));
    drawFetch();
    drawFound();
  }
  model.on(["words", "examples"], draw);
  model.on("fetch", drawFetch);
  model.on(["models", "trying", "may_choose", "told"], () => { drawFound(); drawFetch(); });
  draw();
}

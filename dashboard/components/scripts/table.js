// A page of rows: a heading sorts, a row opens, the pager turns. The rows come as texts, sorted and cut by the server;
// every press is told to it. By keyboard a row is opened at its one button, the cell of the column `opener`.
export function render({ model, el }) {
  const frame = document.createElement("div"), table = document.createElement("table");
  const head = table.createTHead().insertRow(), body = table.createTBody();
  const none = document.createElement("p"), pager = document.createElement("nav"), numbers = document.createElement("span");
  frame.className = "frame"; none.className = "none"; none.setAttribute("role", "status");
  frame.append(table, none, pager);
  el.append(frame);
  let count = 0;
  const press = content => { model.press = { ...content, number: ++count }; };

  function button(text, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", () => { if (made.getAttribute("aria-disabled") !== "true") act(); });
    return made;
  }
  const turns = Object.fromEntries(["first", "last", "prev", "next"].map(code => [code, button("", () => press({ page: {
    first: 1, prev: model.page - 1, next: model.page + 1, last: model.pages }[code] }))]));
  pager.append(turns.first, turns.prev, numbers, turns.next, turns.last);

  function title() {
    table.setAttribute("aria-label", model.words.label);
    pager.setAttribute("aria-label", model.words.pages);
    for (const [code, made] of Object.entries(turns)) made.textContent = model.words[code];
    head.replaceChildren(...model.columns.map(([name, text]) => {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.dataset.column = name;
      cell.append(button(text, () => press({ sort: name })));
      return cell;
    }));
    order();
  }
  function order() {
    for (const cell of head.cells) {
      const sorted = cell.dataset.column === model.sort;
      cell.setAttribute("aria-sort", sorted ? (model.descending ? "descending" : "ascending") : "none");
    }
  }
  function fill() {
    const names = model.columns.map(([name]) => name);
    body.replaceChildren(...model.rows.map((texts, place) => {
      const row = document.createElement("tr");
      texts.forEach((text, at) => {
        const cell = row.insertCell();
        cell.dataset.column = names[at];
        if (names[at] === model.opener) cell.append(button(text, () => {})); else cell.textContent = text;
      });
      row.addEventListener("click", () => press({ open: place }));
      return row;
    }));
    table.hidden = !model.rows.length;
    none.textContent = model.rows.length ? "" : model.words.none;
    mark();
  }
  function mark() {
    [...body.rows].forEach((row, place) => {
      row.querySelector("button")?.setAttribute("aria-expanded", String(place === model.opened));
    });
  }
  function turn() {
    const within = numbers.contains(numbers.getRootNode().activeElement);
    const first = Math.max(1, Math.min(model.page - 2, model.pages - 4)), last = Math.min(model.pages, first + 4);
    numbers.replaceChildren(...Array.from({ length: last - first + 1 }, (_, at) => first + at).map(page => {
      const made = button(String(page), () => press({ page }));
      if (page === model.page) made.setAttribute("aria-current", "page");
      return made;
    }));
    if (within) numbers.querySelector("[aria-current]")?.focus();
    for (const code of ["first", "prev"]) turns[code].setAttribute("aria-disabled", String(model.page <= 1));
    for (const code of ["next", "last"]) turns[code].setAttribute("aria-disabled", String(model.page >= model.pages));
    pager.hidden = model.pages < 2;
  }
  model.on(["columns", "words"], title);
  model.on(["sort", "descending"], order);
  model.on(["rows", "opener", "words"], fill);
  model.on("opened", mark);
  model.on(["page", "pages"], turn);
  title();
  fill();
  turn();
}

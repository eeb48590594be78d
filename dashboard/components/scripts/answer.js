// One column: an answer as it comes in, what went wrong with it, and after the vote who wrote it. The HTML comes
// sanitised from the server.
export function render({ model, el }) {
  const card = document.createElement("article");
  const head = document.createElement("header"), name = document.createElement("h2");
  const status = document.createElement("span"), who = document.createElement("small");
  const body = document.createElement("div"), dots = document.createElement("div");
  const foot = document.createElement("footer"), note = document.createElement("p");
  const again = document.createElement("button");
  head.append(name, who, status);
  body.className = "text"; body.tabIndex = 0;  // where it is wider than the page it is scrolled by keys too
  dots.className = "dots"; status.className = "status";
  dots.innerHTML = "<i></i><i></i><i></i>";
  again.type = "button"; again.className = "again";
  note.setAttribute("role", "alert");
  foot.append(note, again);
  card.append(head, body, dots, foot);
  el.append(card);

  let presses = 0;
  again.addEventListener("click", () => { again.disabled = true; model.again = ++presses; });

  function draw() {
    const words = model.words, state = model.state;
    card.dataset.side = model.side;
    card.dataset.state = state;
    card.dataset.chosen = model.chosen;
    name.textContent = words.name;
    card.setAttribute("aria-label", words.name);
    card.setAttribute("aria-busy", String(state === "waiting" || state === "writing"));
    status.textContent = words[state] ?? "";
    who.textContent = model.who;
    dots.hidden = state !== "waiting" && state !== "writing";
    note.textContent = model.note;
    note.className = model.failed ? "failed" : "";
    again.textContent = words.again;
    again.hidden = !model.can_retry;
    again.disabled = false;
    foot.hidden = !model.note && !model.can_retry;
  }
  function write() { body.innerHTML = model.html; }
  model.on(["words", "state", "note", "can_retry", "who", "chosen", "failed"], draw);
  model.on("html", write);
  write();
  draw();
}

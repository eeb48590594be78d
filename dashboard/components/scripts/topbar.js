// The bar above every page: where one is, the language, light or dark. Keeps the address, the cookies and the root's
// attributes in step with it.
export function render({ model, el }) {
  const root = document.documentElement;
  const bar = document.createElement("header");
  const lost = document.createElement("div"), sentence = document.createElement("p");
  lost.className = "lost"; lost.hidden = true; lost.setAttribute("role", "alert");
  lost.append(sentence);
  const judge = document.createElement("p");
  judge.setAttribute("role", "status");
  const heading = document.createElement("h1");  // to be heard: the bar shows it to those who see
  heading.className = "unseen";
  el.append(bar, lost, judge);

  const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const remember = theme => { try { localStorage.setItem("theme", theme); } catch { /* private window */ } };
  const dark = () => {
    const theme = root.dataset.theme;
    return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  if (remembered()) root.dataset.theme = remembered();

  function cookie(name, value) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}=${value}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  }

  function button(text, label, press) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    if (label) { made.setAttribute("aria-label", label); made.title = label; }
    made.addEventListener("click", press);
    return made;
  }

  function draw() {
    const had = bar.getRootNode().activeElement?.className;
    root.lang = model.language;
    document.title = model.brand;
    const words = model.words;
    sentence.textContent = words.lost;
    document.querySelector("#opening p").textContent = words.opening;
    judge.textContent = model.judge;
    judge.className = model.judge_warns ? "judge warns" : "judge";
    bar.replaceChildren();
    const brand = document.createElement("a");
    brand.className = "brand";
    brand.href = "#ask";
    brand.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><rect x="2" y="4" width="9" height="16" rx="2.5"/>' +
                      '<rect x="13" y="4" width="9" height="16" rx="2.5"/></svg>';
    const name = document.createElement("b");
    name.textContent = model.brand;
    brand.append(name);
    const nav = document.createElement("nav");
    nav.setAttribute("aria-label", words.menu);
    for (const [page, title] of model.pages) {
      const link = document.createElement("a");
      link.href = `#${page}`;
      link.textContent = title;
      nav.append(link);
    }
    const tools = document.createElement("div");
    tools.className = "tools";
    for (const [code, title] of model.languages) {
      if (code === model.language) continue;
      const other = button(title, "", () => { cookie("language", code); model.language = code; });
      other.lang = code;
      other.className = "language";
      tools.append(other);
    }
    const theme = button("", words.theme, () => {
      root.dataset.theme = dark() ? "light" : "dark";
      remember(root.dataset.theme);
    });
    theme.className = "theme";
    theme.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="8.25"/>' +
                      '<path d="M12 3.75a8.25 8.25 0 0 1 0 16.5z"/></svg>';
    tools.append(theme);
    if (model.user) {
      const leave = document.createElement("a");
      leave.href = "./logout";
      leave.className = "leave";
      leave.textContent = words.leave;
      leave.title = model.user;
      tools.append(leave);
    }
    bar.append(brand, heading, nav, tools);
    mark();
    if (had) bar.querySelector(`button.${had}`)?.focus();  // the language: its button was made anew
  }
  function mark() {
    heading.textContent = Object.fromEntries(model.pages)[model.active] ?? model.brand;
    for (const link of bar.querySelectorAll("nav a")) {
      if (link.hash.slice(1) !== model.active) { link.removeAttribute("aria-current"); continue; }
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "center" });
    }
  }

  const known = name => model.pages.some(([page]) => page === name);
  const wished = () => { const name = location.hash.slice(1); if (known(name)) model.active = name; };
  const moved = () => {
    if (location.hash.slice(1) !== model.active) location.replace(`#${model.active}`);
    mark();
  };
  if (model.session) cookie("person", model.session);
  model.zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  wished();
  addEventListener("hashchange", wished);
  model.on(["pages", "language", "brand", "words", "judge", "judge_warns"], draw);
  model.on("active", moved);
  model.on("remove", () => removeEventListener("hashchange", wished));
  for (const page of globalThis.Bokeh?.documents ?? []) {
    page.on_event("connection_lost", () => { lost.hidden = false; scrollTo({ top: 0, behavior: "smooth" }); });
    page.on_event("client_reconnected", () => { lost.hidden = true; });
  }
  draw();
}

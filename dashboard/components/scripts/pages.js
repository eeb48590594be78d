// Which page is in view goes by the address; the browser swaps them at once, whatever the server is doing. Of a page
// that has nothing to show yet it says that it is being opened.
{
  const main = document.getElementById("page"), opening = document.querySelector("#opening p");
  const sections = [...main.querySelectorAll("section[data-page]")];
  let shown = sections[0];

  function look() {
    const empty = shown.offsetHeight === 0;
    opening.hidden = !empty;
    main.setAttribute("aria-busy", String(empty));
  }
  function swap() {
    const wished = sections.find(each => each.dataset.page === location.hash.slice(1));
    if (wished && wished !== shown) scrollTo({ top: 0 });
    shown = wished ?? shown;
    for (const each of sections) each.hidden = each !== shown;
    look();
  }
  const sizes = new ResizeObserver(look);
  for (const each of sections) sizes.observe(each);
  addEventListener("hashchange", swap);
  swap();
}

// Says why the page stays empty where its WebSocket does not open. Stands in the page itself, before Bokeh, and needs
// nothing from the server: a connection that was refused brings no word of the reason.
{
  const PATIENCE_MS = 10_000;
  let reached = false;
  const tell = () => {
    const place = document.getElementById("unreachable");
    if (!place) return;
    place.querySelector("code").textContent = location.host;
    place.hidden = reached;
  };
  window.WebSocket = class extends WebSocket {
    constructor(...address) {
      super(...address);
      // The server's first word, and not the opening: a session that it refuses is opened too, and closed at once.
      this.addEventListener("message", () => { if (!reached) { reached = true; tell(); } }, { once: true });
      this.addEventListener("close", tell);
    }
  };
  addEventListener("load", () => setTimeout(tell, PATIENCE_MS));
}

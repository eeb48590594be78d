// What the server changes waits until what it sent before is drawn. BokehJS builds views in steps, and a view that is
// built but not drawn yet hears of changes already: Bokeh's Select throws when it gets other options then, Panel's HTML
// when it becomes visible, and the rest of that message is lost with them (Bokeh 3.9.2, Panel 1.9.4).
{
  const PATIENCE_MS = 10_000;  // a view that never says that it is drawn must not hold up the others for ever
  const { prototype } = Bokeh.require("document").Document;
  const apply = prototype.apply_json_patch;
  const pause = milliseconds => new Promise(go => setTimeout(go, milliseconds));
  let last = Promise.resolve();

  async function drawn(page) {
    const views = () => page.all_roots.filter(root => root.default_view).map(root => page.views_manager?.get(root));
    while (!views().every(view => view?.el.isConnected)) await pause(5);
    let ready;
    do await Promise.allSettled(ready = views().map(view => view.ready));
    while (views().some((view, place) => view.ready !== ready[place]));
  }
  prototype.apply_json_patch = function (...given) {
    last = last.then(() => Promise.race([drawn(this), pause(PATIENCE_MS)])).then(() => apply.apply(this, given));
    last = last.catch(reportError);
  };
}

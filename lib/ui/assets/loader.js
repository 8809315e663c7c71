// The component's own script. Streamlit sends it with every message, so it only fetches the real one.

const views = new WeakMap();
const FAILED =
  "The live view could not be loaded: the dashboard is stopping, or was updated while it ran. " +
  "Reload this page; if that does not help, restart the dashboard.";

function style(href) {
  if (document.querySelector(`link[href="${href}"]`)) return null;
  return new Promise((done) => {
    const link = document.createElement("link");
    Object.assign(link, { rel: "stylesheet", href, onload: done, onerror: done });
    document.head.append(link);
  });
}

async function start(root, view) {
  const at = (path) => new URL(path, document.baseURI).href;
  try {
    const [module] = await Promise.all([import(at(view.data.script)), style(at(view.data.sheet))]);
    if (!view.gone) view.live = module.mount(root, view);
  } catch {
    root.textContent = FAILED;
    document.documentElement.dataset.viDrawn = "";
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".vi");
  let view = views.get(root);
  if (!view) {
    view = { live: null, gone: false, send: (name, value) => view.trigger(name, value) };
    views.set(root, view);
    view.data = data;
    start(root, view);
  }
  view.trigger = setTriggerValue;
  view.data = data;
  view.live?.update(data);
  return () => {
    view.gone = true;
    view.live?.destroy();
    views.delete(root);
  };
}

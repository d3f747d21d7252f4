import { frame, watch, h, attr, boardKey, ownsPage } from "./format.js";

function render({ model, el }) {
  const { root, body } = frame(el, model, "", "deck");
  attr(root, "aria-label", "Views");
  const board = () => root.closest(".rt-board");
  let views = [];
  const tabs = h("div", { class: "d-tabs", role: "tablist" });
  body.append(tabs);

  const show = (name) => {
    board()?.setAttribute("data-view", name);
    for (const tab of tabs.children) attr(tab, "aria-selected", tab.dataset.view === name ? "true" : "false");
  };
  const draw = (data) => {
    if (!data) return;
    const names = data.views.map((v) => v.name);
    if (names.join() !== views.join()) {
      views = names;
      tabs.replaceChildren(...data.views.map((v, i) => h("button", { type: "button", role: "tab", class: "d-tab", "data-view": v.name, title: `${v.title} (key ${i + 1})`, onclick: () => show(v.name) },
        h("kbd", { "aria-hidden": "true" }, String(i + 1)), v.title)));
    }
    const now = board()?.getAttribute("data-view") ?? (ownsPage(board()) ? new URLSearchParams(window.location.search).get("view") : null);
    show(views.includes(now) ? now : views[0]);
  };
  const keys = (event) => {
    if (!boardKey(root, event)) return;
    const view = views[Number(event.key) - 1];
    if (view) show(view);
  };
  document.addEventListener("keydown", keys);
  const stop = watch(model, root, draw);
  return () => {
    document.removeEventListener("keydown", keys);
    stop();
  };
}

export default { render };

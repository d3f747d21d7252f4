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
    for (const tab of tabs.children) {
      const chosen = tab.dataset.view === name;
      attr(tab, "aria-selected", chosen ? "true" : "false");
      attr(tab, "tabindex", chosen ? "0" : "-1");
      // The panel that a tab shows, once it has been drawn: two boards on a page must not share a name.
      const panel = board()?.querySelector(`.rt-area-${tab.dataset.view} > .rt`);
      if (!panel) continue;
      panel.id ||= `rt-${tab.dataset.view}-${Math.random().toString(36).slice(2)}`;
      attr(panel, "role", "tabpanel");
      attr(tab, "aria-controls", panel.id);
    }
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
  tabs.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const seen = [...tabs.children].filter((tab) => tab.getClientRects().length);
    const here = seen.indexOf(document.activeElement);
    if (!step || here < 0) return;
    const next = seen[(here + step + seen.length) % seen.length];
    show(next.dataset.view);
    next.focus();
    event.preventDefault();
    event.stopPropagation();
  });
  document.addEventListener("keydown", keys);
  const stop = watch(model, root, draw);
  return () => {
    document.removeEventListener("keydown", keys);
    stop();
  };
}

export default { render };

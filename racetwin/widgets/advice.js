import { frame, watch, h, put, empty } from "./format.js";

const SIGN = { urgent: "!!", moderate: "!", optional: "i" };
const WORD = { urgent: "Urgent", moderate: "Moderate", optional: "Optional" };

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Advice", "advice");
  body.classList.add("rt-scroll");
  const open = new Set();
  let before = "";

  const due = (lap, now) => {
    if (lap == null) return null;
    const togo = lap - now;
    return togo < 0 ? `was due on lap ${lap}` : togo === 0 ? "this lap" : togo === 1 ? "next lap" : `in ${togo} laps`;
  };
  const list = (title, items) => (items.length ? h("div", { class: "a-part" }, h("b", {}, title), h("ul", {}, items.map((t) => h("li", {}, t)))) : null);

  const draw = (data) => {
    const advice = data?.advice ?? [];
    const now = JSON.stringify([advice, data?.lap, data?.car]);
    if (now === before) return;
    before = now;
    if (!advice.length) {
      put(note, "");
      return body.replaceChildren(empty("no advice for this car yet"));
    }
    put(note, `after lap ${advice[0].lap}` + (advice.some((a) => a.wording === "model") ? " · worded by the model" : ""));
    body.replaceChildren(...advice.map((a, i) => {
      const details = h("details", { class: "a-card", "data-priority": a.priority, "data-id": a.id, open: open.has(a.id) },
        h("summary", {},
          h("span", { class: "a-sign", title: WORD[a.priority] }, SIGN[a.priority]),
          h("div", { class: "a-main" },
            h("div", { class: "a-top" }, h("span", { class: "a-word" }, WORD[a.priority]), h("span", { class: "a-due" }, due(a.execution_lap, data.lap) ?? "")),
            h("b", { class: "a-title" }, a.title),
            h("span", { class: "a-text" }, a.description),
            i === 0 ? h("span", { class: "a-why" }, a.reasoning) : null,
            a.benefit ? h("span", { class: "a-benefit" }, a.benefit) : null,
            a.risks.length ? h("span", { class: "a-risk" }, a.risks[0]) : null)),
        h("div", { class: "a-more" },
          i === 0 ? null : h("p", {}, a.reasoning), list("Risks", a.risks.slice(1)), list("Instead", a.alternatives), list("Rests on", a.facts)));
      details.addEventListener("toggle", () => (details.open ? open.add(a.id) : open.delete(a.id)));
      return details;
    }));
  };
  return watch(model, root, draw);
}

export default { render };

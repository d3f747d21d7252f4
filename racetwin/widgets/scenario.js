import { frame, watch, h, put, attr, percent, signed } from "./format.js";

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "What if", "scenario");
  let car = null;
  const lap = h("input", { type: "range", "aria-label": "lap of the change" });
  const lapText = h("output", {});
  const rain = h("input", { type: "range", min: "0.2", max: "1", step: "0.1", value: "0.5", "aria-label": "how wet" });
  const rainText = h("output", {}, "0.5");
  const rival = h("select", { "aria-label": "rival" });
  const compound = h("select", { "aria-label": "compound" }, ["HARD", "MEDIUM", "SOFT"].map((c) => h("option", { value: c }, c.toLowerCase())));
  const wear = h("input", { type: "range", min: "0.7", max: "1.6", step: "0.1", value: "1.3", "aria-label": "wear factor" });
  const wearText = h("output", {}, "1.3×");
  const slow = h("input", { type: "range", min: "1", max: "15", step: "1", value: "4", "aria-label": "seconds lost" });
  const slowText = h("output", {}, "4 s");
  const ask = (lever) => () => model.send({ lever: lever() });
  const button = (text, lever) => h("button", { type: "button", onclick: ask(lever) }, text);
  const levers = h("div", { class: "c-levers" },
    h("div", { class: "c-row c-lap" }, h("span", {}, "On lap"), lap, lapText),
    h("div", { class: "c-row" }, button("Safety car", () => `sc@${lap.value}`), button("VSC", () => `vsc@${lap.value}`), button("Red flag", () => `red@${lap.value}`)),
    h("div", { class: "c-row" }, button("Rain", () => `rain@${lap.value}:${rain.value}`), h("span", {}, "wetness"), rain, rainText),
    h("div", { class: "c-row" }, button("Rival boxes", () => `stop:${rival.value}@${lap.value}:${compound.value}`), rival, compound),
    h("div", { class: "c-row" }, button("Our wear", () => `wear:${car}x${wear.value}`), wear, wearText),
    h("div", { class: "c-row" }, button("Slow stop", () => `slow:${car}+${slow.value}`), slow, slowText));
  const result = h("div", { class: "c-result", "aria-live": "polite" });
  body.append(levers, result);
  const say = () => {
    put(lapText, lap.value); put(rainText, Number(rain.value).toFixed(1)); put(wearText, `${Number(wear.value).toFixed(1)}×`); put(slowText, `${slow.value} s`);
  };
  for (const node of [lap, rain, wear, slow]) node.addEventListener("input", say);

  const card = (title, a, other) => h("div", { class: "c-card", "data-after": Boolean(other) },
    h("span", { class: "c-title" }, title), h("b", {}, a.first != null && a.first <= a.lap ? `BOX NOW · ${a.plan}` : a.plan),
    h("span", {}, `${a.points.toFixed(1)} ± ${a.error.toFixed(2)} pts` + (other ? ` (${signed(a.points - other.points, 1)})` : "")),
    h("span", {}, `P${a.position.toFixed(1)} on average · podium ${percent(a.p_podium)} · points ${percent(a.p_points)}`));

  let shown = "";
  const draw = (data) => {
    if (!data) return;
    const fresh = data.car !== car;
    car = data.car;
    const last = Math.max(data.lap, (data.total_laps ?? data.lap + 1) - 1);
    attr(lap, "min", data.lap); attr(lap, "max", last);
    if (fresh || Number(lap.value) < data.lap) lap.value = String(Math.min(last, data.lap + (fresh ? 1 : 0)));
    const ids = data.rivals.map((r) => r.id).join();
    if (ids !== rival.dataset.ids) {
      const kept = rival.value;
      rival.dataset.ids = ids;
      rival.replaceChildren(...data.rivals.map((r) => h("option", { value: r.id }, `P${r.position ?? "?"} ${r.driver}`)));
      if (data.rivals.some((r) => r.id === kept)) rival.value = kept;
    }
    say();
    attr(root, "data-busy", data.asked ? "yes" : "no");
    put(note, data.asked ? `racing it: ${data.asked} …` : data.answer ? `${data.answer.races.toLocaleString("en-GB")} races a plan, the same random numbers before and after` : `one change at a time, for ${data.driver}`);
    const key = JSON.stringify([data.answer, data.error]);
    if (key === shown) return;
    shown = key;
    if (data.error) return result.replaceChildren(h("p", { class: "c-error" }, data.error));
    const a = data.answer;
    if (!a) return result.replaceChildren(h("p", { class: "c-none" }, "Pull a lever: the race is run again with that one thing changed, and both answers stand here side by side."));
    const top = Math.max(0.5, ...a.changes.map((c) => Math.abs(c.change)));
    result.replaceChildren(h("div", { class: "c-cards" }, card("As it is", a.before, null), card(`With ${a.lever}`, a.after, a.before)),
      h("table", { class: "c-table" }, h("thead", {}, h("tr", {}, ["Plan", "now", "then", "change", ""].map((t) => h("th", {}, t)))),
        h("tbody", {}, a.changes.map((c) => h("tr", {}, h("td", {}, c.plan), h("td", {}, c.before.toFixed(1)), h("td", {}, c.after.toFixed(1)),
          h("td", {}, h("span", { class: "c-bar", "data-sign": Math.sign(c.change), style: `--p:${Math.abs(c.change) / top}` })), h("td", {}, `${signed(c.change, 1)} ± ${c.standard_error.toFixed(1)}`))))));
  };
  return watch(model, root, draw);
}

export default { render };

import { frame, watch, h, put, percent, signed, empty } from "./format.js";

const NS = "http://www.w3.org/2000/svg";

function histogram(values, top) {
  const n = values.length;
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", `0 0 ${n * 4} 24`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", [...values].map((p, i) => [p, i]).filter(([p]) => p > 0.05).map(([p, i]) => `P${i + 1} ${percent(p)}`).join(", "));
  [...values].forEach((p, i) => {
    const bar = document.createElementNS(NS, "rect");
    const height = Math.max(p > 0.002 ? 0.8 : 0, (23 * p) / top);
    for (const [k, v] of Object.entries({ x: i * 4 + 0.4, width: 3.2, y: 23 - height, height, class: i < 3 ? "podium" : i < 10 ? "points" : "none" })) bar.setAttribute(k, v);
    const title = document.createElementNS(NS, "title");
    title.textContent = `P${i + 1}: ${percent(p)}`;
    bar.append(title);
    svg.append(bar);
  });
  const base = document.createElementNS(NS, "rect");
  for (const [k, v] of Object.entries({ x: 0, y: 23, width: n * 4, height: 1, class: "base" })) base.setAttribute(k, v);
  svg.append(base);
  return svg;
}

function stintBar(data, plan) {
  const total = data.total_laps || 1;
  const at = (lap) => `${(100 * Math.min(Math.max(lap, 0), total)) / total}%`;
  const piece = (from, to, compound, kind, text) => {
    const node = h("span", { class: "rt-stint", "data-compound": compound ?? "", "data-kind": kind, title: `${(compound ?? "unknown").toLowerCase()}, laps ${from + 1} to ${to}` }, text);
    node.style.left = at(from);
    node.style.width = `${(100 * Math.max(0, to - from)) / total}%`;
    return node;
  };
  const done = data.past.length ? data.past[data.past.length - 1].to : 0;
  const pieces = [];
  data.past.forEach((s, i) => { if (i < data.past.length - 1) pieces.push(piece(s.from - 1, s.to, s.compound, "past", "")); });
  const current = data.past.length ? data.past[data.past.length - 1] : { from: 1, to: 0, compound: data.compound };
  const first = plan.stops.length ? plan.stops[0][0] : total;
  pieces.push(piece(current.from - 1, first, data.compound ?? current.compound, "current", ""));
  plan.stops.forEach(([lap, compound], i) => {
    const until = plan.stops[i + 1]?.[0] ?? total;
    pieces.push(piece(lap, until, compound, "future", compound[0]));
  });
  const window = plan.window && plan.window[1] > plan.window[0]
    ? h("span", { class: "p-window", title: `stopping on laps ${plan.window[0]} to ${plan.window[1]} is as good`, style: `left:${at(plan.window[0] - 0.5)};width:${(100 * (plan.window[1] - plan.window[0] + 1)) / total}%` }) : null;
  const now = h("span", { class: "p-now", style: `left:${at(Math.max(done, data.lap - 1))}` });
  return h("div", { class: "p-bar", role: "img", "aria-label": plan.plan }, pieces, window, now);
}

const OWN_ERROR = "standard error of its own expected points", DELTA_ERROR = "± is the standard error of the difference";

const when = (plan) => {
  if (!plan.stops.length) return "to the flag";
  const [a, b] = plan.window ?? [0, 0];
  const name = (c) => (plan.stops.length > 1 ? c[0] : c[0] + c.slice(1).toLowerCase());
  return plan.stops.map(([lap, c], i) => (i === 0 && b > a ? `L${lap} (${a}–${b})` : `L${lap}`) + ` ${name(c)}`).join(" · ") + (/sooner under SC/.test(plan.plan) ? " · or SC" : "");
};

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Plans", "plans");
  body.classList.add("rt-scroll");
  const draw = (data) => {
    if (!data?.plans?.length) {
      put(note, "");
      return body.replaceChildren(empty(data?.over ?? "no ranked plans for this car yet"));
    }
    const lost = data.ours && !data.ours.weighed ? `ours (${data.ours.plan}) was not weighed · ` : "";
    put(note, lost + `${data.count} plans weighed, the best on ${data.races?.toLocaleString("en-GB")} races, after lap ${data.answer_lap}` + (data.elapsed != null ? ` · ${data.elapsed < 1 ? `${Math.round(1000 * data.elapsed)} ms` : `${data.elapsed.toFixed(1)} s`} ${data.backend}` : ""));
    // As many ideas as the panel has room for: a row cut in half at the edge reads as a mistake.
    const size = parseFloat(getComputedStyle(root).fontSize);
    const room = Math.max(3, Math.floor((body.clientHeight - 1.4 * size) / (3.05 * size)));
    // Our plan is always among them (the one that is followed, else the call that stands), and all others are measured against it;
    // where we follow another plan than the one that is called, that one is among them, too.
    const ours = data.plans.find((p) => p.current), followed = data.ours?.followed;
    const marked = (p) => p.current || p.called;
    const all = data.plans.map((p, k) => [p, k]), must = all.filter(([p]) => marked(p)).length;
    let free = room - must;
    const first = all.filter(([p]) => marked(p) || free-- > 0);
    const n = data.positions.shape[1];
    const top = Math.max(...data.positions.values, 0.15);
    const follow = (p) => model.send({ plan: p.current && followed ? null : p.plan });
    const rows = first.map(([p, k]) => h("div", { class: "p-row", role: "row", tabindex: "0", "data-close": p.too_close || p.better || p.current || (!ours && p.rank === 1), "data-plan": p.plan, "data-current": p.current, "data-called": p.called,
      title: `${p.plan}: win ${percent(p.p_win)}, podium ${percent(p.p_podium)}, points ${percent(p.p_points)}; click to ${p.current && followed ? "let go of it" : "follow it"}`,
      onclick: () => follow(p), onkeydown: (e) => { if (e.key === "Enter") follow(p); } },
      h("span", { class: "p-rank", role: "gridcell" }, p.current ? "▸" : String(k + 1)),
      h("div", { class: "p-what", role: "gridcell" }, h("span", { class: "p-when" }, when(p), p.called && !p.current ? h("span", { class: "p-called", title: "what the call says; we follow another plan" }, p.stops[0]?.[0] <= data.lap ? " the call: BOX NOW" : " the call") : null, p.too_close && !p.current ? h("span", { class: "p-close" }, " too close") : p.better && !followed ? h("span", { class: "p-close", title: "better than the call on the newest answer: the call changes when the next one says so too" }, " better, once") : null), stintBar(data, p)),
      h("div", { class: "p-hist", role: "gridcell", "data-few": p.races < data.races, title: p.races < data.races ? `let go of after ${p.races.toLocaleString("en-GB")} races: told as over the best plan's ${data.races.toLocaleString("en-GB")}` : null }, histogram(data.positions.values.subarray(k * n, (k + 1) * n), top)),
      h("div", { class: "p-mean", role: "gridcell" }, h("b", {}, `P${p.position.toFixed(1)}`), h("small", {}, `${p.points.toFixed(1)} pts`)),
      h("div", { class: "p-delta", role: "gridcell" }, p.current || (!ours && p.rank === 1) ? [h("b", {}, !ours ? "best" : followed ? "ours" : "called"), h("small", { title: OWN_ERROR }, `own ± ${p.error.toFixed(2)}`)]
        : [h("b", {}, signed(p.delta, 2)), h("small", { title: DELTA_ERROR }, `± ${p.delta_error.toFixed(2)}`)])));
    const header = h("div", { class: "p-row p-header", role: "row" }, h("span", { role: "columnheader", "aria-label": "rank" }), h("span", { role: "columnheader", title: `the laps in brackets are as good; the bars show the stints, to lap ${data.total_laps}` }, "next stop (or as good)"),
      h("span", { class: "p-scale", role: "columnheader", "aria-label": "finishing positions" }, h("span", {}, "P1"), h("span", {}, "finish"), h("span", {}, `P${n}`)), h("span", { role: "columnheader" }, "mean"), h("span", { role: "columnheader", title: `expected points over the marked plan. ${DELTA_ERROR}; beside the marked plan: ${OWN_ERROR}` }, !ours ? "Δ points" : followed ? "Δ ± to ours" : "Δ ± to call"));
    body.replaceChildren(h("div", { class: "p-list", role: "grid", "aria-label": "Plans" }, header, rows));
    // Words that took a second line take the room of the last ideas; ours stays.
    const kept = (row) => row.dataset.current === "true" || row.dataset.called === "true";
    while (rows.length > 2 && body.scrollHeight > body.clientHeight + 1) {
      const spare = rows.findLastIndex((row) => !kept(row));
      if (spare < 0) break;
      rows.splice(spare, 1)[0].remove();
    }
  };
  return watch(model, root, draw);
}

export default { render };

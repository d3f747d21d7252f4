import { frame, watch, h, put, attr, percent, planWords, signed } from "./format.js";

const LETTERS = { SOFT: "S", MEDIUM: "M", HARD: "H", INTERMEDIATE: "I", WET: "W" };
const NEUTRAL = [["", "none"], ["sc", "Safety car"], ["vsc", "VSC"], ["red", "Red flag"]];
const MOST_STOPS = 4;

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "What if", "scenario");
  let last = null, stops = [], edited = false, asked = null, shown = "";

  // --- levers: each takes effect when it is let go of; all that are pulled count together ------------------------------
  const range = (label, min, max, step, value) => h("input", { type: "range", min, max, step, value, "aria-label": label });
  const lap = range("lap of the change", 1, 60, 1, 1), lapText = h("output");
  let neutral = "";
  const flags = NEUTRAL.map(([key, text]) => h("button", { type: "button", "data-flag": key, "aria-pressed": key === "" ? "true" : "false", onclick: () => { neutral = key; flags.forEach((b) => attr(b, "aria-pressed", b.dataset.flag === key ? "true" : "false")); ask(); } }, text));
  const rain = range("wetness of rain from that lap on", 0, 1, 0.1, 0), rainText = h("output");
  const rival = h("select", { "aria-label": "rival that boxes" }), rivalLap = range("lap the rival boxes on", 1, 60, 1, 1), rivalText = h("output");
  const compound = h("select", { "aria-label": "compound the rival takes" }, ["HARD", "MEDIUM", "SOFT"].map((c) => h("option", { value: c }, c.toLowerCase())));
  const wear = range("our tyre wear", 0.7, 1.6, 0.05, 1), wearText = h("output");
  const slow = range("seconds lost at our next stop", 0, 15, 1, 0), slowText = h("output");
  const reset = h("button", { type: "button", class: "c-reset", onclick: () => { rain.value = 0; wear.value = 1; slow.value = 0; rival.value = ""; neutral = ""; flags.forEach((b) => attr(b, "aria-pressed", b.dataset.flag === "" ? "true" : "false")); edited = false; take(last); model.send({ reset: true }); } }, "Reset");
  const row = (label, ...content) => h("div", { class: "c-row" }, h("span", {}, label), content);
  const levers = h("div", { class: "c-levers" },
    row("On lap", lap, lapText), h("div", { class: "c-row c-flags", role: "group", "aria-label": "neutralisation on that lap" }, flags),
    row("Rain", rain, rainText), row("Rival", rival, compound), row("boxes on", rivalLap, rivalText),
    row("Our wear", wear, wearText), row("Slow stop", slow, slowText), h("div", { class: "c-row" }, reset));

  // --- our plan, edited by dragging its stops --------------------------------------------------------------------------
  const bar = h("div", { class: "c-bar", role: "group", "aria-label": "our plan: drag a stop, click a stint for another compound" });
  const add = h("button", { type: "button", title: "one stop more", onclick: () => change(() => {
    const from = stops.at(-1)?.[0] ?? last.lap, at = Math.round((from + last.total_laps) / 2);
    if (stops.length < MOST_STOPS && at > from && at < last.total_laps) stops.push([at, "MEDIUM"]);
  }) }, "+ stop");
  const drop = h("button", { type: "button", title: "one stop less", onclick: () => change(() => stops.pop()) }, "− stop");
  const planText = h("b", { class: "c-plan", "aria-live": "polite" });
  const plan = h("div", { class: "c-ours" }, h("div", { class: "c-row" }, h("span", {}, "Our plan"), planText, add, drop), bar);
  const result = h("div", { class: "c-result", "aria-live": "polite" });
  body.append(levers, h("div", { class: "c-right" }, plan, result));

  const say = () => {
    put(lapText, `L${lap.value}`);
    put(rainText, Number(rain.value) ? `${Number(rain.value).toFixed(1)} wet` : "none");
    put(rivalText, rival.value ? `L${rivalLap.value}` : "–");
    put(wearText, Number(wear.value) === 1 ? "as is" : `${Number(wear.value).toFixed(2)}×`);
    put(slowText, Number(slow.value) ? `+${slow.value} s` : "none");
    rivalLap.disabled = compound.disabled = !rival.value;
  };
  const lever = () => [
    neutral && `${neutral}@${lap.value}`, Number(rain.value) > 0 && `rain@${lap.value}:${rain.value}`, rival.value && `stop:${rival.value}@${rivalLap.value}:${compound.value}`,
    Number(wear.value) !== 1 && `wear:${last.car}x${wear.value}`, Number(slow.value) > 0 && `slow:${last.car}+${slow.value}`,
  ].filter(Boolean).join("&");
  const ask = () => {
    say();
    if (!last) return;
    const pulled = lever();
    if (!pulled && !edited) return model.send({ reset: true });
    asked = performance.now();
    model.send(edited ? { try: { stops: stops.map((s) => [...s]), lever: pulled || null } } : { lever: pulled });
  };
  for (const node of [lap, rain, rivalLap, wear, slow]) { node.addEventListener("input", say); node.addEventListener("change", () => (node === lap && !neutral && !Number(rain.value) ? say() : ask())); }
  for (const node of [rival, compound]) node.addEventListener("change", ask);

  const change = (act) => { act(); edited = true; stops.sort((a, b) => a[0] - b[0]); paintBar(); ask(); };
  const span = () => [Math.max(0, last.lap - 1), last.total_laps];
  const at = (l) => { const [a, b] = span(); return (100 * (l - a)) / Math.max(1, b - a); };
  const lowest = (k) => (k ? stops[k - 1][0] + 1 : last.lap), highest = (k) => (k + 1 < stops.length ? stops[k + 1][0] - 1 : last.total_laps - 1);
  const text = (list) => list.map(([l, c]) => `L${l} ${c}`).join(", ") || "no stop";

  const paintBar = () => {
    if (!last?.total_laps) return bar.replaceChildren();
    put(planText, text(stops) + (edited ? "" : last.followed ? " (as followed)" : " (the call)"));
    const ends = [span()[0], ...stops.map(([l]) => l), last.total_laps];
    const sets = [last.compound, ...stops.map(([, c]) => c)];
    const cycle = (k) => change(() => { const all = last.compounds; stops[k - 1][1] = all[(all.indexOf(stops[k - 1][1]) + 1) % all.length]; });
    bar.replaceChildren(...sets.map((c, k) => h(k ? "button" : "span", { type: k ? "button" : null, class: "rt-stint", "data-compound": c ?? "", "data-kind": k ? "future" : "current", style: `left:${at(ends[k])}%;width:${at(ends[k + 1]) - at(ends[k])}%`, title: k ? `${c.toLowerCase()}: click for another compound` : "the set on the car", onclick: k ? () => cycle(k) : null }, at(ends[k + 1]) - at(ends[k]) > 5 ? LETTERS[c] ?? "?" : "")),
      ...stops.map(([l], k) => {
        const handle = h("span", { class: "c-stop", role: "slider", tabindex: "0", "aria-label": `stop ${k + 1}`, "aria-valuemin": lowest(k), "aria-valuemax": highest(k), "aria-valuenow": l, "aria-valuetext": `lap ${l}`, style: `left:${at(l)}%` }, h("i", {}, `L${l}`));
        const move = (to) => { stops[k][0] = Math.min(Math.max(to, lowest(k)), highest(k)); };
        handle.addEventListener("pointerdown", (e) => {
          e.preventDefault();
          handle.setPointerCapture(e.pointerId);
          const box = bar.getBoundingClientRect(), [a, b] = span();
          const drag = (m) => { move(Math.round(a + ((m.clientX - box.left) / box.width) * (b - a))); edited = true; handle.style.left = `${at(stops[k][0])}%`; put(handle.firstChild, `L${stops[k][0]}`); put(planText, text(stops)); };
          const letGo = () => { handle.removeEventListener("pointermove", drag); handle.removeEventListener("pointerup", letGo); paintBar(); ask(); };
          handle.addEventListener("pointermove", drag);
          handle.addEventListener("pointerup", letGo);
        });
        handle.addEventListener("keydown", (e) => {
          const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -5, PageUp: 5 }[e.key];
          if (!step) return;
          e.preventDefault(); e.stopPropagation();
          change(() => move(stops[k][0] + step));
          bar.querySelectorAll(".c-stop")[k]?.focus();
        });
        return handle;
      }));
    add.disabled = stops.length >= MOST_STOPS; drop.disabled = !stops.length;
  };
  const take = (data) => { if (data?.plan) { stops = data.plan.map((s) => [...s]); paintBar(); say(); } };

  // --- the answer, side by side with now -------------------------------------------------------------------------------
  const places = (a, b) => {
    const n = a.probability.length, top = Math.max(...a.probability, ...b.probability, 0.1);
    return h("div", { class: "c-places", role: "img", "aria-label": `finishing positions: ${a.probability.map((p, i) => [p, b.probability[i], i]).filter(([p, r]) => p > 0.05 || r > 0.05).map(([p, r, i]) => `P${i + 1} ${percent(p)} now, ${percent(r)} then`).join("; ")}` },
      a.probability.slice(0, n).map((p, i) => h("span", { title: `P${i + 1}: ${percent(p)} now, ${percent(b.probability[i] ?? 0)} then` }, h("i", { style: `height:${(100 * p) / top}%` }), h("i", { class: "then", style: `height:${(100 * (b.probability[i] ?? 0)) / top}%` }), h("small", {}, i % 3 === 0 ? `P${i + 1}` : ""))));
  };
  // Two different plans are never compared without saying so: what the lever does to ours stands apart from what changing brings.
  const other_plan = (a) => {
    if (a.same !== false) return null;
    const k = a.kept, kept = k?.points == null ? "" : ` Ours kept: ${k.points.toFixed(1)} pts, ${signed(k.change, 2)} ± ${k.error.toFixed(2)} by what happens.`;
    return h("p", { class: "c-other" }, `The two cards are of different plans.${kept}` + (k ? ` The new plan over ours then: ${signed(k.switch, 2)} ± ${k.switch_error.toFixed(2)} pts.` : " Ours was not raced with it."));
  };
  const card = (title, a, other, gain) => h("div", { class: "c-card", "data-after": Boolean(other) },
    h("span", { class: "c-title" }, title), h("b", { title: a.plan }, a.first != null && a.first <= a.lap ? `BOX NOW · ${planWords(a.plan)}` : planWords(a.plan)),
    h("span", {}, `${a.points.toFixed(1)} ± ${a.error.toFixed(2)} pts`),
    h("span", {}, `P${a.position.toFixed(1)} · podium ${percent(a.p_podium)} · points ${percent(a.p_points)}`.replaceAll(" %", "\u00a0%")),
    a.legal === false ? h("span", { class: "c-error" }, "breaks the rules: a second dry compound is still owed") : null,
    other ? h("span", { class: "c-gain", "data-sign": gain.too_close ? 0 : Math.sign(gain.difference) }, `${signed(gain.difference, 2)} ± ${gain.error.toFixed(2)} pts` + (gain.too_close ? " · too close to call" : "")) : null);

  const heading = (a) => { // a plan of the viewer's own, ours under the lever, or another one that is best then
    const lever = a.lever ? `With ${a.lever}: ` : "";
    const which = a.same == null ? "your plan" : a.same && a.before.ours !== false ? "our plan, still the one" : "the best plan then";
    return lever + (lever ? which : which[0].toUpperCase() + which.slice(1));
  };

  const draw = (data) => {
    if (!data) return;
    const fresh = data.car !== last?.car;
    if (fresh) edited = false;
    last = data;
    const end = Math.max(data.lap, (data.total_laps ?? data.lap + 1) - 1);
    for (const node of [lap, rivalLap]) {
      attr(node, "min", data.lap); attr(node, "max", end);
      if (fresh || Number(node.value) < data.lap) node.value = String(Math.min(end, data.lap + (fresh ? 2 : 0)));
    }
    const ids = data.rivals.map((r) => r.id).join();
    if (ids !== rival.dataset.ids) {
      const kept = rival.value;
      rival.dataset.ids = ids;
      rival.replaceChildren(h("option", { value: "" }, "nobody"), ...data.rivals.map((r) => h("option", { value: r.id }, `P${r.position ?? "?"} ${r.driver}`)));
      rival.value = data.rivals.some((r) => r.id === kept) ? kept : "";
    }
    if (edited && stops.some(([l]) => l < data.lap)) { stops = stops.filter(([l]) => l >= data.lap); paintBar(); }
    const base = JSON.stringify([data.car, data.plan, data.lap, data.total_laps, data.compound, data.followed]);
    if (base !== bar.dataset.base) { bar.dataset.base = base; if (edited) paintBar(); else take(data); }
    say();
    attr(root, "data-busy", data.asked ? "yes" : "no");
    const a = data.answer;
    put(note, data.asked ? "racing it …" : a ? `${a.changes.length ? "the best on " : ""}${a.races.toLocaleString("en-GB")} races${a.changes.length ? "" : " a plan"}, the same random numbers before and after` + (asked == null && root.dataset.answered ? ` · ${root.dataset.answered} ms` : "") : `for ${data.driver}: pull a lever or drag a stop`);
    const key = JSON.stringify([data.answer, data.error, data.asked, data.over]);
    if (key === shown) return;
    shown = key;
    if (data.asked) return;
    if (asked != null && (a || data.error)) { attr(root, "data-answered", Math.round(performance.now() - asked)); asked = null; }
    if (data.error) return result.replaceChildren(h("p", { class: "c-error" }, data.error));
    if (!a) return result.replaceChildren(h("p", { class: "c-none" }, data.over ?? "The race is run again with what you change, and both answers stand here side by side."));
    const top = Math.max(0.5, ...a.changes.map((c) => Math.abs(c.change)));
    result.replaceChildren(...[h("div", { class: "c-cards" }, card(a.before.ours === false ? "As it is: the best plan (ours was not weighed)" : "As it is: our plan", a.before, null), card(heading(a), a.after, a.before, a.gain)), other_plan(a),
      places(a.before, a.after),
      a.changes.length ? h("table", { class: "c-table" }, h("thead", {}, h("tr", {}, ["Plan", "now", "then", "change", ""].map((t) => h("th", {}, t)))),
        h("tbody", {}, a.changes.map((c) => h("tr", {}, h("td", { title: c.plan }, planWords(c.plan)), h("td", {}, c.before.toFixed(1)), h("td", {}, c.after.toFixed(1)),
          h("td", {}, h("span", { class: "c-change", "data-sign": Math.sign(c.change), style: `--p:${Math.abs(c.change) / top}` })), h("td", {}, `${signed(c.change, 1)} ± ${c.standard_error.toFixed(1)}`))))) : null].filter(Boolean));
  };
  return watch(model, root, draw);
}

export default { render };

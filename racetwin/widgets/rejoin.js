import { frame, watch, h, put, attr, percent, ordinal, empty } from "./format.js";

const WORDS = { GREEN: "under green", YELLOW: "under yellow", SC: "under the safety car", VSC: "under VSC", VSC_ENDING: "as VSC ends", RED: "under red" };

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Box now", "rejoin");

  const draw = (data) => {
    const r = data?.rejoin;
    put(note, r ? `end of lap ${r.lap} ${WORDS[r.track_status] ?? ""} · pit loss ${r.pit_loss_s.mean.toFixed(1)} s` : "");
    note.title = r ? `pit loss ${r.pit_loss_s.low.toFixed(1)} to ${r.pit_loss_s.high.toFixed(1)} s in nine of ten stops` : "";
    attr(root, "data-old", r?.age ? "yes" : null);
    if (r?.age) put(note, `told for lap ${r.lap}, ${r.age} ${r.age === 1 ? "lap" : "laps"} ago`);
    if (!r) return body.replaceChildren(empty(data?.why ?? "no rejoin forecast for this car yet"));

    const lost = data.now == null ? null : r.position - data.now;
    const big = h("div", { class: "b-big", title: "After our out-lap; rivals stop as often as the live race has it, so one who runs here now may be gone" },
      h("strong", {}, ordinal(r.position)),
      h("span", {}, `${percent(r.probability)} likely`),
      h("small", {}, lost == null ? "" : lost === 0 ? "keeps its place" : `from ${ordinal(data.now)}`));

    // The road after the out-lap, drawn to scale in seconds: who is in front on the left, who comes from behind on the right.
    const reach = Math.max(6, 1.25 * Math.max(r.gap_ahead_s ?? 0, r.gap_behind_s ?? 0));
    const place = (s) => `${50 + (50 * s) / reach}%`;
    const car = (cls, s, name, gap) => name == null ? null : h("div", { class: `b-car ${cls}`, style: `left:${place(s)}` }, h("div", {}, h("b", {}, name), h("span", {}, gap)));
    const open = (cls, text) => h("div", { class: `b-open ${cls}` }, text);
    const road = h("div", { class: "b-road" },
      h("div", { class: "b-line" }),
      r.gap_ahead_s == null ? null : h("div", { class: `b-span ahead${r.traffic ? " traffic" : ""}`, style: `left:${place(-r.gap_ahead_s)};right:50%` }),
      r.gap_behind_s == null ? null : h("div", { class: "b-span behind", style: `left:50%;right:${50 - (50 * r.gap_behind_s) / reach}%` }),
      r.ahead == null ? open("left", "clear road ahead") : car("ahead", -(r.gap_ahead_s ?? reach), r.ahead, r.gap_ahead_s == null ? "" : `${r.gap_ahead_s.toFixed(1)} s`),
      car("ours", 0, data.driver, r.traffic ? "in traffic" : "free air"),
      r.behind == null ? open("right", "nobody behind") : car("behind", r.gap_behind_s ?? reach, r.behind, r.gap_behind_s == null ? "" : `${r.gap_behind_s.toFixed(1)} s`));

    // Probability of each place: the run of eight places at most that holds most of it, so that each keeps room for its label.
    const known = new Map(r.places.map(([n, p]) => [Number(n), p])), possible = [...known].filter(([, p]) => p >= 0.005).map(([n]) => n);
    const last = Math.max(...possible), room = Math.min(8, last - Math.min(...possible) + 1);
    const run = (from) => Array.from({ length: room }, (_, i) => Math.min(from, last - room + 1) + i).map((n) => [n, known.get(n) ?? 0]);
    const held = (places) => places.reduce((sum, [, p]) => sum + p, 0);
    const likely = possible.map(run).reduce((best, next) => (held(next) > held(best) + 1e-9 ? next : best), []);
    const top = Math.max(...likely.map(([, p]) => p), 0.01);
    const bars = h("div", { class: "b-bars", role: "img", "aria-label": likely.map(([n, p]) => `P${n} ${percent(p)}`).join(", ") },
      likely.map(([n, p]) => h("div", { class: "b-bar", "data-likeliest": Number(n) === r.position },
        h("small", {}, percent(p)), h("div", { class: "b-col" }, h("i", { style: `height:${(100 * p) / top}%` })), h("span", {}, `P${n}`))));
    body.replaceChildren(h("div", { class: "b-grid" }, big, bars, road));
  };
  return watch(model, root, draw);
}

export default { render };

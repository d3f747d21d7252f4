import { frame, watch, canvas, palette, h, put, attr, lapTime, ticks, tyre } from "./format.js";

const CROSSOVER_LAPS = 10; // as far ahead as the twin looks for it
const MORE = ["good", "bad", "calm", "soft"]; // colours of further cars that are compared

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Tyres", "tyres");
  const chart = h("div", { class: "y-chart" });
  const facts = h("div", { class: "y-facts rt-scroll" });
  body.append(chart, facts);
  const surface = canvas(chart);
  const chosen = new Map(); // car -> shown or not, where the viewer has said so
  let last = null, listed = "";
  const interval = (e, digits) => (e ? `${e.mean.toFixed(digits)} (${e.low.toFixed(digits)} to ${e.high.toFixed(digits)})` : "–");
  // An interval from next lap to the flag tells nothing: then what is usual for the compound here is all that is known.
  const life = (c) => (c.life && !c.life_known ? `not known yet${c.usual_life == null ? "" : ` (usually ${Math.round(c.usual_life)})`}` : interval(c.life, 0));
  const shown = (c) => chosen.get(c.id) ?? Boolean(c.role);

  const table = (sets) => {
    const key = JSON.stringify([sets.map((s) => [s.id, s.role, s.compound, s.age, s.wear, s.slope, s.life, s.life_known, s.usual_life, s.crossover]), [...chosen]]);
    if (key === listed) return;
    listed = key;
    const toggle = (c) => { chosen.set(c.id, !shown(c)); draw(last); };
    // A new set of each compound: what it gains a lap now, or from which lap on it is quicker. The stop itself is not counted.
    const cross = (c) => c.crossover.map((x) => h("span", { class: "y-cross", title: `lap for lap, a new ${x.compound.toLowerCase()} set would be ${Math.abs(x.gain_s).toFixed(2)} s a lap ${x.gain_s >= 0 ? "quicker" : "slower"} now` + (x.gain_s >= 0 ? "" : x.lap == null ? `, and is not quicker within ${CROSSOVER_LAPS} laps` : `, and is quicker from lap ${x.lap} on`) }, tyre(x.compound), x.gain_s >= 0 ? ["now", h("span", { class: "y-gain" }, `, ${x.gain_s.toFixed(1)} s`)] : x.lap == null ? "later" : `L${x.lap}`));
    const order = [...sets].sort((a, b) => Boolean(b.role) - Boolean(a.role) || (a.position ?? 99) - (b.position ?? 99));
    facts.replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, [["Car"], ["Set"], ["Wear, s a lap", "the twin's, from all laps of all cars on this compound; 90 % in brackets"], ["By its line", "slope of the line above: this set's own laps only"], ["Life, laps", "laps until half of the sets like this one, at its age, are changed; 90 % in brackets; to the flag at most"], ["New set quicker from", "from which lap on a new set of the compound is quicker than this one, lap for lap; now: by how much. What the stop costs is not counted"]].map(([t, hint]) => h("th", { scope: "col", title: hint }, t)))),
      h("tbody", {}, order.map((c) => h("tr", { "data-role": c.role, "data-shown": shown(c) ? "yes" : "no" },
        h("td", {}, h("button", { type: "button", "data-car": c.id, "aria-pressed": shown(c) ? "true" : "false", title: shown(c) ? "take off the chart" : "show on the chart", style: `--c:var(--rt-${c.colour ?? "faint"})`, onclick: () => toggle(c) }, h("i"), `${c.position ?? ""} ${c.name}`)),
        h("td", {}, tyre(c.compound, c.age)), h("td", {}, interval(c.wear, 2)), h("td", {}, interval(c.slope, 2)), h("td", {}, life(c)), h("td", {}, cross(c)))))));
  };

  const draw = (data) => {
    last = data;
    const cars = data?.cars ?? [];
    put(note, "fuel taken out · line: fit of its laps, 90 % · band: coming laps, 90 %");
    const { g, width, height } = surface.begin();
    const { colour, size, font } = palette(root);
    let more = 0;
    const all = cars.map((c, k) => ({ ...c, laps: data[`laps${k}`], fit: data[`fit${k}`], next: data[`next${k}`] }));
    for (const s of all) if (shown(s)) s.colour = s.role ?? MORE[more++ % MORE.length];
    table(all);
    const sets = all.filter(shown);
    const times = [];
    let oldest = 6;
    for (const s of sets) {
      const n = s.laps.shape[0], m = s.role === "ours" ? s.next.shape[0] : 0;
      for (let i = 0; i < n; i++) { times.push(s.laps.values[2 * i + 1]); oldest = Math.max(oldest, s.laps.values[2 * i]); }
      for (let i = 0; i < m; i++) times.push(s.next.values[3 * i]);
      oldest = Math.max(oldest, (s.age ?? 0) + m);
    }
    attr(surface.node, "aria-label", sets.map((s) => `${s.name}: ${s.laps.shape[0]} laps on ${(s.compound ?? "unknown tyres").toLowerCase()}, life left ${life(s)} laps`).join("; "));
    if (times.length < 2) {
      g.font = font(); g.fillStyle = colour("faint"); g.textAlign = "center";
      g.fillText("too few laps at racing speed on these sets", width / 2, height / 2);
      return;
    }
    // The middle of the laps decides the range; a lap lost in traffic must not flatten the rest.
    times.sort((a, b) => a - b);
    const q = (p) => times[Math.min(times.length - 1, Math.floor(p * times.length))];
    const pad = Math.max(0.4, 0.25 * (q(0.95) - q(0.03)));
    const low = q(0.02) - pad, high = q(0.95) + pad;
    const box = { left: 4.2 * size, right: width - 0.8 * size, top: 0.4 * size, bottom: height - 1.5 * size };
    const x = (age) => box.left + (age / (oldest + 1)) * (box.right - box.left);
    const y = (t) => box.bottom - ((t - low) / (high - low)) * (box.bottom - box.top);
    g.font = font(400, 0.8); g.textBaseline = "middle"; g.lineWidth = 1;
    for (const t of ticks(low, high, Math.max(3, Math.floor((box.bottom - box.top) / (3 * size))))) {
      g.strokeStyle = colour("line"); g.fillStyle = colour("faint"); g.textAlign = "right";
      g.beginPath(); g.moveTo(box.left, y(t)); g.lineTo(box.right, y(t)); g.stroke();
      g.fillText(lapTime(t).slice(0, -2), box.left - 0.4 * size, y(t));
    }
    g.textAlign = "center";
    for (const age of ticks(0, oldest, 10)) if (Number.isInteger(age)) g.fillText(String(age), x(age), height - 0.6 * size);
    g.textAlign = "left"; g.fillText("age", 0, height - 0.6 * size);
    g.save();
    g.beginPath(); g.rect(box.left, box.top, box.right - box.left, box.bottom - box.top); g.clip();
    const band = (points, c, alpha) => {
      g.beginPath();
      points.forEach(([a, lo]) => g.lineTo(x(a), y(lo)));
      [...points].reverse().forEach(([a, , hi]) => g.lineTo(x(a), y(hi)));
      g.closePath(); g.fillStyle = c; g.globalAlpha = alpha; g.fill(); g.globalAlpha = 1;
    };
    for (const s of [...sets].sort((a, b) => (a.role === "ours") - (b.role === "ours"))) {
      const c = colour(s.colour), ours = s.role === "ours";
      if (ours && s.next.shape[0] && s.age != null) {
        const v = s.next.values, m = s.next.shape[0];
        band(Array.from({ length: m }, (_, i) => [s.age + 1 + i, v[3 * i + 1], v[3 * i + 2]]), c, 0.13);
        g.beginPath();
        for (let i = 0; i < m; i++) g.lineTo(x(s.age + 1 + i), y(v[3 * i]));
        g.strokeStyle = c; g.setLineDash([5, 4]); g.lineWidth = 2 * (size / 13); g.stroke(); g.setLineDash([]);
      }
      const f = s.fit.values, k = s.fit.shape[0];
      if (k) {
        band(Array.from({ length: k }, (_, i) => [f[4 * i], f[4 * i + 1], f[4 * i + 3]]), c, ours ? 0.2 : 0.08);
        g.beginPath();
        for (let i = 0; i < k; i++) g.lineTo(x(f[4 * i]), y(f[4 * i + 2]));
        g.strokeStyle = c; g.lineWidth = (ours ? 2.6 : 1.8) * (size / 13); g.stroke();
      }
      g.fillStyle = c; g.strokeStyle = c; g.lineWidth = size / 13; g.globalAlpha = ours ? 1 : 0.85;
      for (let i = 0; i < s.laps.shape[0]; i++) { g.beginPath(); g.arc(x(s.laps.values[2 * i]), y(s.laps.values[2 * i + 1]), (ours ? 3 : 2.2) * (size / 13), 0, 7); ours ? g.fill() : g.stroke(); }
      g.globalAlpha = 1;
    }
    const ours = sets.find((s) => s.role === "ours");
    const mark = (age, text, line) => {
      const at = x(age);
      g.strokeStyle = colour("ours"); g.setLineDash([2, 4]); g.beginPath(); g.moveTo(at, box.top); g.lineTo(at, box.bottom); g.stroke(); g.setLineDash([]);
      const left = at - 0.3 * size - g.measureText(text).width > box.left;
      g.fillStyle = colour("ours"); g.textAlign = left ? "right" : "left";
      g.fillText(text, at + (left ? -0.3 : 0.3) * size, box.top + (0.6 + 1.1 * line) * size);
    };
    if (ours?.age != null) {
      if (ours.life && ours.life_known && ours.life.mean > 0 && ours.age + ours.life.mean < oldest + 1) mark(ours.age + ours.life.mean, "half of such sets are off by here", 0);
      ours.crossover.filter((c) => c.gain_s < 0 && c.lap != null).forEach((c, k) => mark(ours.age + c.lap - data.lap, `L${c.lap}: a new ${c.compound.toLowerCase()} laps quicker from here`, k + 1));
    }
    g.restore();
  };
  return watch(model, root, draw);
}

export default { render };

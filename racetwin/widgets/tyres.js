import { frame, watch, canvas, palette, h, put, attr, lapTime, ticks, tyre, empty } from "./format.js";

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Tyres", "tyres");
  const chart = h("div", { class: "y-chart" });
  const facts = h("div", { class: "y-facts" });
  body.append(chart, facts);
  const surface = canvas(chart);
  const interval = (e, digits) => (e ? `${e.mean.toFixed(digits)} (${e.low.toFixed(digits)} to ${e.high.toFixed(digits)})` : "–");

  const draw = (data) => {
    const cars = data?.cars ?? [];
    put(note, "lap times of the present set by its age · band: 90 % of the coming laps");
    const { g, width, height } = surface.begin();
    const { colour, size, font } = palette(root);
    const sets = cars.map((c, k) => ({ ...c, laps: data[`laps${k}`], next: data[`next${k}`] }));
    facts.replaceChildren(...sets.map((c) => h("div", { class: "y-car", "data-role": c.role },
      h("b", {}, c.name), tyre(c.compound, c.age),
      h("span", {}, h("small", {}, "wear, s a lap"), interval(c.wear, 3)), h("span", {}, h("small", {}, "life left, laps"), interval(c.life, 0)), h("span", {}, h("small", {}, "pace, s"), interval(c.pace, 2)))));
    const times = [];
    let oldest = 6;
    for (const s of sets) {
      const n = s.laps.shape[0], m = s.role === "ours" ? s.next.shape[0] : 0;
      for (let i = 0; i < n; i++) { times.push(s.laps.values[2 * i + 1]); oldest = Math.max(oldest, s.laps.values[2 * i]); }
      for (let i = 0; i < m; i++) times.push(s.next.values[3 * i]);
      oldest = Math.max(oldest, (s.age ?? 0) + m);
    }
    attr(surface.node, "aria-label", sets.map((s) => `${s.name}: ${s.laps.shape[0]} laps on ${s.compound}`).join("; "));
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
    for (const s of [...sets].reverse()) {
      const c = colour(s.role);
      if (s.role === "ours" && s.next.shape[0] && s.age != null) {
        const v = s.next.values, m = s.next.shape[0];
        g.beginPath();
        for (let i = 0; i < m; i++) g.lineTo(x(s.age + 1 + i), y(v[3 * i + 1]));
        for (let i = m - 1; i >= 0; i--) g.lineTo(x(s.age + 1 + i), y(v[3 * i + 2]));
        g.closePath(); g.fillStyle = c; g.globalAlpha = 0.16; g.fill(); g.globalAlpha = 1;
        g.beginPath();
        for (let i = 0; i < m; i++) g.lineTo(x(s.age + 1 + i), y(v[3 * i]));
        g.strokeStyle = c; g.setLineDash([5, 4]); g.lineWidth = 2 * (size / 13); g.stroke(); g.setLineDash([]);
      }
      g.strokeStyle = c; g.fillStyle = c; g.lineWidth = (s.role === "ours" ? 2 : 1.3) * (size / 13); g.globalAlpha = s.role === "ours" ? 1 : 0.8;
      g.beginPath();
      for (let i = 0; i < s.laps.shape[0]; i++) g.lineTo(x(s.laps.values[2 * i]), y(s.laps.values[2 * i + 1]));
      g.stroke();
      for (let i = 0; i < s.laps.shape[0]; i++) { g.beginPath(); g.arc(x(s.laps.values[2 * i]), y(s.laps.values[2 * i + 1]), (s.role === "ours" ? 3 : 2.2) * (size / 13), 0, 7); g.fill(); }
      g.globalAlpha = 1;
    }
    const ours = sets.find((s) => s.role === "ours");
    if (ours?.life && ours.age != null && ours.life.mean > 0 && ours.age + ours.life.mean < oldest + 1) {
      const at = x(ours.age + ours.life.mean);
      g.strokeStyle = colour("ours"); g.setLineDash([2, 4]); g.beginPath(); g.moveTo(at, box.top); g.lineTo(at, box.bottom); g.stroke(); g.setLineDash([]);
      g.fillStyle = colour("ours"); g.textAlign = "right"; g.fillText("end of life", at - 0.3 * size, box.top + 0.6 * size);
    }
    g.restore();
  };
  return watch(model, root, draw);
}

export default { render };

import { frame, watch, canvas, palette, h, put, attr, spread, ticks, signed, empty } from "./format.js";

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Race trace", "trace");
  const surface = canvas(body);
  const tip = h("div", { class: "r-tip", hidden: true });
  const waiting = empty("the trace begins with the first completed lap");
  body.append(tip, waiting);
  let pointer = null;
  let last = null;
  let hit = [];

  const draw = (data) => {
    last = data;
    const laps = data?.gaps?.shape[0] ?? 0;
    waiting.hidden = laps > 0;
    waiting.style.display = laps > 0 ? "none" : "";
    const { g, width, height } = surface.begin();
    if (!laps) return;
    const { colour, size, font } = palette(root);
    const n = data.cars.length;
    const at = (lap, i) => data.gaps.values[lap * n + i];
    // The laps ahead that the next decision is about, not the whole rest of the race: early on it would be an empty half.
    const soon = Math.max(laps + 12, 1.4 * laps, ...data.planned.slice(0, 1).map(([lap]) => lap + 4));
    const total = Math.max(Math.min(data.total_laps ?? laps, Math.round(soon)), laps);
    const box = { left: 2.6 * size, right: width - 3.1 * size, top: 0.5 * size, bottom: height - 1.5 * size };

    // Vertical range: the cars on the lead lap, and our own wherever it is. Lapped cars would squeeze the fight into a strip.
    let low = Infinity, high = -Infinity;
    for (let i = 0; i < n; i++) {
      const ours = data.cars[i] === data.car;
      if (!ours && (data.down[i] > 0 || data.out.includes(data.cars[i]))) continue;
      for (let l = 0; l < laps; l++) {
        const v = at(l, i);
        if (Number.isFinite(v)) { low = Math.min(low, v); high = Math.max(high, v); }
      }
    }
    if (!(high > low)) { low = -5; high = 5; }
    const pad = Math.max(1, 0.05 * (high - low));
    low -= pad; high += pad;
    let first = 0; // a race followed from the middle begins where its laps do
    while (first < laps - 1 && !data.cars.some((_, i) => Number.isFinite(at(first, i)))) first++;
    const x = (lap) => box.left + ((lap - first) / (total - first)) * (box.right - box.left);
    const y = (v) => box.top + ((v - low) / (high - low)) * (box.bottom - box.top);

    g.font = font(400, 0.8);
    g.textBaseline = "middle";
    for (const [from, to, status] of data.spans) {
      g.fillStyle = colour(status === "RED" ? "red" : status === "SC" ? "sc" : "vsc");
      g.fillRect(x(from - 1), box.top, x(to) - x(from - 1), box.bottom - box.top);
      if (from > first && x(to) - x(from - 1) > 1.2 * size) {
        g.fillStyle = colour("ahead");
        g.textAlign = "center";
        g.fillText(status, (x(from - 1) + x(to)) / 2, box.top + 0.6 * size);
      }
    }
    g.strokeStyle = colour("line");
    g.fillStyle = colour("faint");
    g.lineWidth = 1;
    g.textAlign = "right";
    for (const v of ticks(low, high, Math.max(3, Math.floor((box.bottom - box.top) / (3.2 * size))))) {
      g.globalAlpha = v === 0 ? 1 : 0.55;
      g.beginPath(); g.moveTo(box.left, Math.round(y(v)) + 0.5); g.lineTo(box.right, Math.round(y(v)) + 0.5); g.stroke();
      g.globalAlpha = 1;
      g.fillText(v === 0 ? "0" : signed(v, Number.isInteger(v) ? 0 : 1), box.left - 0.4 * size, y(v));
    }
    g.textAlign = "center";
    for (const lap of ticks(first, total, Math.floor((box.right - box.left) / (5 * size)))) {
      if (Number.isInteger(lap) && lap > first) g.fillText(String(lap), x(lap), height - 0.65 * size);
    }
    g.textAlign = "left";
    g.fillText("lap", 0, height - 0.65 * size);

    // Our planned stops: where the line will step down.
    g.font = font(700, 0.8);
    for (const [lap, compound] of data.planned.filter(([lap]) => lap < total)) {
      g.strokeStyle = colour("ours"); g.globalAlpha = 0.55; g.setLineDash([3, 4]); g.lineWidth = 1;
      g.beginPath(); g.moveTo(x(lap), box.top); g.lineTo(x(lap), box.bottom); g.stroke();
      g.setLineDash([]); g.globalAlpha = 1; g.fillStyle = colour("ours"); g.textAlign = "left";
      g.fillText(`L${lap} ${compound[0]}`, x(lap) + 0.3 * size, box.top + 0.6 * size);
    }

    // Cars in the order of importance, the most important drawn last, on top.
    const look = (i) => {
      const id = data.cars[i];
      if (id === data.car) return { rank: 3, colour: colour("ours"), width: 2.4, alpha: 1 };
      if (id === data.ahead) return { rank: 2, colour: colour("ahead"), width: 1.7, alpha: 1 };
      if (id === data.behind) return { rank: 2, colour: colour("behind"), width: 1.7, alpha: 1 };
      return { rank: data.out.includes(id) ? 0 : 1, colour: colour("faint"), width: 1, alpha: data.out.includes(id) ? 0.4 : 0.62 };
    };
    const order = [...data.cars.keys()].sort((a, b) => look(a).rank - look(b).rank);
    hit = [];
    g.save();
    g.beginPath(); g.rect(box.left, box.top, box.right - box.left + 1, box.bottom - box.top); g.clip();
    for (const i of order) {
      const style = look(i);
      g.strokeStyle = style.colour; g.lineWidth = style.width * (size / 13); g.globalAlpha = style.alpha; g.lineJoin = "round";
      g.beginPath();
      let pen = false;
      for (let l = 0; l < laps; l++) {
        const v = at(l, i);
        if (!Number.isFinite(v)) { pen = false; continue; }
        if (pen) g.lineTo(x(l + 1), y(v)); else g.moveTo(x(l + 1), y(v));
        pen = true;
        hit.push([x(l + 1), y(v), i, l]);
      }
      g.stroke();
    }
    for (const [i, lap] of data.stops) {
      const v = at(lap - 1, i);
      if (!Number.isFinite(v)) continue;
      const style = look(i);
      g.globalAlpha = style.alpha;
      g.beginPath(); g.arc(x(lap), y(v), (style.rank >= 2 ? 3.2 : 1.9) * (size / 13), 0, 7);
      g.fillStyle = colour("panel"); g.strokeStyle = style.colour; g.lineWidth = 1.4 * (size / 13); g.fill(); g.stroke();
    }
    g.restore();
    g.globalAlpha = 1;

    // Names at the ends of the lines, pushed apart; who is out or out of range has none.
    const ends = [];
    for (let i = 0; i < n; i++) {
      if (data.out.includes(data.cars[i])) continue;
      let l = laps - 1;
      while (l >= 0 && !Number.isFinite(at(l, i))) l--;
      if (l < 0 || l < laps - 3 || y(at(l, i)) > box.bottom) continue;
      ends.push({ i, x: x(l + 1), y: y(at(l, i)), rank: look(i).rank });
    }
    const step = 0.98 * size * 0.82;
    const room = Math.floor((box.bottom - box.top) / step);
    const named = ends.sort((a, b) => b.rank - a.rank || a.y - b.y).slice(0, room);
    const places = spread(named.map((e) => e.y), step, box.top + step / 2, box.bottom - step / 2);
    const edge = Math.max(...named.map((e) => e.x), box.left);
    g.textAlign = "left";
    named.forEach((e, k) => {
      const style = look(e.i);
      g.font = font(style.rank >= 2 ? 700 : 400, 0.8);
      g.fillStyle = style.rank >= 2 ? style.colour : colour("soft");
      g.fillText(data.names[e.i], edge + 0.75 * size, places[k]);
      g.strokeStyle = style.colour; g.globalAlpha = 0.5; g.lineWidth = 1;
      g.beginPath(); g.moveTo(e.x + 1, e.y); g.lineTo(edge + 0.6 * size, places[k]); g.stroke();
      g.globalAlpha = 1;
    });
    put(note, `seconds behind ${data.reference ? data.reference : "the pace of the front half"} · ○ stop`);
    attr(surface.node, "aria-label", `Race trace after ${laps} laps, ${n} cars`);
    point();
  };

  const point = () => {
    tip.hidden = true;
    if (!pointer || !hit.length) return;
    let best = null, distance = 18 ** 2;
    for (const p of hit) {
      const d = (p[0] - pointer[0]) ** 2 + (p[1] - pointer[1]) ** 2;
      if (d < distance) { distance = d; best = p; }
    }
    if (!best) return;
    const [px, py, i, l] = best;
    put(tip, `${last.names[i]} · lap ${l + 1} · ${signed(last.gaps.values[l * last.cars.length + i], 1)} s`);
    tip.hidden = false;
    const right = px > body.clientWidth / 2;
    tip.style.left = right ? "" : `${px + 10}px`;
    tip.style.right = right ? `${body.clientWidth - px + 10}px` : "";
    tip.style.top = `${Math.max(0, py - 26)}px`;
  };
  surface.node.addEventListener("pointermove", (e) => { pointer = [e.offsetX, e.offsetY]; point(); });
  surface.node.addEventListener("pointerleave", () => { pointer = null; point(); });
  surface.node.addEventListener("click", () => {
    if (!pointer) return;
    const best = hit.map((p) => [(p[0] - pointer[0]) ** 2 + (p[1] - pointer[1]) ** 2, p]).sort((a, b) => a[0] - b[0])[0];
    if (best && best[0] < 18 ** 2) model.send({ choose: last.cars[best[1][2]] });
  });
  return watch(model, root, draw);
}

export default { render };

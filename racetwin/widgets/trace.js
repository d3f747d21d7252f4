import { frame, watch, canvas, palette, h, put, attr, spread, ticks, signed, empty } from "./format.js";

function render({ model, el }) {
  const { root, head, note, body } = frame(el, model, "Race trace", "trace");
  const surface = canvas(body);
  const tip = h("div", { class: "r-tip", hidden: true });
  const waiting = empty("the trace begins with the first completed lap");
  body.append(tip, waiting);
  // What gaps are taken to, and a car to look at beside ours: the viewer's own choice, drawn at once from the laps at hand.
  // The forecast against another car has to be raced anew, so the choice is also sent.
  const against = h("select", { "aria-label": "gaps to", onchange: () => { model.send({ reference: against.value || null }); draw(last); } });
  const beside = h("select", { "aria-label": "compare with", onchange: () => draw(last) });
  head.insertBefore(h("span", { class: "r-tools" }, h("label", {}, "gaps to ", against), h("label", {}, "compare ", beside)), note);
  let pointer = null, last = null, hit = [], offered = "";

  const offer = (data) => {
    const ids = data.cars.join();
    if (ids === offered) return;
    offered = ids;
    const kept = [against.value || data.reference_car || "", beside.value];
    const options = () => [...data.cars.keys()].sort((a, b) => data.names[a].localeCompare(data.names[b])).map((i) => h("option", { value: data.cars[i] }, data.names[i]));
    against.replaceChildren(h("option", { value: "" }, "front half's pace"), ...options());
    beside.replaceChildren(h("option", { value: "" }, "nobody"), ...options());
    [against.value, beside.value] = kept;
  };

  const draw = (data) => {
    last = data;
    const laps = data?.gaps?.shape[0] ?? 0;
    waiting.hidden = laps > 0;
    waiting.style.display = laps > 0 ? "none" : "";
    const { g, width, height } = surface.begin();
    if (!laps) return;
    offer(data);
    const { colour, size, font } = palette(root);
    const n = data.cars.length;
    const base = data.cars.indexOf(against.value); // -1: the front half's pace
    const raw = (lap, i) => data.gaps.values[lap * n + i];
    const at = base < 0 ? raw : (lap, i) => raw(lap, i) - raw(lap, base);
    const known = (i) => { let l = laps - 1; while (l >= 0 && !Number.isFinite(at(l, i))) l--; return l; };

    // The fan: how a car's gap changes from here over simulated races, anchored at its last known gap.
    const fan = data.fan && (data.fan_reference ?? "") === against.value && data.fan_car === data.car ? data.fan : null;
    const [fanLaps, q] = fan ? [fan.shape[1], fan.shape[2]] : [0, 0];
    const forecast = (i) => {
      const l = known(i), from = Math.max(0, l + 1 - data.fan_lap); // first row of the fan after the last known lap
      if (!fan || l < 0 || data.out.includes(data.cars[i]) || i === base) return [];
      const value = (k, j) => (k < 0 ? 0 : fan.values[(i * fanLaps + k) * q + j]);
      const origin = at(l, i) - value(from - 1, 2);
      const rows = [[l + 1, ...Array(q).fill(at(l, i))]];
      for (let k = from; k < fanLaps; k++) {
        const row = Array.from({ length: q }, (_, j) => origin + value(k, j));
        if (!row.every(Number.isFinite)) break;
        rows.push([data.fan_lap + k + 1, ...row]);
      }
      return rows;
    };
    const own = data.cars.indexOf(data.car), second = data.cars.indexOf(beside.value);
    const fans = [own, second].filter((i) => i >= 0).map((i) => [i, forecast(i)]).filter(([, rows]) => rows.length > 1);

    // The laps ahead that the next decision is about, not the whole rest of the race: early on it would be an empty half.
    const soon = Math.max(laps + 12, 1.4 * laps, ...data.planned.slice(0, 1).map(([lap]) => lap + 6));
    const total = Math.max(Math.min(data.total_laps ?? laps, Math.round(soon)), laps);
    const box = { left: 2.8 * size, right: width - 3.1 * size, top: 0.5 * size, bottom: height - 1.5 * size };

    // Vertical range: the cars on the lead lap, ours and the compared one wherever they are. Lapped cars would squeeze the fight.
    let low = Infinity, high = -Infinity;
    for (let i = 0; i < n; i++) {
      if (i !== own && i !== second && (data.down[i] > 0 || data.out.includes(data.cars[i]))) continue;
      for (let l = 0; l < laps; l++) {
        const v = at(l, i);
        if (Number.isFinite(v)) { low = Math.min(low, v); high = Math.max(high, v); }
      }
    }
    for (const [, rows] of fans) for (const r of rows) if (r[0] <= total) { low = Math.min(low, r[2]); high = Math.max(high, r[q - 1]); }
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

    // What is still to come stands on a ground of its own.
    const now = x(laps);
    g.fillStyle = colour("raised"); g.globalAlpha = 0.45;
    if (now < box.right) g.fillRect(now, box.top, box.right - now, box.bottom - box.top);
    g.globalAlpha = 1;

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
      if (i === own) return { rank: 4, colour: colour("ours"), width: 2.6, alpha: 1 };
      if (i === second) return { rank: 3, colour: colour("good"), width: 2.2, alpha: 1 };
      if (id === data.ahead) return { rank: 2, colour: colour("ahead"), width: 1.7, alpha: 1 };
      if (id === data.behind) return { rank: 2, colour: colour("behind"), width: 1.7, alpha: 1 };
      return { rank: data.out.includes(id) ? 0 : 1, colour: colour("faint"), width: 1, alpha: data.out.includes(id) ? 0.4 : 0.62 };
    };
    const order = [...data.cars.keys()].sort((a, b) => look(a).rank - look(b).rank);
    hit = [];
    g.save();
    g.beginPath(); g.rect(box.left, box.top, box.right - box.left + 1, box.bottom - box.top); g.clip();
    for (const [i, rows] of [...fans].reverse()) {
      const { colour: c } = look(i);
      const shown = rows.filter((r) => r[0] <= total);
      for (const [a, b, alpha] of [[1, q, 0.14], [2, q - 1, 0.24]]) {
        g.beginPath();
        shown.forEach((r) => g.lineTo(x(r[0]), y(r[a])));
        [...shown].reverse().forEach((r) => g.lineTo(x(r[0]), y(r[b])));
        g.closePath(); g.fillStyle = c; g.globalAlpha = alpha; g.fill();
      }
      g.globalAlpha = 1; g.strokeStyle = c; g.lineWidth = 1.8 * (size / 13); g.setLineDash([6, 4]);
      g.beginPath(); shown.forEach((r) => g.lineTo(x(r[0]), y(r[3]))); g.stroke(); g.setLineDash([]);
      shown.slice(1).forEach((r) => hit.push([x(r[0]), y(r[3]), i, r[0] - 1, r]));
    }
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
        hit.push([x(l + 1), y(v), i, l, null]);
      }
      g.stroke();
    }
    for (const [i, lap] of data.stops) {
      const v = at(lap - 1, i);
      if (!Number.isFinite(v)) continue;
      const style = look(i);
      g.globalAlpha = style.alpha;
      g.beginPath(); g.arc(x(lap), y(v), (style.rank >= 2 ? 3.4 : 1.9) * (size / 13), 0, 7);
      g.fillStyle = colour("panel"); g.strokeStyle = style.colour; g.lineWidth = 1.4 * (size / 13); g.fill(); g.stroke();
    }
    g.restore();
    g.globalAlpha = 1;

    // Names: at the far end of a fan, else at the ends of the lines; pushed apart; who is out or out of range has none.
    const label = (list, edge) => {
      const step = 0.98 * size * 0.82, room = Math.floor((box.bottom - box.top) / step);
      const named = list.sort((a, b) => b.rank - a.rank || a.y - b.y).slice(0, room);
      const places = spread(named.map((e) => e.y), step, box.top + step / 2, box.bottom - step / 2);
      let right = edge;
      g.textAlign = "left";
      named.forEach((e, k) => {
        const style = look(e.i);
        g.font = font(style.rank >= 2 ? 700 : 400, 0.8);
        g.fillStyle = style.rank >= 2 ? style.colour : colour("soft");
        g.strokeStyle = colour("panel"); g.lineWidth = 0.25 * size; g.lineJoin = "round";
        g.strokeText(data.names[e.i], edge + 0.75 * size, places[k]);
        g.fillText(data.names[e.i], edge + 0.75 * size, places[k]);
        right = Math.max(right, edge + 0.75 * size + g.measureText(data.names[e.i]).width);
        g.strokeStyle = style.colour; g.globalAlpha = 0.5; g.lineWidth = 1;
        g.beginPath(); g.moveTo(e.x + 1, e.y); g.lineTo(edge + 0.6 * size, places[k]); g.stroke();
        g.globalAlpha = 1;
      });
      return right;
    };
    const ends = [], far = [];
    for (let i = 0; i < n; i++) {
      if (data.out.includes(data.cars[i])) continue;
      const l = known(i);
      if (l < 0 || l < laps - 3 || y(at(l, i)) > box.bottom || y(at(l, i)) < box.top) continue;
      const rows = fans.find(([k]) => k === i)?.[1].filter((r) => r[0] <= total);
      const end = rows?.at(-1);
      if (end) far.push({ i, x: x(end[0]), y: y(end[3]), rank: look(i).rank });
      else ends.push({ i, x: x(l + 1), y: y(at(l, i)), rank: look(i).rank });
    }
    const named = label(ends, Math.max(...ends.map((e) => e.x), box.left));
    if (far.length) label(far, Math.max(...far.map((e) => e.x)));
    put(note, "seconds behind · ○ stop");
    if (fans.length) {
      // The bands are explained where they are, in as few words as there is room for.
      g.font = font(400, 0.8); g.fillStyle = colour("soft"); g.textAlign = "right";
      const words = [`bands: 50 and 90 % of ${data.fan_races} races with us at the flag`, `50 and 90 % of ${data.fan_races} races`, "50 and 90 %"].find((w) => g.measureText(w).width < box.right - Math.max(named, now) - 0.9 * size);
      if (words) g.fillText(words, box.right - 0.3 * size, box.bottom - 0.7 * size);
      attr(root, "data-bands", words ?? null);
    }
    const name = (i) => (i >= 0 ? data.names[i] : "");
    attr(surface.node, "aria-label", `Race trace after ${laps} laps, ${n} cars, gaps to ${name(base) || "the pace of the front half"}` + (own >= 0 && known(own) >= 0 ? `; ${name(own)} ${signed(at(known(own), own), 1)} s` : "") + (second >= 0 && known(second) >= 0 ? `; ${name(second)} ${signed(at(known(second), second), 1)} s` : ""));
    attr(root, "data-fan", fans.length ? fans.map(([i]) => data.cars[i]).join(" ") : null);
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
    const [px, py, i, l, row] = best;
    const base = last.cars.indexOf(against.value), n = last.cars.length;
    const value = last.gaps.values[l * n + i] - (base < 0 ? 0 : last.gaps.values[l * n + base]);
    put(tip, row ? `${last.names[i]} · lap ${l + 1} · ${signed(row[3], 1)} s (${signed(row[1], 1)} to ${signed(row.at(-1), 1)})` : `${last.names[i]} · lap ${l + 1} · ${signed(value, 1)} s`);
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
